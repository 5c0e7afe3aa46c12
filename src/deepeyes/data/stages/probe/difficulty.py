"""Difficulty: questions that the model answers without tools teach nothing.

The model is asked `k` times without tools (arXiv 2511.05271, section 3.3). A question that it gets right more
than `max_right` times is left out. What always holds: a try that failed because of us is no try: an item
without `k` tries is left out as `infrastructure_error`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from deepeyes.core.config import Config
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling, with_sampling
from deepeyes.data.item import Item, Lane, Odds, Unfit
from deepeyes.data.stages.stage import each
from deepeyes.data.stages.teach.faults import OURS


class Difficult(Config):
    """Questions that the model cannot answer at once."""

    name: ClassVar[str] = "difficulty"
    lanes: ClassVar[tuple[Lane, ...]] = ("question",)
    tools: ClassVar[bool] = False
    search: ClassVar[tuple[str, ...]] = ()

    model: str = ""
    """As in `deepeyes ask --model`; empty to leave the stage out."""
    dialect: str = ""
    k: int = Field(default=8, ge=1)
    max_right: int = Field(default=2, ge=0)
    """Kept if at most this many of `k` are right."""
    sampling: Sampling = Sampling(temperature=1.0, seed=0)
    limits: Limits = Limits()

    @model_validator(mode="before")
    @classmethod
    def _of_today(cls, values: Any) -> Any:
        """Recipes had `temperature` and `seed` beside the other settings."""
        return with_sampling(values, "temperature", "seed", default=cls.model_fields["sampling"].default)

    @model_validator(mode="after")
    def _decides(self) -> Difficult:
        if self.model and self.max_right >= self.k:
            raise ValueError(
                f"with max_right {self.max_right} of k {self.k} nothing is too easy: set it below k"
            )
        return self

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        return each(self.name, self._judged, items)

    def _judged(self, item: Item) -> Item:
        odds = _enough(item.unaided, self.k)
        if odds.right > self.max_right:
            raise Unfit("too_easy", f"{odds.right} of {odds.asked} right without tools")
        return item


def _enough(odds: Odds | None, k: int) -> Odds:
    if odds is None or odds.asked < k:
        raise Unfit(OURS, f"only {odds.asked if odds else 0} of {k} tries could be made")
    return odds
