"""The images of rows: decoded when a row's turn comes, and equal ones once.

What always holds: nothing is fetched from a network; a row of a table for VLMEvalKit may name another row,
by its index, whose image it shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from deepeyes.core.images import ImageRef, ImageStore
from deepeyes.data.item import Unusable
from deepeyes.data.sources.images import read_images
from deepeyes.eval.benchmarks.about import About
from deepeyes.eval.benchmarks.fields import Fields, listed

_LONGEST_PATH = 300
_LONGEST_INDEX = 64
"""Characters of an image cell that is the index of the row with the image."""


def lender(row: Mapping[str, Any]) -> set[str]:
    """The index of the row whose image this row names, as tables for VLMEvalKit do to save space."""
    cell = row.get("image")
    return {cell} if isinstance(cell, str) and "index" in row and cell.isdecimal() else set()


class RowImages:
    """The images of rows, each decoded once in a row of equal ones."""

    def __init__(self, about: About, store: ImageStore) -> None:
        self._about = about
        self._store = store
        self._refs: dict[bytes, ImageRef] = {}
        self._lent: dict[str, tuple[ImageRef, ...]] = {}

    def read(self, row: Mapping[str, Any], root: Path, index: str) -> tuple[ImageRef, ...]:
        """Their names, put into the store. Raises `Unusable`."""
        cell = row.get("image")
        if isinstance(cell, str) and cell in self._lent and len(cell) <= _LONGEST_INDEX:
            return self._lent[cell]
        fields = Fields(row, root)
        found: list[ImageRef] = []
        for names in self._about.images:
            value = listed(fields.value(names))
            for one in value if isinstance(value, list | tuple) else [value]:
                found += [] if one is None else self._put(one, root)
        if self._about.needs_image and not found:
            raise Unusable("no_image", f"none of the columns {', '.join(self._about.images)} holds an image")
        refs = tuple(dict.fromkeys(found))
        if index:
            self._lent[index] = refs
        return refs

    def _put(self, value: object, root: Path) -> list[ImageRef]:
        """One image; of equal ones, such as those of the cycles of a question, only the first is decoded."""
        raw = value.get("bytes") if isinstance(value, Mapping) else value
        encoded = raw.encode() if isinstance(raw, str) else raw
        place = str(root).encode() if isinstance(raw, str) else b""
        key = sha256(place + encoded).digest() if isinstance(encoded, bytes) else b""
        if key and key in self._refs:
            return [self._refs[key]]
        refs = [self._store.put(image) for image in read_images(_found(value, root), root)]
        if key and len(refs) == 1:
            self._refs[key] = refs[0]
        return refs


def _found(value: object, root: Path) -> object:
    """A path whose first folder is the name that the data set had elsewhere, without that folder."""
    if isinstance(value, str) and len(value) < _LONGEST_PATH and "/" in value:
        inner = value.split("/", 1)[1]
        if not (root / value).exists() and (root / inner).is_file():
            return inner
    return value
