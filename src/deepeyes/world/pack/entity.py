"""What a world pack holds: real things, what is known about them, and the pictures and pages they have.

What always holds: ids, document URLs and picture URLs are unique in a pack; a number has a unit and a text
has none; every document says something; everything names its source and licence. `check` enforces this when a
pack is written, so readers need not.
"""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from dataclasses import dataclass

from deepeyes.search.base import Document

Value = int | float | str | tuple[str, ...]

SCHEME = "world://"
SPLITS = ("train", "validation", "test")


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
    """The one split that may ask about an entity: eight tenths train, a tenth validation, a tenth test."""
    return {0: "test", 1: "validation"}.get(zlib.crc32(entity_id.encode()) % 10, "train")


def fold(name: str) -> str:
    """A name as it is looked up: no case, no accents, no punctuation, single spaces."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(char for char in plain if not unicodedata.combining(char))
    words = re.sub(r"[\W_]+", " ", kept).strip()
    return words or name.casefold().strip()


def slug(name: str) -> str:
    """A name as it stands in URLs: lower-case ASCII words joined by hyphens; empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")


def check(entity: Entity) -> None:
    """Raise `ValueError` where an entity breaks what this module promises."""
    if entity.id.partition("/")[0] != entity.kind or not slug(entity.id.partition("/")[2]):
        raise ValueError(f"{entity.id!r} is no id of kind {entity.kind!r}")
    if not (entity.name.strip() and entity.source and entity.licence):
        raise ValueError(f"{entity.id} lacks a name, a source or a licence")
    base = f"{SCHEME}{entity.id}/"
    urls = [document.url for document in entity.documents]
    for document in entity.documents:
        if not (document.url.startswith(base) and document.title.strip() and document.source):
            raise ValueError(f"{entity.id}: document {document.url!r} lacks a title, a source or its place")
        if len(document.text.strip()) < 20:
            raise ValueError(f"{entity.id}: document {document.url!r} says nothing")
    for picture in entity.pictures:
        urls.append(picture.url)
        if not (picture.url.startswith(base) and picture.url.endswith(".webp") and picture.licence):
            raise ValueError(f"{entity.id}: picture {picture.url!r} lacks a licence or its place")
    if len(set(urls)) != len(urls):
        raise ValueError(f"{entity.id} has two documents or pictures of one URL")
    for fact in entity.facts:
        _check_fact(entity, fact)
    if len({fact.name for fact in entity.facts}) != len(entity.facts):
        raise ValueError(f"{entity.id} has two facts of one name")


def _check_fact(entity: Entity, fact: Fact) -> None:
    value, what = fact.value, f"{entity.id}: fact {fact.name!r}"
    if isinstance(value, bool):
        raise ValueError(f"{what} is a truth value")
    if isinstance(value, int | float) != bool(fact.unit):
        raise ValueError(f"{what} is a number without a unit, or a text with one")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{what} is not finite")
    texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ("",)
    if not isinstance(value, int | float) and not (texts and all(text.strip() for text in texts)):
        raise ValueError(f"{what} is empty")
    if fact.year is not None and not 1 <= fact.year <= 2100:
        raise ValueError(f"{what} has the year {fact.year}")
    if fact.page and fact.page not in {document.url for document in entity.documents}:
        raise ValueError(f"{what} stands on an unknown page")
