"""Files and folders on disk: written whole or not at all, replaced whole, and put right after a kill.

What always holds:
- what is being made lies beside its place as `.NAME.TOKEN.part`, where no two writers meet, and is moved
  there when it is complete;
- a folder is never emptied where it lies. It is moved aside first, so a reader sees the old one whole or the
  new one whole; or, for the instant between two renames, none: if the process is killed right there, the
  next one moves the old one back;
- what a killed process left is known by its name, and cleared by the next one that writes there;
- lines are appended whole, by any number of processes at once; a line torn by a kill is cut off by the next.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Literal

from deepeyes.core.errors import StorageError, boundary
from deepeyes.core.locks import LOCK, flocked, locked

_LEFT = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.(?P<kind>part|old)", re.DOTALL)
"""A `part` is incomplete or to be deleted; an `old` is a whole folder that was moved aside."""
_REMEDY = "check the folder's permissions"


def append_line(path: Path, line: bytes, *, sync: bool = True) -> None:
    """Append `line`, which ends in a newline, and with `sync` force it to the disk; on `OSError` the file is
    as it was.

    Unbuffered: what a buffer still holds after a failed write is written when the file closes, into the room
    that cutting the file back has just made.
    """
    with path.open("ab+", buffering=0) as file, flocked(file.fileno()):
        start = _cut_torn_tail(file.fileno())
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[file.write(rest) :]
            if sync:
                os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), start)
            raise


def cut_torn_tail(path: Path) -> None:
    """Cut off what a killed process left after the last newline."""
    if path.exists():
        with path.open("rb+", buffering=0) as file, flocked(file.fileno()):
            _cut_torn_tail(file.fileno())


def _cut_torn_tail(descriptor: int) -> int:
    """The length of the file, which now is empty or ends in a newline. The file is locked."""
    length = end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - 1 if end == length else end - 65_536)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < length:
        os.ftruncate(descriptor, end)
    return end


def write_atomic(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Write `data` so that `path` is either absent, old or complete; with `sync` also if the machine loses
    power. Raises `StorageError`.
    """
    with replaced_file(path) as part, part.open("xb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """`write_atomic` for a text file of lines, without holding it in memory."""
    with replaced_file(path) as part, part.open("x", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


@contextmanager
def replaced_file(path: Path) -> Generator[Path]:
    """A path beside `path` to write a file to, which takes its place when the block ends well."""
    with boundary(StorageError, f"writing {path.name} in {path.parent}", _REMEDY):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = _beside(path, "part")
        try:
            yield part
            part.replace(path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


@contextmanager
def scratch_folder(place: Path) -> Generator[Path]:
    """An empty folder beside `place` to fill, for one process at a time; what is in it at the end is deleted.

    Raises `StorageError`, at once if another process is filling one.
    """
    with boundary(StorageError, f"writing to {place}", _REMEDY):
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(_lock(place), place):
            _settle(place)
            part = _beside(place, "part")
            part.mkdir()
            try:
                yield part
            finally:
                _settle(place)


@contextmanager
def replaced_folder(target: Path) -> Generator[Path]:
    """An empty folder to fill, which takes the place of `target` when the block ends well; else `target`
    stays as it is. Raises `StorageError`, at once if another process is replacing it.
    """
    with scratch_folder(target) as part:
        yield part
        if target.exists():
            target.rename(_beside(target, "old"))
        part.rename(target)


def remove_folder(target: Path) -> None:
    """Delete `target` with all that is in it: it is there whole or not at all. Raises `StorageError`."""
    with boundary(StorageError, f"removing {target}", _REMEDY):
        if not target.parent.is_dir():
            return
        with locked(_lock(target), target):
            _settle(target)
            if target.exists():
                target.rename(_beside(target, "part"))
            _settle(target)


def sweep(folder: Path) -> None:
    """Undo or finish what killed processes left in `folder`; folders that others are writing are let be.

    Only for who is the one writer of files there.
    """
    for path in list(folder.iterdir()):
        left = _LEFT.fullmatch(path.name)
        name = left["name"] if left else path.name[1 : -len(LOCK)] if path.name.endswith(LOCK) else ""
        if name:
            with suppress(StorageError), locked(_lock(folder / name), folder / name):
                _settle(folder / name)


def _settle(place: Path) -> None:
    """Undo or finish what killed processes left of `place`, which is locked."""
    for path in list(place.parent.iterdir()):
        left = _LEFT.fullmatch(path.name)
        if left is None or left["name"] != place.name:
            continue
        if left["kind"] == "part":
            _delete(path)
        elif place.exists():
            _delete(path.rename(_beside(place, "part")))  # what is deleted in part must not come back
        else:
            path.rename(place)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _beside(path: Path, kind: Literal["part", "old"]) -> Path:
    return path.with_name(f".{path.name}.{token_hex(8)}.{kind}")


def _lock(path: Path) -> Path:
    return path.with_name(f".{path.name}{LOCK}")
