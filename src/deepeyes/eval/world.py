"""The embedded world as a benchmark: which share does an agent get right, and how does it use its tools?

What always holds: another seed draws other tasks of the same split.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import field_validator

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.eval.plan import EvalPlan
from deepeyes.world import FAMILIES
from deepeyes.world.families import splits_of
from deepeyes.world.strings import SPLITS
from deepeyes.world.tasks import world_tasks


def named(families: str) -> tuple[str, ...]:
    """The names in a list that is separated by commas."""
    return tuple(name.strip() for name in families.split(",") if name.strip())


class WorldPlan(EvalPlan):
    """Tasks of the world's families, as many of each."""

    benchmark: str = "world"
    families: tuple[str, ...] = ("tiny", "direct")
    """In a file or after --set a list, or names separated by commas."""
    split: str = "test"

    @field_validator("families", mode="before")
    @classmethod
    def _separated(cls, value: Any) -> Any:
        return named(value) if isinstance(value, str) else value

    def checked(self) -> WorldPlan:
        """Itself; raises `InputError` for a family or split that does not exist."""
        unknown = [family for family in self.families if family not in FAMILIES]
        if unknown or not self.families:
            raise InputError(f"there is no family {', '.join(unknown)!r}", f"use {', '.join(FAMILIES)}")
        if self.split not in SPLITS:
            raise InputError(f"there is no split {self.split!r}", f"use {', '.join(SPLITS)}")
        for family in self.families:
            if self.split not in splits_of(family):
                raise InputError(f"{family} has no split {self.split!r}", "use the test split")
        if self.n < len(self.families):
            raise InputError(
                f"{self.n} tasks are fewer than one a family", f"use --n {len(self.families)} or more"
            )
        return self

    def tasks(self, images: ImageStore) -> Iterator[Task]:
        yield from world_tasks(list(self.families), self.split, self.seed, self.n, images)
