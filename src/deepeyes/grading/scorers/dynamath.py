"""DynaMath: the "short answer" of a JSON reply: a number within 0.001, a letter, or words inside the
reference.

The task's kind says which: number, letter, or anything else. Where the rule reads no number or letter it asks
a model, and the scorer is unsure.
"""

from __future__ import annotations

import json
import math
from typing import Any, cast

from deepeyes.core.answers import AnswerKind
from deepeyes.core.task import Task
from deepeyes.grading.scorers.scorer import Scorer

_TOLERANCE = 0.001
_LETTERS = "ABCDE"


def _take(task: Task, reply: str) -> str | None:
    first, last = reply.find("{"), reply.rfind("}")
    text = (reply[first : last + 1] if 0 <= first < last else reply).replace("\\", "")
    short = _short_answer(text)
    kind = task.answer_form.kind
    read = [text] if short is None else [short, text]
    if kind is AnswerKind.number:
        return next((each for each in read if _number(each) is not None), None)
    if kind is AnswerKind.letter:
        return next((found for each in read if (found := _letter(each))), None)
    return read[0]


def _same(task: Task, taken: str) -> bool:
    kind = task.answer_form.kind
    if kind is AnswerKind.number:
        given, expected = _number(taken), _number(task.answer)
        return given is not None and expected is not None and abs(given - expected) <= _TOLERANCE
    if kind is AnswerKind.letter:
        return taken == task.answer
    return taken.lower() in task.answer.lower()


def _short_answer(text: str) -> str | None:
    try:
        value: Any = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    short = cast("dict[str, Any]", value).get("short answer") if isinstance(value, dict) else None
    return short if isinstance(short, str) else None


def _number(text: str) -> float | None:
    """The first word as a number, what stands before a π times π."""
    try:
        word = text.split(" ")[0]
        return float(word.split("π")[0]) * math.pi if "π" in word else float(word)
    except ValueError:
        return None


def _letter(text: str) -> str:
    """The reply if it is one character, else the only letter from A to E in it, in any word."""
    if len(text) == 1:
        return text.upper()
    named = [each for each in _LETTERS if each in text.upper()]
    return named[0] if len(named) == 1 else ""


DYNAMATH = Scorer(
    name="dynamath",
    source="open-compass/VLMEvalKit @ 0b98920 vlmeval/dataset/dynamath.py; arXiv:2411.00836",
    take=_take,
    same=_same,
    known_faults=(
        'Words inside the reference are right: an empty reply always, "e" where "even" is asked.',
        "The only a, b, c, d or e of a reply counts, in whatever word it stands.",
    ),
)
