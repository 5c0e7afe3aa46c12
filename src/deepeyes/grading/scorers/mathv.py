"""MATH-V (MATH-Vision): what a reply states, cut out of it by fixed phrases, must be or be worth the
reference.

The published rule turns both sides into program text and evaluates it; here `latex_value` does the
arithmetic, so expressions with letters in them are the same only if they are written the same way.
"""

from __future__ import annotations

from fractions import Fraction

from deepeyes.core.task import Task
from deepeyes.grading.scorers.latex_value import Number, value
from deepeyes.grading.scorers.scorer import Scorer, reference_letter, reference_text

_LETTERS = "ABCDE"
_BOX = "oxed{"
_PHRASES = tuple(
    variant
    for phrase in ("final answer is", "answer is", "correct answer is", "answer should be")
    for variant in (f"the {phrase}", f"The {phrase}")
)
_TIDIED = (
    (" ", ""),
    ("\\,", ""),
    ("∞", "\\infty"),
    ("+\\infty", "\\infty"),
    ("\\\\", "\\"),
    ("\n", ""),
    ("\\text", ""),
    ("\\mbox", ""),
    ("bmatrix", "pmatrix"),
    ("\\left", ""),
    ("\\right", ""),
    ("^{\\circ}", ""),
    ("^\\circ", ""),
    ("{m}^3", ""),
    ("m^3", ""),
    ("{units}", ""),
    ("units", ""),
    ("{km}", ""),
    ("km", ""),
    ("\\!", ""),
    ("\\\\", "\\"),
    ("tfrac", "frac"),
    ("dfrac", "frac"),
    ("\\$", ""),
    ("$", ""),
    ("\\%", ""),
    ("{.", "{0."),
)
"""What the rule replaces, one after the other, in what it has cut out."""


def _take(_task: Task, reply: str) -> str:
    text = reply.strip()
    for each in _LETTERS:
        ends = (f" {each}.", f" ({each}).")
        starts = (f"{each}\n", f"({each})\n", f"({each}) {each}\n")
        if text.endswith(ends) or text.startswith(starts):
            text = each
    number = text.split("is ")[-1].rstrip(".")
    if _is_number(number):
        text = number
    text = _last_box(text) if _BOX in text else _after_phrases(text)
    text = _tidied(text.lower())
    for each in "abcde":
        text = text.replace(f"({each})", each)
    for each in "abcde":
        text = text.replace(f"{{{each}}}", each)
    return text.rstrip(".").lstrip(":").strip()


def _same(task: Task, taken: str) -> bool:
    letter = _equal(reference_letter(task) if task.answer_form.options else task.answer, taken)
    return letter or (bool(task.answer_form.options) and _equal(reference_text(task), taken))


def _after_phrases(text: str) -> str:
    """What follows the last of the fixed phrases, up to the end of its line or sentence."""
    for phrase in _PHRASES:
        if phrase in text:
            text = text.split(phrase)[-1].strip().split("\n")[0].split(". ")[0]
        else:
            text = text.strip()
    return text


def _last_box(text: str) -> str:
    return f"\\b{_BOX}" + text.split(_BOX)[-1] if text.count(_BOX) > 1 else text


def _tidied(text: str) -> str:
    """The inside of a box, what stands after the last equals sign, without units, dollars and spaces."""
    text = text.replace("{}", "")
    start, end = text.find(_BOX), text.rfind("}")
    if 0 <= start < end:
        text = text[start + len(_BOX) : end]
    opening, closing = text.find("{"), text.find("}")
    if closing != -1 and (opening == -1 or closing < opening):
        text = text[:closing]
    text = text.split("=")[-1].split("\\approx")[-1]
    for old, new in _TIDIED:
        text = text.replace(old, new)
    if text.startswith("."):
        text = f"0{text}"
    if "sqrt" in text:
        text = _braced_fractions(_braced_roots(text))
    return _slash_as_fraction("\\frac{1}{2}" if text == "0.5" else text)


def _braced_roots(text: str) -> str:
    """Braces around the one character that a root without braces takes."""
    first, *rest = text.split("\\sqrt")
    return first + "".join(
        f"\\sqrt{part}" if not part or part[0] == "{" else f"\\sqrt{{{part[0]}}}{part[1:]}" for part in rest
    )


def _braced_fractions(text: str) -> str:
    """Braces around the characters that a fraction without braces takes; the same text if they are
    missing.
    """
    first, *rest = text.split("\\frac")
    parts = [first]
    for part in rest:
        if part.startswith("{"):
            parts.append(f"\\frac{part}")
        elif len(part) < 2:
            return text
        elif part[1] == "{":
            parts.append(f"\\frac{{{part[0]}}}{part[1:]}")
        else:
            parts.append(f"\\frac{{{part[0]}}}{{{part[1]}}}{part[2:]}")
    return "".join(parts)


def _slash_as_fraction(text: str) -> str:
    """ "3/4" in LaTeX; anything else as it is."""
    upper, slash, lower = text.partition("/")
    whole = bool(slash) and all(_is_whole(part) for part in (upper, lower))
    return f"\\frac{{{upper}}}{{{lower}}}" if whole else text


def _is_whole(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and (digits == "0" or digits[0] != "0") and text != "-0"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _equal(expected: str, taken: str) -> bool:
    """The same text but for case, the same tuple of numbers, or numbers that are equal to two decimals."""
    expected, taken = expected.lower(), taken.lower()
    if not expected.strip(" ") or not taken.strip(" "):
        return False
    if expected.strip() == taken.strip():
        return True
    expected, taken = _calculated(expected), _calculated(taken)
    if expected == taken:
        return True
    one, other = value(expected), value(taken)
    return one is not None and other is not None and round(float(one), 2) == round(float(other), 2)


def _calculated(text: str) -> str:
    """A tuple or list in brackets with every number calculated and rounded; anything else as it is."""
    if text[:1] + text[-1:] not in ("()", "[]"):
        return text
    parts = text[1:-1].split(",")
    shown = [part if "infty" in part or part in ("a", "-a") else _shown(value(part)) for part in parts]
    known = [part for part in shown if part is not None]
    return f"{text[0]}{','.join(known)}{text[-1]}" if len(known) == len(parts) > 1 else text


def _shown(number: Number | None) -> str | None:
    if isinstance(number, Fraction) and number.denominator == 1:
        return str(number.numerator)
    return None if number is None else str(round(float(number), 2))


MATHV = Scorer(
    name="mathv",
    source="mathllm/MATH-V @ a1f5cc3 evaluation/evaluate.py, evaluation/utils.py; arXiv:2402.14804",
    take=_take,
    same=_same,
    known_faults=(
        "A sentence that states its answer in other than the fixed phrases is compared whole, and is wrong.",
        "Numbers are equal if they are to two decimals: 0.001 is right where 0.004 is asked.",
        "The unit of a reply is kept in most notations, and makes a right number wrong.",
        'Degrees, percent signs and "km" are dropped: 50 is right where 50 % is asked.',
    ),
)
