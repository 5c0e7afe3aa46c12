"""A world pack: a folder with `pack.json` and one shelf a kind, opened without reading the shelves.

The permissive pack comes with the package and is the default. The copyleft pack is another folder, made on
demand, and never mixed in. What always holds: `pack.json` is written last and names files by their content,
so a pack that opens is whole; `digest` names that content; rows of `vectors` follow the order of
`documents()` or `gallery()`.
"""

from __future__ import annotations

import difflib
import io
import os
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict

from deepeyes.core.errors import InputError, StorageError, boundary
from deepeyes.core.files import write_atomic
from deepeyes.search.base import Document, GalleryImage

from .entity import SCHEME, Entity, PictureRecord, fold
from .shelf import FORMAT, Shelf

if TYPE_CHECKING:
    import numpy as np

NAMES = ("permissive", "copyleft")
MANIFEST = "pack.json"
_MEND = "in a checkout of DeepEyes, make it with: python -m packmaker"


class ShelfNote(BaseModel):
    """A line of `pack.json`: which file holds a kind, and how much is in it."""

    model_config = ConfigDict(frozen=True)

    kind: str
    file: str
    sha256: str
    bytes: int
    entities: int
    documents: int
    pictures: int
    licences: tuple[str, ...]


class Manifest(BaseModel):
    """`pack.json`: what a pack is made of. `sources` are the pinned packages, `tools` drew the pictures."""

    model_config = ConfigDict(frozen=True)

    format: int
    name: str
    shelves: tuple[ShelfNote, ...]
    sources: tuple[str, ...] = ()
    tools: dict[str, str] = {}

    @property
    def digest(self) -> str:
        """sha256 over the shelves' sha256, in hex."""
        return sha256("".join(f"{note.kind} {note.sha256}\n" for note in self.shelves).encode()).hexdigest()


