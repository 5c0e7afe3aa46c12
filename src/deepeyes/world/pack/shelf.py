"""One kind of things in one SQLite file: looked up by row, id or name, read without unpacking.

SQLite is there with Python, opens in a millisecond, and finds one record or picture in a file of any size.
Records lie in compressed chunks of about 64 KiB, as pages of one kind resemble each other. Pictures lie as
they are. What always holds: nothing is written here; shelves are made by `packmaker`, outside the package.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from deepeyes.core.errors import InputError, boundary

from .entity import Entity, fold

FORMAT = 1
MEND = "in a checkout of DeepEyes, build the pack again with: python -m packmaker"


@lru_cache(maxsize=1)
def records() -> TypeAdapter[list[Entity]]:
    """How a chunk of records becomes JSON and back."""
    return TypeAdapter(list[Entity])


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
            raise InputError(f"{entity_id} has no picture number {place} in {self.path.name}", MEND)
        return bytes(rows[0][0])

    def _load_chunk(self, row: int) -> list[Entity]:
        rows = self._ask("SELECT data FROM chunk WHERE row = ?", row)
        with boundary(
            InputError, f"reading {self.path}", MEND, expected=(zlib.error, ValueError, IndexError)
        ):
            return records().validate_json(zlib.decompress(rows[0][0]))

    def _ask(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._lock, boundary(InputError, f"reading {self.path}", MEND, expected=sqlite3.DatabaseError):
            return self._open().execute(query, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        """The connection of this process: one made before a fork is not used after it."""
        if self._db is None or self._pid != os.getpid():
            place = f"{self.path.resolve().as_uri()}?mode=ro&immutable=1"
            self._db = sqlite3.connect(place, uri=True, check_same_thread=False)
            self._pid = os.getpid()
            rows = self._db.execute("SELECT value FROM about WHERE name = 'format'").fetchall()
            if rows != [(str(FORMAT),)]:
                raise InputError(f"{self.path} is a shelf of another version", MEND)
        return self._db
