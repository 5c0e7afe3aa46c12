"""Files that only grow: what is appended is there whole or not at all, also on a disk that fills up."""

from __future__ import annotations

import os
from pathlib import Path


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
