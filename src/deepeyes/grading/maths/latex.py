r"""LaTeX commands by what they write, and the repair of LaTeX that strings and data sets have damaged.

What always holds: pure, and in time in proportion to the text.
"""

from __future__ import annotations

import re

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
FUNCTIONS = frozenset({
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "log",
    "ln", "lg", "exp", "tg", "ctg", "arctg", "gcd", "lcm", "max", "min", "deg", "det",
})  # fmt: skip
"""Commands that write their own name."""

_LOST_BACKSLASH = re.compile(
    r"\x0c(?=rac\b|rac[{\d])|\x08(?=oxed\b|inom\b|ar\b|egin\b)|\t(?=ext\b|imes\b|heta\b|frac\b|an\b)|\r(?=ight\b|ho\b)"
)
_LOST_FRACTION = re.compile(r"(?<![A-Za-z\\])rac(?=\{)")
_LOST = {"\x0c": "\\f", "\x08": "\\b", "\t": "\\t", "\r": "\\r"}
_DOUBLED = re.compile(r"\\\\(?=[A-Za-z]{2})")
_WORD_IN_BRACES = re.compile(r"(?<=[\d}\])A-Za-z°])\{((?:square|cubic)?)\s*([A-Za-z]{1,20})\}")
_LAST_COMMAND = re.compile(r"\\([A-Za-z]{1,20})\Z")
_TAKES_TWO = re.compile(r"\\[dtc]?(?:frac|binom)\s*\Z")


def repaired(text: str) -> str:
    r"""`text` with commands whose backslash a JSON or Python string has eaten or doubled."""
    text = _LOST_FRACTION.sub(r"\\frac", _LOST_BACKSLASH.sub(lambda found: _LOST[found[0]], text))
    if "\\\\" in text and "\\begin" not in text:
        text = _DOUBLED.sub(lambda _: "\\", text)
    return text


def spelt_units(text: str) -> str:
    """`69{degrees}` with its word set apart, as some references have their units."""
    return _WORD_IN_BRACES.sub(_spelt_unit, text)


def _spelt_unit(found: re.Match[str]) -> str:
    """The word set apart, except where the braces are the argument of a command."""
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
