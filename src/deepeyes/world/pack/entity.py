"""What a world pack holds: real things, what is known about them, and the pictures and pages they have.

What always holds: ids, document URLs and picture URLs are unique in a pack; a number has a unit and a text
has none; every document says something; everything names its source and licence. What writes a pack checks
this, so readers need not.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from dataclasses import dataclass

from deepeyes.search.base import Document

Value = int | float | str | tuple[str, ...]

SCHEME = "world://"
SPLITS = ("train", "validation", "test", "rl")


@dataclass(frozen=True)
class Fact:
    """One thing that is known: a number in a unit, a text, or a list of texts."""

    name: str
    value: Value
    unit: str = ""
    """Of a number, such as "km2", "people" or "ratio"; empty for texts."""
    year: int | None = None
    """The year that the source gives for it; None where it gives none."""
    page: str = ""
    """URL of the document that states it, if there is one."""


@dataclass(frozen=True)
class PictureRecord:
    """What is known of a picture without decoding it; sizes in pixels and bytes."""

    url: str
    title: str
    width: int
    height: int
    bytes: int
    source: str
    licence: str
    credit: str = ""
    """Who made it, and where it was published."""
    page: str = ""
    """URL of the document the picture stands on."""


@dataclass(frozen=True)
class Entity:
    """A real thing. `id` is its kind and a slug: `country/france`."""

    id: str
    kind: str
    name: str
    aliases: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    pictures: tuple[PictureRecord, ...] = ()
    documents: tuple[Document, ...] = ()
    source: str = ""
    licence: str = ""

    @property
    def split(self) -> str:
        return split_of(self.id)

    def fact(self, name: str) -> Fact | None:
        """The fact of that name, or None."""
        return next((fact for fact in self.facts if fact.name == name), None)


def split_of(entity_id: str) -> str:
    """The one split that may ask about an entity: seven tenths train, a tenth each of the others."""
    return {0: "test", 1: "validation", 2: "rl"}.get(zlib.crc32(entity_id.encode()) % 10, "train")


def fold(name: str) -> str:
    """A name as it is looked up: no case, no accents, no punctuation, single spaces."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(char for char in plain if not unicodedata.combining(char))
    words = re.sub(r"[\W_]+", " ", kept).strip()
    return words or name.casefold().strip()
