"""Locks between processes: while one holds a lock, the others are refused, or wait for their turn.

What always holds:
- a lock is a file that is locked, not a file that exists: it ends with its process, however that ends, and
  the next one takes over the file that a killed process left;
- who lets go removes the file;
- a forked child does not keep the lock of its parent, so a worker that outlives a killed run stops nobody;
- a file system without locks (some clusters' have none) is worked on without them.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from deepeyes.core.errors import StorageError, boundary

LOCK = ".deepeyes.lock"
"""The name of a folder's lock, and the end of that of a lock beside what it stands for."""
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
_NOT_OURS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR})


@contextmanager
def locked(path: Path, what: Path, *, shared: bool = False, wait: bool = False) -> Generator[None]:
    """Hold the lock file `path`, which stands for `what`, while the block runs.

    `shared` locks go together and keep others out; what this process may only read is then read without one.
    Raises `StorageError` at once if another process holds it, unless this one is to `wait`.
    """
    remedy = "choose a folder you may write to"
    with boundary(StorageError, f"locking {what}", remedy):
        lock = _taken(path, what, shared, wait)
    try:
        yield
    finally:
        _let_go(path, lock, shared)


@contextmanager
def flocked(descriptor: int) -> Generator[None]:
    """Wait for the lock of an open file and hold it while the block runs: for a few writes, not for a run."""
    with _if_there_are_any():
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with _if_there_are_any():
            fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def _if_there_are_any() -> Generator[None]:
    """Go on where the file system has no locks."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _taken(path: Path, what: Path, shared: bool, wait: bool) -> int | None:
    """The descriptor of the locked file; None where there is nothing to lock."""
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            if shared and error.errno in _NOT_OURS:
                return None
            raise
        try:
            with _if_there_are_any():
                fcntl.flock(descriptor, how)
            if _is_at(path, descriptor):
                if not shared:
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
                _held().add(descriptor)
                return descriptor
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace")
            raise StorageError(
                f"another process is at work in {what}" + (f" (its number is {holder})" if holder else ""),
                "wait for it to end, end it, or choose another folder",
            ) from None
        finally:
            if descriptor not in _held():
                os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the locked file is still the one at `path`: who held it before us has removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _let_go(path: Path, descriptor: int | None, shared: bool) -> None:
    if descriptor is None or descriptor not in _held():  # the latter in a forked child
        return
    _held().discard(descriptor)
    try:
        if shared:  # others may share it: only the last one removes the file
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except OSError:
        pass
    finally:
        os.close(descriptor)


@cache
def _held() -> set[int]:
    """Descriptors of this process's locks; a forked child starts without any."""
    mine: set[int] = set()

    def give_up() -> None:
        for descriptor in mine:
            with suppress(OSError):
                os.close(descriptor)
        mine.clear()

    os.register_at_fork(after_in_child=give_up)
    return mine
