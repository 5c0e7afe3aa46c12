r"""The pieces of a formula, whichever way it is written: ``\frac12``, "½", "1/2"; ``\le``, "≤", "<=".

What always holds: tokens say nothing about meaning, text is never evaluated, and work is in proportion to
the text, which is at most `LONGEST` characters.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from unicodedata import normalize

from deepeyes.grading.maths.latex import FUNCTIONS, SYMBOLS, WRAPPERS, repaired, spelt_units

LONGEST = 1_000
"""Characters; nobody's answer is a longer formula."""


class Unreadable(Exception):
    """The text is no formula that is understood here."""


class Token(NamedTuple):
    """One piece."""

    kind: str
    """ "number", "word" (letters), "text" (words set as text), "command" (LaTeX with arguments) or "mark"."""
    text: str
    spaced: bool
    """Whether white space comes before it."""


_ARGUMENTED = frozenset({"frac", "sqrt", "binom", "begin", "end"})
_SAME_COMMAND = {"dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "dbinom": "binom", "tbinom": "binom"}

_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿˣ", "0123456789+-nx")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉ₙ", "0123456789n")
_RAISED_RUN = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿˣ]+")
_LOWERED_RUN = re.compile(r"[₀₁₂₃₄₅₆₇₈₉ₙ]+")
_VULGAR_SIGN = re.compile("[¼-¾⅐-⅞]")
_DEGREE = re.compile(
    r"(?:\{\s*\})?\^\s*(?:\{\s*(?:\\circ|°|∘|\\degree)\s*\}|\\circ(?![A-Za-z])|°|∘)|\\degree(?![A-Za-z])|º"
)
_REPEATING = re.compile(r"(?<=\.)(\d*)\\(?:overline|bar|dot)\s*(?:\{(\d{1,20})\}|(\d))")
_LINE_END = re.compile(r"(?>\\ *+(?:\[\d{1,3}ex\]|indent)? *+)++(?=\$*\Z)")
_REALS = re.compile(r"\\mathbb\s*(?:\{\s*R\s*\}|R(?![A-Za-z]))|\\R(?![A-Za-z])")
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_BRACE = re.compile(r"[{}]")
_EMPTY_ROOT = re.compile(r"\\sqrt *\{ *\}")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_ONE_FOR_ANOTHER = _FULL_WIDTH | {
    ord(other): one
    for one, others in {
        "-": "−﹣‐‑", "*": "×·∙⋅✕∗", "/": "÷∕⁄", "∪": "⋃", "μ": "µ", "′": "’'`", "|": "∣",
        " ": "\u00a0\u2009\u202f\u2003", "": "\u200b\u2060\ufeff\u2061\u2062",
    }.items()
    for other in others
}  # fmt: skip
_LONGER_MARKS = (("<=", "≤"), (">=", "≥"), ("!=", "≠"), ("+/-", "±"), ("**", "^"), ("==", "="))
_AFTER_COMMANDS = {"×": "*", "·": "*", "÷": "/", "∘": "°", "′": "′"}

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)?(?:\.\d*\(\d{1,20}\)|\.\d+(?:[eE][+-]?\d{1,3}(?![\dA-Za-z]))?)"
    r"|(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:[eE][+-]?\d{1,3}(?![\dA-Za-z]))?)"
    r"|\\(?P<command>[A-Za-z]+|.)"
    r"|(?P<word>[A-Za-z]+|[α-ωΑ-Ωℓℝℤℕℚℂ])"
    r"|(?P<mark>.)",
    re.DOTALL,
)
_SPACED_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d])")
_TEXT_ARGUMENT = re.compile(r"\s*\{([^{}\\$]*)\}")


