"""Fingerprint: the perceptual hash of every image of an item, for the stages that look for alike ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from deepeyes.core.config import Config
from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.data.item import Item, Lane, Unfit
from deepeyes.data.stages.select.similarity import look
from deepeyes.data.stages.stage import EVERY, each


class Looks(Config):
    """Notes the hash of every picture of an item."""

    name: ClassVar[str] = "fingerprint"
    lanes: ClassVar[tuple[Lane, ...]] = EVERY

    folder: str = Field(default="images", exclude=True)
    """Where the pictures are; set by the run."""

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        images = ImageStore(self.folder)
        known: dict[str, str] = {}

        def noted(item: Item) -> Item:
            for ref in item.task.images:
                if ref.sha256 not in known:
                    try:
                        known[ref.sha256] = look(images.get(ref))
                    except InputError as error:
                        raise Unfit("image_unreadable", str(error)) from error
            hashes = tuple(known[ref.sha256] for ref in item.task.images)
            return item.model_copy(update={"looks": hashes})

        return each(self.name, noted, items)
