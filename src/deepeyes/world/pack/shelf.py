"""One kind of things in one SQLite file: looked up by row, id or name, read without unpacking.

SQLite is there with Python, opens in a millisecond, and finds one record or picture in a file of any size.
Records lie in compressed chunks of about 64 KiB, as pages of one kind resemble each other. Pictures lie as
they are. A shelf is written once, in one transaction, under another name, and then moved into place: what is
there is whole. Equal input gives equal bytes (with the same versions of SQLite and zlib).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from deepeyes.core.errors import InputError, StorageError, boundary
from deepeyes.core.files import replaced_file

from .entity import Entity, check, fold

FORMAT = 1
_CHUNK = 64 * 1024
_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE entity (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL, chunk INTEGER, slot INTEGER, picture INTEGER, pictures INTEGER
);
CREATE TABLE name (fold TEXT, row INTEGER, PRIMARY KEY (fold, row)) WITHOUT ROWID;
CREATE TABLE chunk (row INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE picture (row INTEGER PRIMARY KEY, data BLOB);
"""
_MEND = "build the pack again with: deepeyes world build"


@lru_cache(maxsize=1)
def _records() -> TypeAdapter[list[Entity]]:
    return TypeAdapter(list[Entity])


def write_shelf(path: Path, made: Iterable[tuple[Entity, Sequence[bytes]]], about: dict[str, str]) -> None:
    """Write entities, each with the WebP bytes of its pictures in their order, to the file `path`.

    Raises:
        ValueError: an entity breaks what `entity.check` promises, or an id comes twice.
        StorageError: the file cannot be written.
    """
    with replaced_file(path) as part:
        with boundary(StorageError, f"writing {path}", _MEND, expected=sqlite3.OperationalError):
            with closing(sqlite3.connect(part, isolation_level=None)) as db:
                _fill(db, made, {"format": str(FORMAT), **about})


def _fill(
    db: sqlite3.Connection, made: Iterable[tuple[Entity, Sequence[bytes]]], about: dict[str, str]
) -> None:
    for setting in ("page_size = 1024", "journal_mode = OFF", "synchronous = OFF", "auto_vacuum = NONE"):
        db.execute(f"PRAGMA {setting}")
    db.execute("BEGIN")
    for statement in _SCHEMA.strip().split(";\n"):
        db.execute(statement)
    seen: set[str] = set()
    names: set[tuple[str, int]] = set()
    chunk: list[Entity] = []
    chunks = picture = size = 0
    for row, (entity, files) in enumerate(made):
        check(entity)
        if entity.id in seen or len(files) != len(entity.pictures):
            raise ValueError(f"{entity.id} comes twice, or has not as many files as pictures")
        seen.add(entity.id)
        names.update((fold(name), row) for name in (entity.name, *entity.aliases))
        place = (row, entity.id, chunks, len(chunk), picture, len(files))
        db.execute("INSERT INTO entity VALUES (?, ?, ?, ?, ?, ?)", place)
        for data in files:
            db.execute("INSERT INTO picture VALUES (?, ?)", (picture, data))
            picture += 1
        chunk.append(entity)
        size += sum(len(document.text) for document in entity.documents) + 500
        if size >= _CHUNK:
            _put_chunk(db, chunks, chunk)
            chunks, chunk, size = chunks + 1, [], 0
    if chunk:
        _put_chunk(db, chunks, chunk)
    db.executemany("INSERT INTO name VALUES (?, ?)", sorted(names))
    db.execute("CREATE UNIQUE INDEX entity_id ON entity (id)")
    db.executemany("INSERT INTO about VALUES (?, ?)", sorted(about.items()))
    db.execute("COMMIT")
    db.execute("VACUUM")


def _put_chunk(db: sqlite3.Connection, row: int, chunk: list[Entity]) -> None:
    data = zlib.compress(_records().dump_json(chunk, exclude_defaults=True), 9)
    db.execute("INSERT INTO chunk VALUES (?, ?)", (row, data))


class Shelf:
    """Reads one shelf file, opened when it is first asked. Safe for threads and for forked processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._pid = 0
        self._chunks = lru_cache(maxsize=16)(self._load_chunk)

    def close(self) -> None:
        """Give the file back; a later read opens it again."""
        with self._lock:
            if self._db is not None and self._pid == os.getpid():
                self._db.close()
            self._db = None
            self._chunks.cache_clear()

    def about(self, name: str) -> str:
        """What was noted when the shelf was written; empty if nothing was."""
        rows = self._ask("SELECT value FROM about WHERE name = ?", name)
        return str(rows[0][0]) if rows else ""

    def entities(self) -> Iterator[Entity]:
        """All of them, in the order they were written."""
        for (chunk,) in self._ask("SELECT row FROM chunk ORDER BY row"):
            yield from self._chunks(chunk)

    def by_id(self, entity_id: str) -> Entity | None:
        rows = self._ask("SELECT chunk, slot FROM entity WHERE id = ?", entity_id)
        return self._chunks(rows[0][0])[rows[0][1]] if rows else None

    def by_name(self, name: str) -> list[Entity]:
        """Those with this name or alias, whatever its case and accents."""
        query = "SELECT chunk, slot FROM name JOIN entity USING (row) WHERE fold = ? ORDER BY row"
        return [self._chunks(chunk)[slot] for chunk, slot in self._ask(query, fold(name))]

    def names(self) -> list[str]:
        """Every name and alias, folded."""
        return [str(row[0]) for row in self._ask("SELECT DISTINCT fold FROM name ORDER BY fold")]

    def picture(self, entity_id: str, place: int) -> bytes:
        """WebP bytes of the entity's picture number `place`.

        Raises:
            InputError: there is no such picture.
        """
        query = (
            "SELECT data FROM entity JOIN picture ON picture.row = entity.picture + ?2 "
            "WHERE id = ?1 AND ?2 BETWEEN 0 AND pictures - 1"
        )
        rows = self._ask(query, entity_id, place)
        if not rows:
            raise InputError(f"{entity_id} has no picture number {place} in {self.path.name}", _MEND)
        return bytes(rows[0][0])

    def _load_chunk(self, row: int) -> list[Entity]:
        rows = self._ask("SELECT data FROM chunk WHERE row = ?", row)
        with boundary(
            InputError, f"reading {self.path}", _MEND, expected=(zlib.error, ValueError, IndexError)
        ):
            return _records().validate_json(zlib.decompress(rows[0][0]))

    def _ask(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._lock, boundary(InputError, f"reading {self.path}", _MEND, expected=sqlite3.DatabaseError):
            return self._open().execute(query, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        """The connection of this process: one made before a fork is not used after it."""
        if self._db is None or self._pid != os.getpid():
            place = f"{self.path.resolve().as_uri()}?mode=ro&immutable=1"
            self._db = sqlite3.connect(place, uri=True, check_same_thread=False)
            self._pid = os.getpid()
            rows = self._db.execute("SELECT value FROM about WHERE name = 'format'").fetchall()
            if rows != [(str(FORMAT),)]:
                raise InputError(f"{self.path} is a shelf of another version", _MEND)
        return self._db
