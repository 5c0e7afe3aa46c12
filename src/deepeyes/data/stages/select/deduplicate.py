"""Deduplicate: of items that ask the same about the same image, the first stays.

Two items are the same when their images look alike, one for one, their questions are alike and their
answers are equal. The same question about other images, and other questions about the same image, both
stay. What always holds: the result depends on the order of the items alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from deepeyes.data.item import Item
from deepeyes.data.stages.select.similarity import SimilarImages, SimilarTexts, grams, jaccard
from deepeyes.data.stages.stage import Mode, Stage
from deepeyes.grading.notation import canonical


class Deduplication(Stage):
    """Leaves out what an earlier item asks already."""

    name: ClassVar[str] = "deduplicate"

    distance: int = Field(default=16, ge=0, le=64)
    """Bits of 256 in which the hashes of two alike images may differ: resizing and JPEG change up to 12,
    another scene or chart changes 80 and more.
    """
    similarity: float = Field(default=0.85, gt=0, le=1)
    """How alike two questions must be to be one (Jaccard index of letter 5-grams)."""

    @property
    def mode(self) -> Mode:
        return "whole"

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        images = SimilarImages(self.distance)
        texts = SimilarTexts(self.similarity)
        result: list[Item] = []
        for place, item in enumerate(items):
            prints = item.fingerprints
            nearby = images.find(prints[0]) if prints else texts.find(item.task.question)
            first = next((items[other] for other in nearby if self._same(items[other], item)), None)
            if first is not None:
                result.append(item.rejected(self.name, "duplicate", f"of {first.id}"))
                continue
            result.append(item)
            if prints:
                images.add(prints[0], place)
            else:
                texts.add(item.task.question, place)
        return result

    def _same(self, one: Item, other: Item) -> bool:
        if len(one.fingerprints) != len(other.fingerprints):
            return False
        if canonical(one.task.answer) != canonical(other.task.answer):
            return False
        pairs = zip(one.fingerprints, other.fingerprints, strict=True)
        if any((int(a, 16) ^ int(b, 16)).bit_count() > self.distance for a, b in pairs):
            return False
        return jaccard(grams(one.task.question), grams(other.task.question)) >= self.similarity
