"""What judges said, in one SQLite file that many processes share.

Asking a model costs time and money, and the same pair comes again with every run that goes on. What always
holds: a vote is found by a hash of all that it depends on; what was kept survives a killed process; nothing
but that hash, the judge's name, the prompt's version and the word lies in the file, so no key and no text of
a data set can leak from it; a file that is none of ours is refused and left as it is.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deepeyes.core.errors import StorageError, boundary
from deepeyes.core.locks import LOCK, locked
from deepeyes.core.verdict import Outcome

_OURS = 0x44454A43
"""SQLite's application id of these files."""
_FORMAT = 1
_PATIENCE = 60.0
"""Seconds to wait for another process that writes."""
_ANOTHER = "name another file"
_IF_OURS = f"{_ANOTHER}, or delete it if it is a cache that was damaged"


class VoteCache:
    """Votes by key. Safe for threads; one process opens it once."""

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes it. Raises `StorageError`."""
        self.path = path
        self._lock = threading.Lock()
        with boundary(StorageError, f"making the folder of {path}", _ANOTHER):
            path.parent.mkdir(parents=True, exist_ok=True)
        # SQLite does not wait for its turn where two processes turn the same new file into a shared one.
        with locked(path.with_name(path.name + LOCK), path, wait=True), self._told():
            self._db = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def get(self, key: str) -> Outcome | None:
        """The vote kept under `key`; None if there is none."""
        rows = self._ask("SELECT word FROM vote WHERE key = ?", key)
        with self._told():
            return Outcome(rows[0][0]) if rows else None

    def put(self, key: str, vote: Outcome, *, model: str, prompt: int) -> None:
        """Keep a vote; the first one under a key stays."""
        self._ask(
            "INSERT OR IGNORE INTO vote (key, word, model, prompt) VALUES (?, ?, ?, ?)",
            *(key, vote.value, model, prompt),
        )

    def __len__(self) -> int:
        return int(self._ask("SELECT COUNT(*) FROM vote")[0][0])

    def close(self) -> None:
        with self._lock, self._told():
            self._db.close()

    def _ask(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._lock, self._told():
            return self._db.execute(query, values).fetchall()

    def _prepare(self) -> None:
        ours, version = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in _STAMPS)
        if (ours, version) != (_OURS, _FORMAT):
            if ours or version or self._db.execute("SELECT 1 FROM sqlite_master").fetchall():
                raise StorageError(f"{self.path} is no cache of judges of this version", _ANOTHER)
            words = ", ".join(f"'{word.value}'" for word in Outcome)
            self._db.execute("PRAGMA journal_mode = WAL")
            # At once, so that a process killed here leaves an empty file, which the next one fills.
            self._db.executescript(
                "BEGIN IMMEDIATE; "
                f"CREATE TABLE vote (key TEXT PRIMARY KEY, word TEXT NOT NULL CHECK (word IN ({words})), "
                "model TEXT NOT NULL, prompt INTEGER NOT NULL) WITHOUT ROWID; "
                f"PRAGMA user_version = {_FORMAT}; PRAGMA application_id = {_OURS}; COMMIT"
            )
        self._db.execute("PRAGMA synchronous = NORMAL")

    @contextmanager
    def _told(self) -> Generator[None]:
        """SQLite's errors as ours, and words that are no verdict: what can be done about either."""
        doing = f"using the judges' cache {self.path}"
        with (
            boundary(StorageError, doing, _IF_OURS, expected=(sqlite3.Error, ValueError)),
            boundary(
                StorageError,
                doing,
                f"{_ANOTHER}, on a disk with room that you may write to",
                expected=sqlite3.OperationalError,
            ),
        ):
            yield


_STAMPS = ("application_id", "user_version")
