"""What every maker uses: entities under construction, and the packages they are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from deepeyes.search.base import Document
from deepeyes.world.pack.entity import SCHEME, Entity, Fact, PictureRecord, Value

from ..check import slug
from ..draw import webp
from ..pins import Pin
from ..unpack import read_members

Made = tuple[Entity, list[bytes]]
"""An entity and the WebP bytes of its pictures, in their order."""
Maker = Callable[["Packages"], Iterator[Made]]


@dataclass(frozen=True)
class Packages:
    """The downloaded packages of a build."""

    folder: Path

    def files(self, pin: Pin, wanted: Callable[[str], bool]) -> dict[str, bytes]:
        """Name -> content of a package's files whose name is `wanted`."""
        return read_members(self.folder / pin.file, wanted)

    def file(self, pin: Pin, ending: str) -> bytes:
        """The one file of a package whose name ends so.

        Raises:
            ValueError: there is none, or more than one.
        """
        found = self.files(pin, lambda name: name.endswith(ending))
        if len(found) != 1:
            raise ValueError(f"{pin.file} has {len(found)} files that end in {ending}")
        return next(iter(found.values()))


@dataclass
class Draft:
    """An entity under construction. Facts that are not known are left out, never guessed."""

    id: str
    name: str
    source: str
    licence: str
    aliases: list[str] = field(default_factory=list[str])
    facts: dict[str, Fact] = field(default_factory=dict[str, Fact])
    documents: list[Document] = field(default_factory=list[Document])
    pictures: list[PictureRecord] = field(default_factory=list[PictureRecord])
    files: list[bytes] = field(default_factory=list[bytes])

    def url(self, part: str) -> str:
        return f"{SCHEME}{self.id}/{part}"

    def know(
        self, name: str, value: Value | None, unit: str = "", year: int | None = None, page: str = ""
    ) -> None:
        """Add a fact; nothing happens where the value is None or empty. `page` is the document's slug."""
        if value is None or value == "" or value == ():
            return
        unit = unit if isinstance(value, int | float) else ""
        self.facts[name] = Fact(name, value, unit, year, self.url(page) if page else "")

    def write(self, part: str, title: str, text: str, *, source: str = "", date: str = "") -> None:
        """Add a document; `source` where it is another than the entity's."""
        line = source or f"{self.source}, {self.licence}"
        self.documents.append(Document(self.url(part), title, text.strip(), date, line))

    def show(
        self,
        part: str,
        title: str,
        image: Image.Image,
        *,
        side: int,
        quality: int = 82,
        source: str = "",
        licence: str = "",
        credit: str = "",
    ) -> None:
        """Add a picture, which stands on the entity's first document."""
        data, (width, height) = webp(image, side=side, quality=quality)
        page = self.documents[0].url if self.documents else ""
        where, terms = source or self.source, licence or self.licence
        url = self.url(f"{part}.webp")
        self.pictures.append(PictureRecord(url, title, width, height, len(data), where, terms, credit, page))
        self.files.append(data)

    def made(self) -> Made:
        kind = self.id.partition("/")[0]
        seen = {self.name}
        aliases = [name for name in self.aliases if name.strip() and not (name in seen or seen.add(name))]
        entity = Entity(
            self.id,
            kind,
            self.name,
            tuple(aliases),
            tuple(self.facts.values()),
            tuple(self.pictures),
            tuple(self.documents),
            self.source,
            self.licence,
        )
        return entity, self.files


def distinct_ids(kind: str, names: list[tuple[str, str]]) -> list[str]:
    """An id for each (name, tie-breaker): `kind/name`, with the tie-breaker where names meet."""
    slugs = [slug(name) or slug(tie) for name, tie in names]
    counts = Counter(slugs)
    return [
        f"{kind}/{one}" if counts[one] == 1 else f"{kind}/{one}-{slug(tie)}"
        for one, (_, tie) in zip(slugs, names, strict=True)
    ]
