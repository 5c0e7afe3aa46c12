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

from deepeyes.data.item import Item
from deepeyes.data.stages.select.mix import draw
from deepeyes.data.stages.select.similarity import SimilarImages
from deepeyes.data.stages.stage import Mode, Stage


class ValidationSplit(Stage):
    """Holds back a share of the images for validation."""

    name: ClassVar[str] = "split"

    validation: float = Field(default=0.02, ge=0, lt=1)
    """Share of the groups of items that share images."""
    distance: int = Field(default=20, ge=0, le=64)
    """Bits of 256 in which the hashes of two alike images may differ."""
    seed: int = 0

    @property
    def mode(self) -> Mode:
        return "whole"

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        owner = _image_groups(items, self.distance)
        result: list[Item] = []
        for item in items:
            held = draw(f"split/{self.seed}", owner[item.id]) < self.validation
            result.append(item.model_copy(update={"split": "validation" if held else "train"}))
        return result


def _image_groups(items: Sequence[Item], distance: int) -> dict[str, str]:
    """Item id to the name of its group: all items that share images or have alike ones, also by way of
    others.
    """
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    names: defaultdict[str, str] = defaultdict(str)
    alike = SimilarImages(distance)
    for item in items:
        images = [ref.sha256 for ref in item.task.images] + list(item.fingerprints) or [item.id]
        for fingerprint in item.fingerprints:
            images += alike.find(fingerprint)
            alike.add(fingerprint, fingerprint)
        for image in images:
            one, other = find(images[0]), find(image)
            leader[max(one, other)] = min(one, other)
        names[item.id] = images[0]
    return {item: find(image) for item, image in names.items()}
