"""MathVista: what was taken out becomes a choice, an integer or a rounded number, and must then be equal.

GPT-4 takes the answer out of a reply that is not a bare one; so the scorer is unsure of such a reply, and
`score_taken` wants what GPT-4 said. The authors' committed results were made when an integer question took
only what Python's `int` reads; the code published since reads "1.5" as 1. Both rules have their name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from deepeyes.core.answers import AnswerKind
from deepeyes.core.task import Task
from deepeyes.grading.scorers.scorer import Scorer, letter, reference_text

_BRACKETED = re.compile(r"\(([a-zA-Z])\)")


def _take(task: Task, reply: str) -> str | None:
    if not reply or reply in task.answer_form.options:
        return reply
    if task.answer_form.kind is AnswerKind.number:
        read = int if task.answer_form.precision is None else float
        return _number(read, reply)
    return None


def _same(integer: Callable[[str], int], task: Task, taken: str) -> bool:
    form = task.answer_form
    if form.options:
        return _choice(taken.strip(), form.options) == reference_text(task)
    if form.kind is not AnswerKind.number:
        return taken == task.answer
    precision = form.precision
    if precision is None:
        return _number(integer, taken) == task.answer
    return _number(lambda text: round(float(text), precision), taken) == task.answer


def _number(read: Callable[[str], float], text: str) -> str | None:
    """The number as Python writes it; None if the text is none."""
    try:
        return str(read(text))
    except (ValueError, OverflowError):
        return None


def _choice(text: str, choices: tuple[str, ...]) -> str:
    """The choice of the letter in brackets or of the bare letter, else the first of the most similar ones."""
    if bracketed := _BRACKETED.search(text):
        text = bracketed[1].upper()
    letters = [letter(position) for position in range(len(choices))]
    if text in letters:
        return choices[letters.index(text)]
    return min(choices, key=lambda choice: edit_distance(text, choice))


def edit_distance(one: str, other: str) -> int:
    """How many characters to put in, leave out or exchange to make one text of the other (Levenshtein).

    The columns of the usual table are kept as bits of whole numbers (Myers 1999, Hyyrö 2003), so that a reply
    of 50,000 characters costs milliseconds.
    """
    pattern, text = sorted((one, other), key=len)
    if not pattern:
        return len(text)
    places: dict[str, int] = {}
    for position, character in enumerate(pattern):
        places[character] = places.get(character, 0) | 1 << position
    last = 1 << len(pattern) - 1
    mask = (last << 1) - 1
    rises, falls, distance = mask, 0, len(pattern)
    for character in text:
        hits = places.get(character, 0)
        level = (((hits & rises) + rises) ^ rises) | hits | falls
        up, down = falls | (mask & ~(level | rises)), rises & level
        distance += bool(up & last) - bool(down & last)
        up, down = (up << 1 | 1) & mask, (down << 1) & mask
        rises, falls = down | (mask & ~(level | up)), up & level
    return distance


def _truncated(text: str) -> int:
    return int(float(text))


_FAULTS = (
    "An answer that names no choice counts as the one that is spelt most like it: a refusal can be right.",
    "An empty answer counts as the shortest choice.",
    'The first letter in brackets counts: "not (A) but (B)" is A.',
    "A number with a unit, a thousands comma or a fraction is wrong.",
    'A whole number must be written as Python writes it, and so must the reference: "0.50" is not "0.5".',
)

MATHVISTA = Scorer(
    name="mathvista",
    source="lupantech/MathVista @ 53d5258 evaluation/calculate_score.py; arXiv:2310.02255",
    take=_take,
    same=partial(_same, _truncated),
    known_faults=(*_FAULTS, 'Decimals of an integer question are cut off: "1.5" is right where 1 is asked.'),
)

MATHVISTA_2023 = Scorer(
    name="mathvista_2023",
    source="lupantech/MathVista @ 53d5258 results/ (the rule before decimals were cut off); arXiv:2310.02255",
    take=_take,
    same=partial(_same, int),
    known_faults=(*_FAULTS, '"2.0" is wrong where the integer 2 is asked.'),
)
