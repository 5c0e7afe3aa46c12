"""Difficulty: questions that the model answers without tools teach nothing.

The model is asked `k` times without tools (arXiv 2511.05271, section 3.3). What always holds: a question that
it gets right more than `max_right` times is left out, and a try of which nobody can tell does not count as
right; without a model every question goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from deepeyes.core.sampling import Sampling
from deepeyes.data.item import Item, Unusable
from deepeyes.data.stages.probe.probe import Probe
from deepeyes.data.stages.stage import each


class DifficultyFilter(Probe):
    """Questions that the model cannot answer at once."""

    name: ClassVar[str] = "difficulty"
    tools: ClassVar[bool] = False
    measures: ClassVar[Literal["without_tools", "with_tools"]] = "without_tools"
    judging: ClassVar[frozenset[str]] = frozenset({"k", "max_right"})

    max_right: int = Field(default=2, ge=0)
    """Kept if at most this many of `k` are right."""
    sampling: Sampling = Sampling(temperature=1.0, seed=0)

    @model_validator(mode="after")
    def _decides(self) -> DifficultyFilter:
        if self.model and self.max_right >= self.k:
            raise ValueError(
                f"with max_right {self.max_right} of k {self.k} nothing is too easy: set it below k"
            )
        return self

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        return each(self.name, self._judged, items) if self.model else list(items)

    def _judged(self, item: Item) -> Item:
        rate = self.measured(item)
        if rate.right > self.max_right:
            unsure = f", {rate.unsure} unsure" if rate.unsure else ""
            raise Unusable("too_easy", f"{rate.right} of {rate.asked} right without tools{unsure}")
        return item
