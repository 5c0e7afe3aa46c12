"""What an entity's id is made of, and the check of all that `deepeyes.world.pack.entity` promises.

What always holds: an entity that breaks a promise is refused before it is written, and never mended.
"""

from __future__ import annotations

import math
import re
import unicodedata

from deepeyes.world.pack.entity import SCHEME, Entity, Fact


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
