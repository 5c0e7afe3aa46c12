"""Verify: an item keeps the first of its trials that has no fault, or is left out for the gravest reason.

Which faults forbid is the recipe's choice; a trial that failed because of us is never counted as wrong: an
item whose trials all failed so is left out as `infrastructure_error`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from deepeyes.core.config import Config
from deepeyes.data.item import Item, Lane, Trial, Unfit
from deepeyes.data.stages.stage import each
from deepeyes.data.stages.teach.faults import OURS

Fault = Literal[
    "wrong_answer",
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


class Verified(Config):
    """Items with a trace to learn from."""

    name: ClassVar[str] = "verify"
    lanes: ClassVar[tuple[Lane, ...]] = ("cold_start", "trace", "text")

    tolerate: tuple[Fault, ...] = ()
    """Faults that do not matter here, such as failed_call to keep mistakes that the teacher mended."""

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        return each(self.name, self._choose, items)

    def _choose(self, item: Item) -> Item:
        if not item.trials:
            raise Unfit("no_trace", "no teacher worked on it")
        for trial in item.trials:
            if not held_against(trial, self.tolerate):
                return item.model_copy(update={"trace": trial.ref, "given": trial.given})
        # The trial that came furthest tells best what is wrong with the item.
        theirs = [trial for trial in item.trials if OURS not in trial.faults]
        best = min(theirs or item.trials, key=lambda trial: len(held_against(trial, self.tolerate)))
        tried = f"{len(item.trials)} tries, the best by {best.teacher}"
        raise Unfit(held_against(best, self.tolerate)[0], f"{tried}: {', '.join(best.faults)}")


def held_against(trial: Trial, tolerate: Sequence[str]) -> list[str]:
    """The trial's faults that are not tolerated; without any it can be learned from."""
    return [fault for fault in trial.faults if fault not in tolerate]
