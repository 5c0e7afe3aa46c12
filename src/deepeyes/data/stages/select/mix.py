"""Mix: how much of what. Groups are brought to their shares, and the rest is left out.

What always holds: what is drawn depends on ids and the seed, never on the order of the items.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import Any, ClassVar, Literal, cast

from pydantic import Field, model_validator

from deepeyes.core.errors import ConfigError
from deepeyes.data.item import Item
from deepeyes.data.stages.stage import Mode, Stage


class Mixture(Stage):
    """Brings the groups to their shares and leaves the rest out."""

    name: ClassVar[str] = "mix"

    by: Literal["source", "family", "route"] = "source"
    """What makes a group."""
    shares: dict[str, float] = Field(default_factory=dict[str, float])
    """Group to its share of what is to be learnt by imitation (routes other than rl). As many items are kept
    as the scarcest group allows; groups without a share are left as they are.
    """
    caps: dict[str, int] = Field(default_factory=dict[str, int])
    """Group to the most items of it, in every route."""
    seed: int = 0

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, values: Any) -> Any:
        """Recipes called the route of an item its lane."""
        if isinstance(values, dict) and cast("dict[str, Any]", values).get("by") == "lane":
            return {**values, "by": "route"}
        return cast("object", values)

    @model_validator(mode="after")
    def _sane(self) -> Mixture:
        if any(share <= 0 for share in self.shares.values()) or any(cap < 0 for cap in self.caps.values()):
            raise ValueError("shares must be above 0 and caps at least 0")
        return self

    def check(self, groups: Collection[str]) -> None:
        """Raises `ConfigError` for a share or a cap of a group that is none of `groups`."""
        unknown = [group for group in (*self.shares, *self.caps) if group not in groups]
        if unknown:
            raise ConfigError(
                f"mix speaks of {self.by} {unknown[0]!r}, which is not there",
                f"use {', '.join(sorted(groups))}",
            )

    @property
    def mode(self) -> Mode:
        return "whole"

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        drawn = sorted(range(len(items)), key=lambda place: draw(f"mix/{self.seed}", items[place].id))
        result = list(items)
        counts: Counter[str] = Counter()
        for place in drawn:
            group = self._group(items[place])
            counts[group] += 1
            if group in self.caps and counts[group] > self.caps[group]:
                result[place] = items[place].rejected(self.name, "over_cap", f"{group}: {self.caps[group]}")
        shared = [p for p in drawn if result[p].kept and self._shared(result[p])]
        there = Counter(self._group(items[place]) for place in shared)
        room = self._room(there)
        taken: Counter[str] = Counter()
        for place in shared:
            group = self._group(items[place])
            taken[group] += 1
            if taken[group] > room[group]:
                result[place] = items[place].rejected(self.name, "over_share", f"{group}: {room[group]}")
        return result

    def _room(self, there: Counter[str]) -> dict[str, int]:
        """How many of each group fit: the largest total of which every present group can give its share."""
        present = {group: share for group, share in self.shares.items() if there[group]}
        if not present:
            return {}
        total = min(there[group] / share for group, share in present.items())
        return {group: max(1, int(total * share + 1e-9)) for group, share in present.items()}

    def _shared(self, item: Item) -> bool:
        return item.route != "rl" and self._group(item) in self.shares

    def _group(self, item: Item) -> str:
        return {"source": item.source, "family": item.task.family, "route": item.route}[self.by]


def draw(seed: str, name: str) -> float:
    """A number from 0 to 1 that depends on its arguments alone."""
    return int.from_bytes(sha256(f"{seed}/{name}".encode()).digest()[:7], "big") / 2**56
