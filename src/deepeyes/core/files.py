"""Files that only grow: what is appended is there whole or not at all, also on a disk that fills up."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from deepeyes.core.errors import StorageError, boundary


def append_whole(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Append `data` to `path` and, with `sync`, force it to the disk; on `OSError` the file is as it was.

    Unbuffered: what a buffer still holds after a failed write is written when the file closes, into the room
    that cutting the file back has just made.
    """
    with path.open("ab", buffering=0) as file:
        start = file.tell()
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            if sync:
                os.fsync(file.fileno())
        except OSError:
            os.truncate(path, start)
            raise


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` so that `path` is either absent, old or complete; raises `StorageError`."""
    with boundary(StorageError, f"writing {path.name} in {path.parent}", "check the folder's permissions"):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{token_hex(8)}.part")
        try:
            with part.open("xb") as file:  # unlike a NamedTemporaryFile it keeps to the user's umask
                file.write(data)
            part.replace(path)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise


def rewrite(path: Path, lines: Iterable[str]) -> None:
    """A text file of lines, whole or not at all, without holding it in memory."""
    with boundary(StorageError, f"writing {path}", "check the folder's permissions"):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        with part.open("w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
        part.replace(path)
