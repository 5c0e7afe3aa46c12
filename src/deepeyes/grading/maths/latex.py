r"""LaTeX written as plain text: ``$12 \mathrm{~m}$`` is "12 m", ``\frac{1}{12}`` is "1/12".

References come in LaTeX where models answer in plain words, and the other way round; the kinds of answers that
are not mathematics (numbers with units, words, dates) compare plain text. What always holds: `plain` is pure,
takes time in proportion to the text, raises nothing, and leaves text without LaTeX as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST = 2_000
"""Characters; longer text is not one answer and stays as it is."""
DEEPEST = 40
"""Groups in groups; what nests deeper stays as it is."""

SYMBOLS = {
    "pi": "π", "theta": "θ", "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε",
    "varepsilon": "ε", "lambda": "λ", "mu": "μ", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ",
    "varphi": "φ", "omega": "ω", "Omega": "Ω", "Delta": "Δ", "Sigma": "Σ", "Phi": "Φ", "Gamma": "Γ",
    "Lambda": "Λ", "Theta": "Θ", "ell": "ℓ",
    "times": "×", "cdot": "·", "ast": "*", "div": "÷", "pm": "±", "mp": "∓", "infty": "∞",
    "le": "≤", "leq": "≤", "leqslant": "≤", "ge": "≥", "geq": "≥", "geqslant": "≥", "lt": "<", "gt": ">",
    "ne": "≠", "neq": "≠", "approx": "≈", "sim": "∼", "equiv": "≡", "cong": "≅", "in": "∈", "notin": "∉",
    "cup": "∪", "cap": "∩", "setminus": "∖", "subset": "⊂", "subseteq": "⊆", "emptyset": "∅",
    "varnothing": "∅", "to": "→", "rightarrow": "→", "Rightarrow": "⇒", "iff": "⇔", "circ": "∘",
    "degree": "°", "prime": "′", "angle": "∠", "triangle": "△", "perp": "⊥", "parallel": "∥",
    "ldots": "…", "dots": "…", "cdots": "…", "neg": "¬", "land": "∧", "lor": "∨",
    "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "langle": "⟨", "rangle": "⟩",
    "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "vert": "|", "lvert": "|", "rvert": "|",
    "mid": "|", "colon": ":", "%": "%", "$": "$", "#": "#", "&": "&", "_": "_", "{": "{", "}": "}", "|": "|",
    "quad": " ", "qquad": " ", ",": " ", ";": " ", ":": " ", " ": " ", "~": " ", "\\": " ", ">": " ",
    "!": "", "left": "", "right": "", "big": "", "Big": "", "bigg": "", "bigl": "", "bigr": "", "Bigl": "",
    "Bigr": "", "displaystyle": "", "textstyle": "", "limits": "", "(": "", ")": "", "[": "", "]": "",
}  # fmt: skip
r"""What a command without arguments writes. ``\(`` and its like are delimiters and write nothing."""
WRAPPERS = frozenset({
    "text", "textbf", "textit", "textrm", "textsf", "texttt", "textnormal", "mathrm", "mathbf", "mathit",
    "mathsf", "mathtt", "mathbb", "mathcal", "operatorname", "mbox", "hbox", "boxed", "fbox", "boldsymbol",
    "bm", "rm", "bf", "it", "underline", "ensuremath",
})  # fmt: skip
"""Commands that write their argument."""
FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac"})
FUNCTIONS = frozenset({
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "log",
    "ln", "lg", "exp", "gcd", "lcm", "max", "min", "deg", "det",
})  # fmt: skip
"""Commands that write their own name."""

_COMMAND = re.compile(r"\\([A-Za-z]+|.)", re.DOTALL)
_IN_DOLLARS = re.compile(r"\$\$([^$]+)\$\$|(?<![\\$])\$(?![\s$])([^$]*?[^$\s\\])\$(?![\d$])")
_SPACES = re.compile(r"[ \t\r\n\u00a0]+")
_LOST_BACKSLASH = re.compile(
    r"\x0c(?=rac\b|rac[{\d])|\x08(?=oxed\b|inom\b|ar\b|egin\b)|\t(?=ext\b|imes\b|heta\b|frac\b|an\b)|\r(?=ight\b|ho\b)"
)
_LOST = {"\x0c": "\\f", "\x08": "\\b", "\t": "\\t", "\r": "\\r"}
_DOUBLED = re.compile(r"\\\\(?=[A-Za-z]{2})")
_WORD_IN_BRACES = re.compile(r"(?<=[\d}\])A-Za-z°])\{((?:square|cubic)?)\s*([A-Za-z]{1,20})\}")
_LAST_COMMAND = re.compile(r"\\([A-Za-z]{1,20})\Z")
_TAKES_TWO = re.compile(r"\\[dtc]?(?:frac|binom)\s*\Z")
_SIMPLE = re.compile(r"[\w.,°′%√π∞]*\Z")
_SIGNED = re.compile(r"[-+]?[\w.,°′%√π∞]*\Z")


class _Unreadable(Exception):
    """The LaTeX is not well formed; the caller keeps the text as it is."""


@lru_cache(maxsize=8192)
def plain(text: str) -> str:
    """`text` with its LaTeX written as plain text, spaces joined; text without LaTeX as it is."""
    if len(text) > LONGEST or not ("\\" in text or "$" in text or "{" in text or "\x0c" in text):
        return text
    text = repaired(text)
    text, formulas = _IN_DOLLARS.subn(lambda found: found[1] or found[2], text)
    text = _WORD_IN_BRACES.sub(_spelt_unit, text.replace("{,}", ","))
    if formulas or "\\" in text:
        try:
            text = _Reader(text).everything()
        except _Unreadable:
            return text
    return _SPACES.sub(" ", text).strip()


def repaired(text: str) -> str:
    r"""`text` with commands whose backslash a JSON or Python string has eaten or doubled."""
    text = _LOST_BACKSLASH.sub(lambda found: _LOST[found[0]], text)
    if "\\\\" in text and "\\begin" not in text:
        text = _DOUBLED.sub(lambda _: "\\", text)
    return text


def _spelt_unit(found: re.Match[str]) -> str:
    """`69{degrees}` with its word set apart, except where the braces are the argument of a command."""
    before = found.string[max(0, found.start() - 200) : found.start()]
    command = _LAST_COMMAND.search(before)
    if command is not None and command[1] not in SYMBOLS:
        return found[0]
    if before.endswith("}") and _is_first_of_two(before):
        return found[0]
    return f" {found[1]} {found[2]} "


def _is_first_of_two(before: str) -> bool:
    r"""Whether the group that ends `before` is the first argument of a fraction, so that another follows."""
    depth = 0
    for at in range(len(before) - 1, -1, -1):
        depth += (before[at] == "}") - (before[at] == "{")
        if depth == 0:
            return _TAKES_TWO.search(before, max(0, at - 12), at) is not None
    return True


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def everything(self) -> str:
        written = self._until("")
        if self.at < len(self.text):
            raise _Unreadable
        return written

    def _until(self, end: str) -> str:
        parts: list[str] = []
        text = self.text
        while self.at < len(text):
            char = text[self.at]
            if char == "}":
                if end:
                    return "".join(parts)
                raise _Unreadable
            parts.append(self._one(parts))
        if end:
            raise _Unreadable
        return "".join(parts)

    def _one(self, before: list[str]) -> str:
        char = self.text[self.at]
        if char == "{":
            return self._group()
        if char == "\\":
            return self._command(before)
        if char in "^_":
            self.at += 1
            return self._script(char)
        self.at += 1
        return " " if char == "~" else char

    def _group(self) -> str:
        self.depth += 1
        if self.depth > DEEPEST:
            raise _Unreadable
        self.at += 1
        written = self._until("}")
        self.at += 1
        self.depth -= 1
        return written

    def _argument(self) -> str:
        r"""The next group, command or character: the arguments of ``\frac12`` are 1 and 2."""
        while self.at < len(self.text) and self.text[self.at] in " \n":
            self.at += 1
        if self.at >= len(self.text) or self.text[self.at] == "}":
            raise _Unreadable
        if self.text[self.at] == "{":
            return self._group().strip()
        self.depth += 1
        if self.depth > DEEPEST:
            raise _Unreadable
        written = self._one([])
        self.depth -= 1
        return written

    def _script(self, mark: str) -> str:
        script = self._argument()
        if mark == "^" and script in ("∘", "°", "o"):
            return "°"
        if mark == "^" and script.strip("′'") == "":
            return "′" * len(script)
        return mark + (script if _SIGNED.match(script) else f"({script})")

    def _command(self, before: list[str]) -> str:
        found = _COMMAND.match(self.text, self.at)
        if found is None:
            raise _Unreadable
        self.at = found.end()
        name: str = found[1]
        if name in FRACTIONS:
            above, below = self._argument(), self._argument()
            whole = " " if before and before[-1][-1:].isdigit() else ""
            return f"{whole}{_one_piece(above)}/{_one_piece(below, last=True)}"
        if name == "sqrt":
            return self._root()
        if name in WRAPPERS:
            return self._argument_or_nothing()
        if name in ("binom", "dbinom", "tbinom"):
            return f"C({self._argument()}, {self._argument()})"
        if name in ("overline", "bar", "dot"):
            inside = self._argument()
            decimals = "".join(before[-8:]).rstrip("0123456789")
            return f"({inside})" if inside.isdigit() and decimals.endswith(".") else inside
        if name in SYMBOLS:
            return SYMBOLS[name]
        if name in FUNCTIONS:
            return name
        if name in ("begin", "end"):
            raise _Unreadable
        return "\\" + name

    def _argument_or_nothing(self) -> str:
        rest = self.text[self.at :].lstrip(" ")
        return self._argument() if rest[:1] == "{" else ""

    def _root(self) -> str:
        index = ""
        if self.text[self.at : self.at + 1] == "[":
            end = self.text.find("]", self.at)
            if end < 0:
                raise _Unreadable
            index = self.text[self.at + 1 : end].strip()
            self.at = end + 1
        inside = self._argument()
        inside = inside if inside.isalnum() and (inside.isdigit() or len(inside) == 1) else f"({inside})"
        match index:
            case "" | "2":
                return f"√{inside}"
            case "3":
                return f"∛{inside}"
            case _:
                return f"{inside}^(1/{index})"


def _one_piece(part: str, *, last: bool = False) -> str:
    """`part` in parentheses if a fraction line would otherwise bind other pieces than in the LaTeX."""
    if _SIMPLE.match(part) and not (last and len(part) > 1 and not part.isdigit()):
        return part
    if not last and _SIGNED.match(part):
        return part
    return f"({part})"
