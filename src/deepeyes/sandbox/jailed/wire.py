"""Frames between a session and the supervisor, the session's side.

One frame is a 4-byte big-endian length, a JSON header of that length, and the raw bytes whose lengths the
header lists under `blobs`. The other side is `frames.py` in the parent package, which trusts none of it.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

_LENGTH = struct.Struct("!I")
_LARGE = 1 << 20
Blob = bytes | bytearray | memoryview
Buffer = bytearray | mmap.mmap


def send(descriptor: int, header: dict[str, Any], blobs: Sequence[Blob] = ()) -> None:
    write(descriptor, encode(header, blobs))


def encode(header: dict[str, Any], blobs: Sequence[Blob] = ()) -> list[Blob]:
    """The parts of a frame, to be written in order."""
    encoded = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode()
    return [_LENGTH.pack(len(encoded)) + encoded, *blobs]


def write(descriptor: int, parts: Sequence[Blob]) -> None:
    for part in parts:
        view = memoryview(part).cast("B")
        while len(view):
            view = view[os.write(descriptor, view) :]


def receive(descriptor: int) -> tuple[dict[str, Any] | None, list[Buffer]]:
    """The next frame; None when the supervisor hung up."""
    prefix = _exactly(descriptor, _LENGTH.size)
    if prefix is None:
        return None, []
    encoded = _exactly(descriptor, _LENGTH.unpack(prefix)[0])
    if encoded is None:
        return None, []
    header = json.loads(bytes(encoded))
    blobs: list[Buffer] = []
    for size in header["blobs"]:
        blob = _exactly(descriptor, size)
        if blob is None:
            return None, []
        blobs.append(blob)
    return header, blobs


def _pages(size: int) -> mmap.mmap:
    """Memory of this process alone, in huge pages where there are any: three page faults instead of 1,500."""
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE)
    with suppress(OSError):  # a kernel without them
        pages.madvise(mmap.MADV_HUGEPAGE)
    return pages


def _exactly(descriptor: int, size: int) -> Buffer | None:
    buffer = bytearray(size) if size < _LARGE else _pages(size)
    view, filled = memoryview(buffer), 0
    while filled < size:
        count = os.readv(descriptor, [view[filled:]])
        if count == 0:
            return None
        filled += count
    return buffer
