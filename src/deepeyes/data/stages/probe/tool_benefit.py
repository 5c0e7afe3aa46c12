"""Tool benefit: what the model solves with tools is for reinforcement learning, the rest for a teacher.

The model is asked `k` times with tools (arXiv 2511.05271, section 3.3). A question that it gets right at
least `solved_at` times becomes a prompt for reinforcement learning; one that stays unsolved needs a teacher.
The paper does not give its cut for "solved"; ours is in the recipe and so in every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from deepeyes.core.config import Config
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling, with_sampling
from deepeyes.data.item import Item, Lane
from deepeyes.data.stages.probe.difficulty import _enough
from deepeyes.data.stages.stage import each


class Benefit(Config):
    """Sorts questions by whether tools help."""

    name: ClassVar[str] = "tool_benefit"
    lanes: ClassVar[tuple[Lane, ...]] = ("question",)
    tools: ClassVar[bool] = True

    model: str = ""
    """As in `deepeyes ask --model`; empty to leave the stage out."""
    dialect: str = ""
    k: int = Field(default=8, ge=1)
    search: tuple[str, ...] = ()
    """What it may search, as in `deepeyes ask --search`."""
    solved_at: int = Field(default=1, ge=1)
    """Solved if at least this many of `k` are right."""
    otherwise: Literal["rl", "cold_start"] = "cold_start"
    """Where questions go when the stage is left out."""
    sampling: Sampling = Sampling(temperature=1.0, seed=1)
    limits: Limits = Limits()

    @model_validator(mode="before")
    @classmethod
    def _of_today(cls, values: Any) -> Any:
        """Recipes had `temperature` and `seed` beside the other settings."""
        return with_sampling(values, "temperature", "seed", default=cls.model_fields["sampling"].default)

    @model_validator(mode="after")
    def _decides(self) -> Benefit:
        if self.model and self.solved_at > self.k:
            raise ValueError(
                f"with solved_at {self.solved_at} of k {self.k} nothing is solved: set it to at most k"
            )
        return self

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        return each(self.name, self._sorted, items)

    def _sorted(self, item: Item) -> Item:
        if not self.model:
            return item.model_copy(update={"lane": self.otherwise})
        odds = _enough(item.aided, self.k)
        return item.model_copy(update={"lane": "rl" if odds.right >= self.solved_at else "cold_start"})
