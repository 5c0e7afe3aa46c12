"""Deduplicate: of items that ask the same about the same picture, the first stays.

Two items are the same when their pictures look alike, one for one, their questions are alike and their
answers are equal. The same question about other pictures, and other questions about the same picture, both
stay. What always holds: the result depends on the order of the items alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from deepeyes.core.config import Config
from deepeyes.data.item import Item, Lane
from deepeyes.data.stages.select.similarity import Lookalikes, Textalikes, grams, jaccard
from deepeyes.data.stages.stage import EVERY
from deepeyes.grading.rules import canonical


class Distinct(Config):
    """Looks at all items at once: cannot be run in parts."""

    name: ClassVar[str] = "deduplicate"
    lanes: ClassVar[tuple[Lane, ...]] = EVERY

    distance: int = Field(default=16, ge=0, le=64)
    """Bits of 256 in which the hashes of two alike pictures may differ: resizing and JPEG change up to 12,
    another scene or chart changes 80 and more.
    """
    similarity: float = Field(default=0.85, gt=0, le=1)
    """How alike two questions must be to be one (Jaccard index of letter 5-grams)."""

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        pictures = Lookalikes(self.distance)
        texts = Textalikes(self.similarity)
        result: list[Item] = []
        for place, item in enumerate(items):
            nearby = pictures.find(item.looks[0]) if item.looks else texts.find(item.task.question)
            first = next((items[other] for other in nearby if self._same(items[other], item)), None)
            if first is not None:
                result.append(item.rejected(self.name, "duplicate", f"of {first.id}"))
                continue
            result.append(item)
            if item.looks:
                pictures.add(item.looks[0], place)
            else:
                texts.add(item.task.question, place)
        return result

    def _same(self, one: Item, other: Item) -> bool:
        if len(one.looks) != len(other.looks) or canonical(one.task.answer) != canonical(other.task.answer):
            return False
        pairs = zip(one.looks, other.looks, strict=True)
        if any((int(a, 16) ^ int(b, 16)).bit_count() > self.distance for a, b in pairs):
            return False
        return jaccard(grams(one.task.question), grams(other.task.question)) >= self.similarity
