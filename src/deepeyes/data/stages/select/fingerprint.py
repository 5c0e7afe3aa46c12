"""Fingerprint: the perceptual hash of every image of an item, for the stages that look for alike ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.data.item import Item, Unusable
from deepeyes.data.stages.select.similarity import fingerprint
from deepeyes.data.stages.stage import Places, Stage, each


class Fingerprinting(Stage):
    """Notes the hash of every image of an item."""

    name: ClassVar[str] = "fingerprint"

    folder: str = Field(default="images", exclude=True)
    """Where the images are; set by the run."""

    def prepare(self, places: Places) -> tuple[Self, dict[str, int]]:
        return self.model_copy(update={"folder": str(places.images)}), {}

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        images = ImageStore(self.folder)
        known: dict[str, str] = {}

        def noted(item: Item) -> Item:
            for ref in item.task.images:
                if ref.sha256 not in known:
                    try:
                        known[ref.sha256] = fingerprint(images.get(ref))
                    except InputError as error:
                        raise Unusable("image_unreadable", str(error)) from error
            hashes = tuple(known[ref.sha256] for ref in item.task.images)
            return item.model_copy(update={"fingerprints": hashes})

        return each(self.name, noted, items)
