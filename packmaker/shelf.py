"""Writes one kind of things into one SQLite file, which `deepeyes.world.pack.shelf` reads.

What always holds: a shelf is written once, in one transaction, under another name, and then moved into place;
what is there is whole. Equal input gives equal bytes (with the same versions of SQLite and zlib).
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from deepeyes.core.errors import StorageError, boundary
from deepeyes.core.files import replaced_file
from deepeyes.world.pack.entity import Entity, fold
from deepeyes.world.pack.shelf import FORMAT, MEND, records

from .check import check

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


def write_shelf(path: Path, made: Iterable[tuple[Entity, Sequence[bytes]]], about: dict[str, str]) -> None:
    """Write entities, each with the WebP bytes of its pictures in their order, to the file `path`.

    Raises:
        ValueError: an entity breaks what `check` promises, or an id comes twice.
        StorageError: the file cannot be written.
    """
    with replaced_file(path) as part:
        with boundary(StorageError, f"writing {path}", MEND, expected=sqlite3.OperationalError):
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
    data = zlib.compress(records().dump_json(chunk, exclude_defaults=True), 9)
    db.execute("INSERT INTO chunk VALUES (?, ?)", (row, data))
