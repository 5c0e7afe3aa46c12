"""The file behind a recording: answers by key in SQLite, thumbnails by content hash beside it.

What always holds: an entry is there whole or not at all, whoever is killed when (write-ahead log; images
are in place before the entry that names them); any number of processes may read and write at once; who
holds the claim on a key asks for it while the others wait, and a claim runs out, so a killed process stops
nobody for long; a file that is no recording, or one of another version, is refused with a remedy and never
overwritten. No key or address of a provider is stored, only its name.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

from deepeyes.core.errors import ConfigError, StorageError, boundary
from deepeyes.core.images import ImageStore

Kind = Literal["text", "image", "page"]

FILE = "recording.sqlite"
VERSION = 1
_BUSY_SECONDS = 60.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
  key TEXT PRIMARY KEY, kind TEXT NOT NULL, provider TEXT NOT NULL, snapshot TEXT NOT NULL,
  query TEXT NOT NULL, params TEXT NOT NULL, answer TEXT NOT NULL, empty INTEGER NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
  key TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Question:
    """What was asked of whom. `query` is normalised text, an address, or the hash of an image's pixels."""

    kind: Kind
    provider: str
    query: str
    params: Mapping[str, Any]
    snapshot: str = ""

    @property
    def key(self) -> str:
        parts = [VERSION, self.kind, self.provider, self.snapshot, dict(self.params), self.query]
        return sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True)
class Entry:
    """A recorded answer, as JSON, and when it was given (seconds since 1970)."""

    answer: Any
    empty: bool
    at: float


class Cassette:
    """A folder with a recording. Thread-safe; a fork opens its own connection."""

    def __init__(self, folder: str | os.PathLike[str], *, clock: Callable[[], float] = time.time) -> None:
        self.folder = Path(folder)
        self.images = ImageStore(self.folder / "images")
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._owner = ""
        with self._open():
            pass

    def close(self) -> None:
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def get(self, question: Question) -> Entry | None:
        with self._open() as db:
            row = db.execute(
                "SELECT answer, empty, at FROM entries WHERE key = ?", (question.key,)
            ).fetchone()
        return None if row is None else Entry(json.loads(row[0]), bool(row[1]), float(row[2]))

    def put(self, question: Question, answer: Any, *, empty: bool) -> None:
        """Record an answer (replacing an older one) and give up the claim on it."""
        row = (
            question.key,
            question.kind,
            question.provider,
            question.snapshot,
            question.query[:4096],
            json.dumps(dict(question.params), sort_keys=True),
            json.dumps(answer, ensure_ascii=False),
            int(empty),
            self._clock(),
        )
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            db.execute("DELETE FROM claims WHERE key = ?", (question.key,))

    def claim(self, question: Question, seconds: float) -> bool:
        """Whether it is ours to ask this now; nobody else may for `seconds` unless we `release` it."""
        now = self._clock()
        with self._writing() as db:
            row = db.execute("SELECT until FROM claims WHERE key = ?", (question.key,)).fetchone()
            if row is not None and float(row[0]) > now:
                return False
            db.execute(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", (question.key, self._owner, now + seconds)
            )
        return True

    def renew(self, question: Question, seconds: float) -> None:
        """Hold our claim for `seconds` from now."""
        with self._writing() as db:
            db.execute(
                "UPDATE claims SET until = ? WHERE key = ? AND owner = ?",
                (self._clock() + seconds, question.key, self._owner),
            )

    def release(self, question: Question) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM claims WHERE key = ? AND owner = ?", (question.key, self._owner))

    def count(self) -> int:
        with self._open() as db:
            return int(db.execute("SELECT COUNT(*) FROM entries").fetchone()[0])

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        doing = f"using the recording in {self.folder}"
        with (
            self._lock,
            boundary(
                StorageError, doing, "check the folder, or give another", expected=(sqlite3.Error, OSError)
            ),
        ):
            if self._connection is None or self._pid != os.getpid():
                self._connection = self._connect()  # after a fork the parent's connection is left alone
                self._pid, self._owner = os.getpid(), token_hex(8)
            yield self._connection

    def _connect(self) -> sqlite3.Connection:
        path = self.folder / FILE
        self.folder.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            _write_ahead(db)
            db.executescript(_SCHEMA)
            db.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", (str(VERSION),))
            found = db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        except sqlite3.DatabaseError as error:
            db.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise ConfigError(f"{path} is not a recording", "give another folder") from error
        if found[0] != str(VERSION):
            db.close()
            raise ConfigError(
                f"{path} has version {found[0]} of the recording's format and this is version {VERSION}",
                "record again into another folder, or use the version that wrote it",
            )
        return db


def _write_ahead(db: sqlite3.Connection) -> None:
    """Turn the write-ahead log on. Several processes that do it at once get in each other's way, briefly."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
