"""Verify: an item keeps the first of its trials that fails no check, or is left out for the gravest reason.

Which failed checks forbid is the recipe's choice; a trial that failed because of us is never counted as
wrong: an item whose trials all failed so is left out as `infrastructure_error`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from deepeyes.data.item import INFRASTRUCTURE_ERROR, Item, Route, Trial, Unusable
from deepeyes.data.stages.stage import Stage, each

QualityCheck = Literal[
    "wrong_answer",
    "unsure_answer",
    "refused",
    "timeout",
    "nonsense",
    "loops",
    "no_answer",
    "too_long",
    "malformed_turn",
    "failed_call",
    "repeated_call",
    "unused_call",
    "leaked_answer",
    "unsupported",
]


class Verification(Stage):
    """Items with a trace to learn from."""

    name: ClassVar[str] = "verify"
    routes: ClassVar[tuple[Route, ...]] = ("cold_start", "trace", "text")

    tolerate: tuple[QualityCheck, ...] = ()
    """Failed checks that do not matter here, such as failed_call to keep mistakes that the teacher mended."""

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        return each(self.name, self._choose, items)

    def _choose(self, item: Item) -> Item:
        if not item.trials:
            raise Unusable("no_trace", "no teacher worked on it")
        for trial in item.trials:
            if not blocking_checks(trial, self.tolerate):
                return item.model_copy(update={"trace": trial.ref, "masked_turns": trial.masked_turns})
        # The trial that came furthest tells best what is wrong with the item.
        theirs = [trial for trial in item.trials if INFRASTRUCTURE_ERROR not in trial.failed_checks]
        best = min(theirs or item.trials, key=lambda trial: len(blocking_checks(trial, self.tolerate)))
        tried = f"{len(item.trials)} tries, the best by {best.teacher}: {', '.join(best.failed_checks)}"
        told = f"{best.missed}; {tried}" if best.missed else tried
        raise Unusable(blocking_checks(best, self.tolerate)[0], told)


def blocking_checks(trial: Trial, tolerate: Sequence[str]) -> list[str]:
    """The trial's failed checks that are not tolerated; without any it can be learned from."""
    return [check for check in trial.failed_checks if check not in tolerate]