def tokens(text: str) -> tuple[list[Token], bool]:
    """The pieces of `text`, and whether it holds LaTeX; `Unreadable` where it is no formula."""
    if len(text) > LONGEST:
        raise Unreadable
    text = repaired(text)
    if not text.isascii():
        text = text.translate(_ONE_FOR_ANOTHER)
        text = _RAISED_RUN.sub(lambda run: "^{" + run[0].translate(_RAISED) + "}", text)
        text = _LOWERED_RUN.sub(lambda run: "_{" + run[0].translate(_LOWERED) + "}", text)
        text = _VULGAR_SIGN.sub(_as_fraction, text)
    text = text.strip()
    # A full stop ends a sentence; several mean that digits go on.
    text = _unboxed(text if text.endswith("..") else text.rstrip(".。"))
    is_latex = "\\" in text or (text.startswith("$") and text.endswith("$"))
    if is_latex:
        text = _REALS.sub("ℝ", text)
        text = _LINE_END.sub("", _EMPTY_ROOT.sub("√", text))
        text = text.replace("\\$", "\\dollar ").replace("\\!", "").replace("\\,", " ")
        text = _REPEATING.sub(r"\1(\2\3)", text)
    if "{" in text:
        text = spelt_units(text.replace("{,}", ","))
    if "^" in text or "º" in text or is_latex:
        text = _DEGREE.sub("°", text)
    for longer, mark in _LONGER_MARKS:
        text = text.replace(longer, mark)
    text = _SPACED_THOUSANDS.sub(lambda run: run[0].replace(" ", ","), text)
    return list(_pieces(text)), is_latex


def _unboxed(text: str) -> str:
    r"""What is in the box around all of `text`, as a formula: ``\boxed{5}`` is ``$5$``."""
    for _ in range(4):
        inside = text.strip("$ ")
        found = _BOX.match(inside)
        if found is None or _closing(inside, found.end() - 1) != len(inside) - 1:
            break
        text = f"${inside[found.end() : -1].strip('$ ')}$"
    return text


def _closing(text: str, at: int) -> int:
    """Where the brace that opens at `at` closes, -1 if it never does."""
    depth = 0
    for found in _BRACE.finditer(text, at):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            return found.start()
    return -1


def _as_fraction(sign: re.Match[str]) -> str:
    above, _, below = normalize("NFKC", sign[0]).partition("⁄")
    return f"\\frac{{{above}}}{{{below}}}"


def _pieces(text: str) -> list[Token]:
    found: list[Token] = []
    at, spaced, has_islands, in_formula = 0, False, text.count("$") > 1, False
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unreadable
        at = match.end()
        kind, piece = str(match.lastgroup), match[match.lastgroup or 0]
        if kind == "space":
            spaced = True
            continue
        if kind == "command":
            if piece in WRAPPERS:
                inside = _TEXT_ARGUMENT.match(text, at)
                if inside is not None and any(char.isalpha() for char in inside[1]):
                    at = inside.end()
                    words = inside[1].replace("~", " ").strip()
                    kind = "word" if piece == "operatorname" else "text"
                    found.append(Token(kind, words, spaced))
                    spaced = False
                continue
            kind, piece = _command(piece)
            if not piece.strip():
                spaced = spaced or piece == " "
                continue
        elif piece == "$":
            # Words between formulas are words: "all of $P$, $Q$".
            in_formula, spaced = not in_formula, True
            continue
        elif kind == "word" and has_islands and not in_formula and len(piece) > 1:
            kind = "text"
        elif piece == "~":
            spaced = True
            continue
        found.append(Token(kind, piece, spaced))
        spaced = False
    return found


def _command(name: str) -> tuple[str, str]:
    name = _SAME_COMMAND.get(name, name)
    if name in _ARGUMENTED:
        return "command", name
    if name in FUNCTIONS:
        return "word", name
    match name:
        case "{" | "lbrace":
            return "mark", "⦃"
        case "}" | "rbrace":
            return "mark", "⦄"
        case "\\" | "cr":
            return "mark", "⏎"
        case _:
            pass
    if name not in SYMBOLS:
        raise Unreadable
    sign = SYMBOLS[name]
    sign = _AFTER_COMMANDS.get(sign, sign)
    return ("word" if sign.isalpha() else "mark"), sign
