"""What both probes are: a model is asked `k` times about each question, and its pass rate decides.

The asking itself is done by `data.run.probe`, which notes the `PassRate` on the item before the stage judges.
What always holds: a try that failed because of us is no try, and an item without `k` tries is left out as
`infrastructure_error`; a probe without a model asks nothing.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling, with_sampling
from deepeyes.data.item import INFRASTRUCTURE_ERROR, Item, PassRate, Route, Unusable
from deepeyes.data.stages.stage import Mode, Stage


class Probe(Stage):
    """Asks a model."""

    routes: ClassVar[tuple[Route, ...]] = ("question",)
    tools: ClassVar[bool]
    """Whether the model is asked with tools."""
    measures: ClassVar[Literal["without_tools", "with_tools"]]
    """The field of an item that holds the pass rate."""
    judging: ClassVar[frozenset[str]] = frozenset({"k"})
    """Settings that decide how often is asked and what follows from the answers, but not what is said."""

    model: str = ""
    """As in `deepeyes ask --model`; empty to leave the stage out."""
    dialect: str = ""
    """Empty for the model's own."""
    k: int = Field(default=8, ge=1)
    """Tries an item."""
    sampling: Sampling = Sampling(temperature=1.0)
    limits: Limits = Limits()

    @model_validator(mode="before")
    @classmethod
    def _of_today(cls, values: Any) -> Any:
        """Recipes had `temperature` and `seed` beside the other settings."""
        return with_sampling(values, "temperature", "seed", default=cls.model_fields["sampling"].default)

    @property
    def mode(self) -> Mode:
        return "model" if self.model else "part"

    @property
    def engines(self) -> tuple[str, ...]:
        """What the model may search."""
        return ()

    def measured(self, item: Item) -> PassRate:
        """The item's pass rate. Raises `Unusable` if it rests on fewer than `k` tries."""
        rate: PassRate | None = getattr(item, self.measures)
        if rate is None or rate.asked < self.k:
            made = rate.asked if rate else 0
            raise Unusable(INFRASTRUCTURE_ERROR, f"only {made} of {self.k} tries could be made")
        return rate
