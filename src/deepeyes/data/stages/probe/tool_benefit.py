"""Tool benefit: what the model solves with tools is for reinforcement learning, the rest for a teacher.

The model is asked `k` times with tools (arXiv 2511.05271, section 3.3). A question that it gets right at
least `solved_at` times becomes a prompt for reinforcement learning; one that stays unsolved needs a teacher.
The paper does not give its cut for "solved"; ours is in the recipe and so in every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from deepeyes.core.sampling import Sampling
from deepeyes.data.item import Item
from deepeyes.data.stages.probe.probe import Probe
from deepeyes.data.stages.stage import each


class ToolBenefitSplit(Probe):
    """Sorts questions by whether tools help."""

    name: ClassVar[str] = "tool_benefit"
    tools: ClassVar[bool] = True
    measures: ClassVar[Literal["without_tools", "with_tools"]] = "with_tools"
    judging: ClassVar[frozenset[str]] = frozenset({"k", "solved_at", "otherwise"})

    search: tuple[str, ...] = ()
    """What it may search, as in `deepeyes ask --search`."""
    solved_at: int = Field(default=1, ge=1)
    """Solved if at least this many of `k` are right."""
    otherwise: Literal["rl", "cold_start"] = "cold_start"
    """Where questions go when the stage is left out."""
    sampling: Sampling = Sampling(temperature=1.0, seed=1)

    @model_validator(mode="after")
    def _decides(self) -> ToolBenefitSplit:
        if self.model and self.solved_at > self.k:
            raise ValueError(
                f"with solved_at {self.solved_at} of k {self.k} nothing is solved: set it to at most k"
            )
        return self

    @property
    def engines(self) -> tuple[str, ...]:
        return self.search

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        return each(self.name, self._sorted, items)

    def _sorted(self, item: Item) -> Item:
        if not self.model:
            return item.model_copy(update={"route": self.otherwise})
        solved = self.measured(item).right >= self.solved_at
        return item.model_copy(update={"route": "rl" if solved else "cold_start"})
