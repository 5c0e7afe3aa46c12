"""Synthesize: which teachers work through the items that need a trace, and how often each may try.

The work itself is done by `data.run.teach`; `verify` decides from the trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from pydantic import Field, model_validator

from deepeyes.core.config import Config
from deepeyes.core.images import VisionSpec
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling, with_sampling
from deepeyes.data.item import Item, Route
from deepeyes.data.stages.stage import Mode, Stage

WORLD = "world"
WRITTEN = "written"


class Teacher(Config):
    """One teacher: any model, or `world` for the embedded world's own."""

    model: str
    """As in `deepeyes ask --model`, or `world`."""
    dialect: str = ""
    """Empty for the model's own; what the traces are written in, for `world`."""
    tools: bool = True
    search: tuple[str, ...] = ()
    """What it may search, as in `deepeyes ask --search`."""
    sampling: Sampling = Sampling(temperature=0.7, seed=2)
    limits: Limits = Limits()
    vision: VisionSpec = VisionSpec()
    """For `world`: how large the learner sees images."""

    @model_validator(mode="before")
    @classmethod
    def _of_today(cls, values: Any) -> Any:
        """Recipes had `temperature` beside the other settings, and the stage's `seed` is put there too."""
        return with_sampling(values, "temperature", "seed", default=cls.model_fields["sampling"].default)


class Synthesis(Stage):
    """Traces for what is to be learnt by imitation."""

    name: ClassVar[str] = "synthesize"
    routes: ClassVar[tuple[Route, ...]] = ("cold_start", "text")

    teachers: dict[str, Teacher] = Field(default_factory=dict[str, Teacher])
    """By name, asked in this order."""
    attempts: int = Field(default=2, ge=1)
    """Times that each teacher may try an item."""
    written: Teacher = Teacher(model=WRITTEN, dialect="deepeyes_v2", tools=False)
    """How rows that came with written reasoning are put into traces."""

    @model_validator(mode="before")
    @classmethod
    def _of_today(cls, values: Any) -> Any:
        """Recipes had one `seed` for all teachers."""
        if not isinstance(values, dict) or "seed" not in values:
            return values
        fields = dict(cast("dict[str, Any]", values))
        seed = fields.pop("seed")
        fields.setdefault("written", cls.model_fields["written"].default.model_dump(exclude={"sampling"}))
        fields["written"] = _seeded(fields["written"], seed)
        teachers = fields.get("teachers")
        if isinstance(teachers, dict):
            asked = cast("dict[str, Any]", teachers)
            fields["teachers"] = {name: _seeded(teacher, seed) for name, teacher in asked.items()}
        return fields

    @property
    def mode(self) -> Mode:
        return "teacher"

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        """Nothing is decided here: `verify` does, from the trials."""
        return list(items)


def _seeded(teacher: Any, seed: Any) -> Any:
    """The table of a teacher with the stage's seed beside its own settings."""
    return {"seed": seed, **cast("dict[str, Any]", teacher)} if isinstance(teacher, dict) else teacher
