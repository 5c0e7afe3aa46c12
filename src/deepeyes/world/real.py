"""Real things for questions: entities of the permissive pack that have a picture nobody can mistake for
another's, with the facts that their pages state.

What always holds: the things of one split are in no other; they come in the pack's order; a fact is kept only
if its value can be read, as it is written here, on the page it stands on; no file stays open.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from PIL import Image

from .pack import Entity, open_pack
from .pack.entity import split_of

LONGEST_NAME = 16
EXACT = ("brand", "element")


@dataclass(frozen=True)
class Real:
    """A real thing: its facts by name, and which of its pictures stands for it (-1 without one)."""

    id: str
    kind: str
    name: str
    facts: dict[str, int | float | str]
    picture: int
    page: dict[str, str]
    """By fact, the text of the page that states it."""

    def written(self, fact: str) -> str:
        """The fact as it is written in an answer: a number plainly, without separators."""
        return plain(self.facts[fact])


def plain(value: float | str) -> str:
    """A number without separators or an empty decimal, a text as it is."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


@functools.cache
def pictured(kind: str, split: str) -> tuple[Real, ...]:
    """The things of a kind and split with a picture of their own that no other thing's is like."""
    found = [(thing, gist) for thing, gist in _known(kind) if gist]
    twice = _alike(kind, tuple(gist for _, gist in found))
    return tuple(
        thing
        for (thing, _), double in zip(found, twice, strict=True)
        if not double and split_of(thing.id) == split
    )


@functools.cache
def listed(kind: str, split: str) -> tuple[Real, ...]:
    """The things of a kind and split, pictured or not."""
    return tuple(thing for thing, _ in _known(kind) if split_of(thing.id) == split)


def picture_of(thing: Real) -> Image.Image:
    """The thing's picture, RGB on white."""
    with open_pack() as pack:
        entity = pack.entity(thing.id)
        assert entity is not None
        return _on_white(pack.picture_bytes(entity, thing.picture))


@functools.cache
def _known(kind: str) -> tuple[tuple[Real, bytes], ...]:
    """Every thing of a kind whose name is short and plain, and a gist of its picture (empty without one)."""
    with open_pack() as pack:
        found: list[tuple[Real, bytes]] = []
        names: dict[str, int] = {}
        for entity in pack.entities(kind):
            names[entity.name.casefold()] = names.get(entity.name.casefold(), 0) + 1
            if not _plain_name(entity.name):
                continue
            first = entity.pictures and (kind != "country" or entity.pictures[0].title.startswith("Flag of"))
            gist = _gist(kind, pack.picture_bytes(entity, 0)) if first else b""
            found.append((_real(entity), gist))
    return tuple((thing, gist) for thing, gist in found if names[thing.name.casefold()] == 1)


def _plain_name(name: str) -> bool:
    return name.isascii() and len(name) <= LONGEST_NAME and not set(name) & set("\"'\\<>{}&")


def _real(entity: Entity) -> Real:
    pages = {document.url: document.text for document in entity.documents}
    every = " ".join(pages.values())
    facts: dict[str, int | float | str] = {}
    page: dict[str, str] = {}
    for fact in entity.facts:
        value = fact.value[0] if isinstance(fact.value, tuple) and len(fact.value) == 1 else fact.value
        text = pages.get(fact.page, every)
        if isinstance(value, int | float | str) and _stated(value, text):
            facts[fact.name], page[fact.name] = value, text
    return Real(entity.id, entity.kind, entity.name, facts, 0 if entity.pictures else -1, page)


def _stated(value: float | str, text: str) -> bool:
    if isinstance(value, str):
        return value in text
    return f"{plain(value)}" in text or (isinstance(value, int) and f"{value:,}" in text)


def _gist(kind: str, data: bytes) -> bytes:
    """What decides whether two pictures are alike: all of the file for logos and for the tiles of elements,
    which differ in their letters alone; a thumbnail for the rest.
    """
    if kind in EXACT:
        return sha256(data).digest()
    return _on_white(data).resize((12, 12), Image.Resampling.BOX).tobytes()


def _alike(kind: str, gists: tuple[bytes, ...]) -> list[bool]:
    """For each gist whether another one is like it."""
    if kind in EXACT:
        return [gists.count(gist) > 1 for gist in gists]
    rows = np.array([np.frombuffer(gist, np.uint8) for gist in gists], np.float32)
    away = [np.abs(rows - row).mean(axis=1) for row in rows]
    return [bool((row < 14).sum() > 1) for row in away]


def _on_white(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data)).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
