"""Verifiable? Only questions whose answer grading can decide may teach or measure.

What always holds: an item that passes has an answer that is short, definite, and right when it is compared
with itself, in LaTeX and in plain words, while nonsense is not; each refusal has its own reason. LaTeX is
measured by what it shows, not by its markup.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from deepeyes.core.answers import AnswerKind
from deepeyes.core.task import Task
from deepeyes.data.item import Item, Route, Unusable
from deepeyes.data.stages.stage import ASKED, Stage, each
from deepeyes.grading.notation import bare, canonical
from deepeyes.grading.reference import reference_of
from deepeyes.grading.rules import grade

_NO_ANSWER = {
    *("unknown", "n/a", "na", "none", "null", "nan", "not sure", "not visible", "not applicable", "unclear"),
    *("unanswerable", "cannot be determined", "can not be determined", "can't be determined", "i don't know"),
    *("not enough information", "no answer", "not mentioned", "not given", "impossible to tell", "?"),
}
_SEVERAL = re.compile(r"\b(?:or|and/or)\b|\beither\b", re.IGNORECASE)
_ROUGHLY = re.compile(
    r"\b(?:about|around|roughly|approximately|approx\.?|nearly|almost|at least|more than|less than)\b"
    r"|^~|≈|\\approx",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"[.!?]\s+[A-Z]")
_WORDS = frozenset((AnswerKind.text, AnswerKind.list))
"""Kinds of which a rule can say right, but seldom wrong: other words may mean the same."""
_OTHER_DIGITS = str.maketrans("0123456789", "1234567890")
_MARKS = " .…,;:!?"
_NONSENSE = ("zyx wvu", "-913.7")
_LONGEST = 2000
"""Characters of an answer whose LaTeX is read."""


class VerifiabilityFilter(Stage):
    """Questions with one short answer that can be graded."""

    name: ClassVar[str] = "verifiable"
    routes: ClassVar[tuple[Route, ...]] = ASKED

    max_chars: int = Field(default=80, ge=1)
    max_words: int = Field(default=10, ge=1)
    allow_rough: bool = False
    """Whether "about 5" is an answer."""
    decidable: bool = False
    """Whether only questions stay of which a rule can also tell wrong answers: letters, numbers, mathematics,
    dates, yes or no, boxes, closed texts. By default free text stays: a rule can tell that it is right, and a
    judge the rest.
    """

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        return each(self.name, self._check, items)

    def _check(self, item: Item) -> Item:
        task, answer = item.task, item.task.answer.strip()
        shown = bare(answer) if len(answer) <= _LONGEST else answer
        if canonical(shown) in _NO_ANSWER:
            raise Unusable("unanswerable", f"the answer is {answer!r}")
        if "\n" in answer or _SENTENCES.search(shown):
            raise Unusable("answer_is_prose", answer[:200])
        words = [word for word in shown.split() if any(map(str.isalnum, word)) and word[0] != "\\"]
        if len(shown) > self.max_chars or len(words) > self.max_words:
            raise Unusable("answer_too_long", f"{len(shown)} characters, {len(words)} words")
        if _SEVERAL.search(shown):
            raise Unusable("answer_ambiguous", answer)
        if _ROUGHLY.search(shown) and not self.allow_rough:
            raise Unusable("answer_rough", answer)
        if not shown.strip(_MARKS) or not all(grade(task, text).is_right for text in {answer, shown}):
            raise Unusable("not_gradable", answer)
        if any(grade(task, text).is_right for text in _NONSENSE):
            raise Unusable("not_gradable", f"{answer}: nonsense would be right too")
        if self.decidable and not _tells_wrong(task, shown):
            raise Unusable("not_decidable", f"{answer}: other words may be right too")
        return item


def _tells_wrong(task: Task, answer: str) -> bool:
    """Whether a rule can say of an answer that it is wrong; of a list where its numbers tell."""
    if task.answer_form.closed or reference_of(task).kind.name not in _WORDS:
        return True
    return grade(task, answer.translate(_OTHER_DIGITS)).is_wrong