class Pack:
    """An open pack. Reading is lazy and safe for threads; close it, or use it in a `with` block."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._shelves = {note.kind: Shelf(folder / note.file) for note in manifest.shelves}

    def __enter__(self) -> Pack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give all files back; a later read opens them again."""
        for shelf in self._shelves.values():
            shelf.close()

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def digest(self) -> str:
        return self.manifest.digest

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(self._shelves)

    def entities(self, kind: str = "") -> Iterator[Entity]:
        """All entities, or those of one kind, always in the same order."""
        shelves = [self._shelf(kind)] if kind else list(self._shelves.values())
        return chain.from_iterable(shelf.entities() for shelf in shelves)

    def entity(self, entity_id: str) -> Entity | None:
        """The entity `country/france`, or None."""
        shelf = self._shelves.get(entity_id.partition("/")[0])
        return shelf.by_id(entity_id) if shelf else None

    def find(self, name: str) -> tuple[Entity, ...]:
        """All entities with this name, alias or id; case, accents and punctuation do not count."""
        exact = self.entity(name.removeprefix(SCHEME))
        if exact:
            return (exact,)
        found = [entity for shelf in self._shelves.values() for entity in shelf.by_name(name)]
        return tuple(sorted(found, key=lambda entity: fold(entity.name) != fold(name)))

    def near(self, name: str, n: int = 5) -> tuple[str, ...]:
        """Up to `n` names that look like `name`, nearest first."""
        wanted = fold(name)
        every = sorted({known for shelf in self._shelves.values() for known in shelf.names()})
        inside = [known for known in every if wanted and wanted in known][: 4 * n]
        alike = difflib.get_close_matches(wanted, every, n, 0.6)
        found: dict[str, None] = {}
        for known in (*alike, *sorted(inside, key=len)):
            for entity in self.find(known):
                found.setdefault(entity.name)
        return tuple(found)[:n]

    def documents(self) -> Iterator[Document]:
        """Every document, always in the same order."""
        return (document for entity in self.entities() for document in entity.documents)

    def document(self, url: str) -> Document | None:
        """The document at `world://country/france/economy`; the first one of `world://country/france`."""
        entity = self._owner(url)
        if entity is None:
            return None
        if url.rstrip("/") == SCHEME + entity.id:
            return entity.documents[0] if entity.documents else None
        return next((document for document in entity.documents if document.url == url), None)

    def gallery(self) -> Iterator[GalleryImage]:
        """Every picture, always in the same order; its pixels are decoded when they are first used."""
        for entity in self.entities():
            for place, record in enumerate(entity.pictures):
                yield self._picture(entity, place, record)

    def picture(self, url: str) -> GalleryImage | None:
        """The picture at `world://country/france/flag.webp`, or None."""
        entity = self._owner(url)
        for place, record in enumerate(entity.pictures if entity else ()):
            if entity and record.url == url:
                return self._picture(entity, place, record)
        return None

    def picture_bytes(self, entity: Entity, place: int) -> bytes:
        """The WebP file of the entity's picture number `place`."""
        return self._shelf(entity.kind).picture(entity.id, place)

    def vectors(self, kind: Literal["text", "image"]) -> np.ndarray[Any, Any] | None:
        """Embeddings kept beside the pack, a row a document ("text") or a picture ("image"); None if there
        are none, or they were made for another content of the pack.
        """
        import numpy as np

        path, note = self.folder / f"{kind}.npy", self.folder / f"{kind}.json"
        if not (path.is_file() and note.is_file()):
            return None
        if VectorNote.model_validate_json(note.read_bytes()).pack != self.digest:
            return None
        with boundary(
            InputError, f"reading {path}", "delete it and make it again", expected=(OSError, ValueError)
        ):
            rows = np.load(path, mmap_mode="r", allow_pickle=False)
        return rows if rows.shape[0] == self.count(kind) else None

    def save_vectors(self, kind: Literal["text", "image"], rows: np.ndarray[Any, Any], encoder: str) -> Path:
        """Keep embeddings beside the pack: one row a document or picture, in their order; `encoder` names
        what made them. Returns the file.

        Raises:
            ValueError: there are not as many rows as documents or pictures.
            StorageError: the pack's folder cannot be written.
        """
        import numpy as np

        if rows.ndim != 2 or rows.shape[0] != self.count(kind):
            raise ValueError(f"{kind} vectors of shape {rows.shape} do not fit {self.count(kind)} rows")
        path, note = self.folder / f"{kind}.npy", self.folder / f"{kind}.json"
        with boundary(StorageError, f"writing {path}", "choose a folder you may write to"):
            file = io.BytesIO()
            np.save(file, rows, allow_pickle=False)
            note.unlink(missing_ok=True)
            write_atomic(path, file.getvalue(), sync=True)
            about = VectorNote(pack=self.digest, encoder=encoder)
            write_atomic(note, about.model_dump_json().encode(), sync=True)
        return path

    def count(self, kind: Literal["text", "image"]) -> int:
        """How many documents ("text") or pictures ("image") there are."""
        notes = self.manifest.shelves
        return sum(note.documents if kind == "text" else note.pictures for note in notes)

    def _shelf(self, kind: str) -> Shelf:
        if kind not in self._shelves:
            raise InputError(
                f"the {self.name} pack has no {kind!r}", f"use one of {', '.join(self._shelves)}"
            )
        return self._shelves[kind]

    def _owner(self, url: str) -> Entity | None:
        """The entity that a URL of its own, of a document or of a picture belongs to."""
        kind, _, rest = url.removeprefix(SCHEME).partition("/")
        return self.entity(f"{kind}/{rest.partition('/')[0]}") if url.startswith(SCHEME) else None

    def _picture(self, entity: Entity, place: int, record: PictureRecord) -> GalleryImage:
        image = Image.open(io.BytesIO(self.picture_bytes(entity, place)))
        source = "; ".join(part for part in (record.source, record.licence, record.credit) if part)
        return GalleryImage(record.url, record.title, image, record.page, source)


class VectorNote(BaseModel):
    """`text.json` or `image.json` beside a file of vectors: what they were made for, and by what."""

    pack: str
    encoder: str


def open_pack(name: str = "permissive", folder: Path | None = None) -> Pack:
    """Open a pack: from `folder`, or where packs of that name are kept.

    Raises:
        InputError: there is no pack of that name, or it is of another version.
    """
    if folder is None and name not in NAMES:
        raise InputError(f"there is no pack {name!r}", f"use one of {', '.join(NAMES)}")
    path = (folder or pack_folder(name)) / MANIFEST
    if not path.is_file():
        flag = " --copyleft" if name == "copyleft" else ""
        raise InputError(f"no {name} pack at {path.parent}", f"{_MEND}{flag}")
    with boundary(InputError, f"reading {path}", _MEND, expected=(OSError, ValueError)):
        manifest = Manifest.model_validate_json(path.read_bytes())
    if manifest.format != FORMAT:
        raise InputError(f"the pack at {path.parent} is of another version", _MEND)
    return Pack(path.parent, manifest)


def pack_folder(name: str) -> Path:
    """Where the pack of that name is kept: with the package, or in the user's data folder."""
    if name == "permissive":
        return Path(__file__).parent.parent / "assets" / "pack" / name
    return data_folder() / name


def data_folder() -> Path:
    """The user's folder for packs and downloads: `$XDG_DATA_HOME/deepeyes/world` or its usual place."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "deepeyes" / "world"
