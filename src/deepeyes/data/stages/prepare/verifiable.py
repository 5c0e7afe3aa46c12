"""Verifiable? Only questions whose answer a rule can check may teach or measure.

What always holds: an item that passes has an answer that is short, definite, and right when it is compared
with itself; each refusal has its own reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from deepeyes.data.item import Item, Route, Unusable
from deepeyes.data.stages.stage import ASKED, Stage, each
from deepeyes.grading.notation import canonical
from deepeyes.grading.rules import grade

_NO_ANSWER = {
    *("unknown", "n/a", "na", "none", "null", "nan", "not sure", "not visible", "not applicable", "unclear"),
    *("unanswerable", "cannot be determined", "can not be determined", "can't be determined", "i don't know"),
    *("not enough information", "no answer", "not mentioned", "not given", "impossible to tell", "?"),
}
_SEVERAL = re.compile(r"\b(?:or|and/or)\b|\beither\b", re.IGNORECASE)
_ROUGHLY = re.compile(
    r"\b(?:about|around|roughly|approximately|approx\.?|nearly|almost|at least|more than|less than)\b|^~|≈",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"[.!?]\s+[A-Z]")


class VerifiabilityFilter(Stage):
    """Questions with one short answer that a rule can check."""

    name: ClassVar[str] = "verifiable"
    routes: ClassVar[tuple[Route, ...]] = ASKED

    max_chars: int = Field(default=80, ge=1)
    max_words: int = Field(default=10, ge=1)
    allow_rough: bool = False
    """Whether "about 5" is an answer."""

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        return each(self.name, self._check, items)

    def _check(self, item: Item) -> Item:
        answer = item.task.answer.strip()
        if canonical(answer) in _NO_ANSWER:
            raise Unusable("unanswerable", f"the answer is {answer!r}")
        if "\n" in answer or _SENTENCES.search(answer):
            raise Unusable("answer_is_prose", answer[:200])
        if len(answer) > self.max_chars or len(answer.split()) > self.max_words:
            raise Unusable("answer_too_long", f"{len(answer)} characters, {len(answer.split())} words")
        if _SEVERAL.search(answer):
            raise Unusable("answer_ambiguous", answer)
        if _ROUGHLY.search(answer) and not self.allow_rough:
            raise Unusable("answer_rough", answer)
        if not canonical(answer) or grade(item.task, answer).score < 1:
            raise Unusable("not_gradable", answer)
        return item
