r"""Other ways of writing an answer, by rules of our own: what a teacher writes where the reference is in LaTeX.

The rewriter knows nothing of the graders. `notations` gives texts that mean exactly what the reference means;
it is for tests alone.
"""

from __future__ import annotations

import re
from fractions import Fraction

_GROUP = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_FRACTION = re.compile(rf"\\[dt]?frac\s*{_GROUP}\s*{_GROUP}")
_SHORT_FRACTION = re.compile(r"\\frac\s*(\d)\s*(\d)(?!\d)")
_ROOT = re.compile(rf"\\sqrt\s*{_GROUP}")
_LETTER_BEFORE_ROOT = re.compile(r"(?<=[A-Za-z])(?<!\\cdot)(?<!\\times)\s*(?=\\sqrt)")
_UNIT = re.compile(r"\\(?:mathrm|text)\s*\{\s*~?\s*([A-Za-z]+)\s*\}(?:\s*\^\s*\{?(\d)\}?)?")
_WORDS = re.compile(r"\\text\{[^}]{4,}|(?<![\\A-Za-z])[A-Za-z]{3,}|arrow|angle|vdots|times.*mathrm|mathrm.*,")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_RAISED = str.maketrans("0123456789-+n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ")
_SPELT = {
    "cm": "centimeters",
    "m": "meters",
    "km": "kilometers",
    "mm": "millimeters",
    "kg": "kilograms",
    "g": "grams",
}


def bare(reference: str) -> str:
    """The reference without its dollars and boxes."""
    text = re.sub(r"\\boxed\s*\{(.*)\}", r"\1", reference.strip().replace("\f", "\\f"))
    return text.strip().strip("$").strip()


def plain(latex: str, *, root: str = "√", words: bool = False) -> str:
    """LaTeX as people type it: 3√2/2, 4π, 120°, 12 cm²."""
    text = latex.replace("\\left", "").replace("\\right", "").replace("\\,", " ").replace("\\%", "%")
    text = re.sub(r"\s*\^\s*\{?\s*\\circ\s*\}?", " degrees" if words else "°", text)
    text = _UNIT.sub(lambda found: f" {found[1]}" + (f"^{found[2]}" if found[2] else ""), text)
    for _ in range(4):
        text = _LETTER_BEFORE_ROOT.sub("*" if root != "√" else "", text)
        text = _ROOT.sub(lambda found: root + _in_brackets(found[1], always=root != "√"), text)
        text = _SHORT_FRACTION.sub(r"\1/\2", text)
        text = re.sub(r"(?<=\d)\s*(?=\\[dt]?frac)", " ", text)
        text = _FRACTION.sub(lambda found: f"{_in_brackets(found[1])}/{_in_brackets(found[2])}", text)
    text = text.replace("\\pi", "pi" if words else "π").replace("\\cdot", "*").replace("\\times", "*")
    text = text.replace("\\infty", "∞").replace("\\tan", "tan")
    text = re.sub(r"\^\s*\{([^{}]*)\}", lambda found: "^" + _in_brackets(found[1]), text)
    return re.sub(r"\s+", " ", text).strip()


def notations(reference: str) -> list[str]:
    """Texts that say what `reference` says; none for words."""
    latex = bare(reference)
    if _NUMBER.fullmatch(latex):
        return _of_number(latex)
    if _WORDS.search(latex) or "$" in latex or not re.search(r"\d|\\(?:frac|sqrt|pi)", latex):
        return []
    found = [f"${latex}$", rf"\({latex}\)", rf"\boxed{{{latex}}}", rf"$\boxed{{{latex}}}$"]
    found += [
        latex.replace("\\frac", "\\dfrac"),
        rf"$\displaystyle {latex}$",
        re.sub(r"(?<![A-Za-z]) +| +(?![A-Za-z])", "", latex),
    ]
    for text in (plain(latex), plain(latex, root="sqrt", words=True)):
        if "\\" not in text and "{" not in text:
            found.append(text)
    if "\\" not in plain(latex):
        found.append(re.sub(r"\^(\d+)", lambda run: run[1].translate(_RAISED), plain(latex)))
        found.append(re.sub(r" (cm|km|mm|kg|m|g)(?=\Z)", lambda unit: " " + _SPELT[unit[1]], plain(latex)))
    ratio = re.fullmatch(r"(-?)\\[dt]?frac\s*\{(\d+)\}\s*\{(\d+)\}|(-?)(\d+)/(\d+)", latex)
    if ratio:
        sign, above, below = (ratio[1], ratio[2], ratio[3]) if ratio[2] else (ratio[4], ratio[5], ratio[6])
        value = Fraction(int(above), int(below))
        found.append(f"{sign}{above}/{below}")
        found.append(f"{sign}{3 * int(above)}/{3 * int(below)}")
        if value * 10**6 % 1 == 0:
            found.append(sign + f"{float(value):.6f}".rstrip("0").rstrip("."))
    return [text for text in dict.fromkeys(found) if text != reference]


def sentences(answer: str) -> list[str]:
    """Replies that state `answer`."""
    return [
        f"The answer is {answer}.",
        f"**Final answer:** {answer}",
        f"So after all the steps we get\n\nAnswer: {answer}",
    ]


def _of_number(text: str) -> list[str]:
    value = Fraction(text)
    whole = value.denominator == 1
    found = [f"${text}$", rf"\boxed{{{text}}}", rf"\({text}\)", f"**{text}**", f"{text}."]
    found += [f"{text}.0" if "." not in text else f"{text}0"]
    if not whole:
        found.append(rf"\frac{{{value.numerator}}}{{{value.denominator}}}" if value > 0 else text)
    if whole and abs(value) >= 1000:
        found += [f"{int(value):,}", f"{int(value):,}".replace(",", "{,}")]
    if whole:
        found.append("".join(chr(ord(char) + 0xFEE0) for char in text))
    return found


def _in_brackets(part: str, *, always: bool = False) -> str:
    simple = re.fullmatch(r"\w+(?:\.\d+)?", part) is not None
    return part if simple and not always else f"({part})"
