"""Where a cell's text goes: a shared mapping, so that it costs no system call and outlives a killed cell.

Python-level writes land in the mapping; writes to file descriptors 1 and 2 (C code, child processes) land
in unlinked files. Both are capped and say how much was dropped.
"""

from __future__ import annotations

import io
import mmap
import os
import struct

CAP = 1 << 16
"""Bytes of text kept per stream and cell."""
_COUNT = struct.Struct("Q")
_START = 16


class Stream(io.TextIOBase):
    """A write-only text stream over a mapping that a forked process and its parent share."""

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(-1, CAP + _START)
        self._descriptor = descriptor
        self.buffer = _Bytes(self)  # type: ignore[misc,assignment]

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """Closing is ignored: the next cell prints here too."""

    def write(self, text: str) -> int:
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.append(text[: CAP + 1].encode("utf-8", "replace"), len(text) - len(text[: CAP + 1]))
        return len(text)

    def append(self, data: bytes, more: int = 0) -> None:
        """Add `data`, and count `more` bytes that were not even encoded."""
        used = self._used()
        if used < CAP:
            kept = data[: CAP - used]
            self._map[_START + used : _START + used + len(kept)] = kept
        self._map[: _COUNT.size] = _COUNT.pack(used + len(data) + more)

    def reset(self) -> None:
        self._map[: _COUNT.size] = _COUNT.pack(0)

    def text(self) -> str:
        used = self._used()
        return _decode(bytes(self._map[_START : _START + min(used, CAP)]), used - CAP)

    def _used(self) -> int:
        return _COUNT.unpack(self._map[: _COUNT.size])[0]


class _Bytes(io.RawIOBase):
    """`sys.stdout.buffer`: bytes written here join the text."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        self._stream.append(bytes(data[: CAP + 1]), len(data) - len(data[: CAP + 1]))
        return len(data)


class RawFile:
    """What goes to file descriptor `target` past Python: kept in an unlinked file of the session's folder."""

    def __init__(self, folder: str, target: int) -> None:
        self._file = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_APPEND, 0o600)
        os.dup2(self._file, target)

    def reset(self) -> None:
        if os.fstat(self._file).st_size:
            os.ftruncate(self._file, 0)

    def text(self) -> str:
        try:
            size = os.fstat(self._file).st_size
            return _decode(os.pread(self._file, CAP, 0), size - CAP) if size else ""
        except OSError:
            return ""  # the cell closed it


def _decode(data: bytes, dropped: int) -> str:
    text = data.decode("utf-8", "replace")
    return text if dropped <= 0 else f"{text}\n... [{dropped} more bytes were dropped]"
