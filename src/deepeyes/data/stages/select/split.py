"""Split: what is held back for validation.

What always holds: the split depends on ids, images and the seed, never on the order of the items; questions
that share an image, or have two that look alike, always end up in the same split, because an image that was
trained on is not held out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from deepeyes.core.config import Config
from deepeyes.data.item import Item, Lane
from deepeyes.data.stages.select.mix import _draw
from deepeyes.data.stages.select.similarity import Lookalikes
from deepeyes.data.stages.stage import EVERY


class Split(Config):
    """Holds back a share of the pictures for validation. Looks at all items at once."""

    name: ClassVar[str] = "split"
    lanes: ClassVar[tuple[Lane, ...]] = EVERY

    validation: float = Field(default=0.02, ge=0, lt=1)
    """Share of the groups of items that share pictures."""
    distance: int = Field(default=20, ge=0, le=64)
    """Bits of 256 in which the hashes of two alike pictures may differ."""
    seed: int = 0

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        owner = _picture_groups(items, self.distance)
        result: list[Item] = []
        for item in items:
            held = _draw(f"split/{self.seed}", owner[item.id]) < self.validation
            result.append(item.model_copy(update={"split": "validation" if held else "train"}))
        return result


def _picture_groups(items: Sequence[Item], distance: int) -> dict[str, str]:
    """Item id to the name of its group: all items that share pictures or have alike ones, also by way of
    others.
    """
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    names: defaultdict[str, str] = defaultdict(str)
    alike = Lookalikes(distance)
    for item in items:
        pictures = [ref.sha256 for ref in item.task.images] + list(item.looks) or [item.id]
        for look in item.looks:
            pictures += alike.find(look)
            alike.add(look, look)
        for picture in pictures:
            one, other = find(pictures[0]), find(picture)
            leader[max(one, other)] = min(one, other)
        names[item.id] = pictures[0]
    return {item: find(picture) for item, picture in names.items()}
