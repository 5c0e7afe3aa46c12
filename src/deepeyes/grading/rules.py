"""Right or wrong by rule: the answer equals the reference once both are written the same way.

No network, no model, no guessing. What always holds: grading is symmetric in notation (case, outer
punctuation, a leading article, number words up to twenty, thousands separators, `\\boxed{}`), never in
content: "007" is not "7", "-5" is not "5", and a sentence that merely contains the answer is not the
answer.
"""

from __future__ import annotations

import re
import unicodedata

from deepeyes.core.errors import InputError
from deepeyes.core.task import Task
from deepeyes.core.verdict import Verdict

_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_NUMBER_OF = {word: str(number) for number, word in enumerate(_WORDS)}
_OUTER = " \t.,;:!?\"'`“”‘’«»()[]{}*_。，！？"
_PREFIX = re.compile(r"^(?:the )?(?:final )?answer(?: is|:| =)\s*")
_BOXED = re.compile(r"^\$*\\boxed\{(.*)\}\$*$")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


def grade(task: Task, answer: str | None) -> Verdict:
    """1 if `answer` equals the task's answer or an accepted alternative, else 0.

    Raises `InputError` for a task without a reference answer: there is nothing to compare with.
    """
    accepted = [text for text in (task.answer, *task.answers) if text.strip()]
    if not accepted:
        raise InputError(f"task {task.id} has no reference answer", "give it an answer, or do not grade it")
    if answer is None or not answer.strip():
        return Verdict(score=0.0, reason="no answer")
    given = canonical(answer)
    for reference in accepted:
        if given == canonical(reference):
            return Verdict(score=1.0, reason=f"equals {reference!r}")
    return Verdict(score=0.0, reason=f"expected {accepted[0]!r}")


def canonical(text: str) -> str:
    """One way of writing for all notations that mean the same."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("−", "-")
    text = " ".join(text.split())
    if boxed := _BOXED.match(text):
        text = boxed[1]
    text = _PREFIX.sub("", text) or text
    text = text.strip(_OUTER) or text
    text = re.sub(r"^(?:an?|the) (?=\S)", "", text)
    text = re.sub(r"(?<=[^\W\d])-(?=[^\W\d])", " ", text)
    text = _NUMBER_OF.get(text, text)
    if re.fullmatch(r"-?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?", text):
        text = text.replace(",", "")
    if _DECIMAL.fullmatch(text) and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text
