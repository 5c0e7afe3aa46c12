"""Frames between a session and the supervisor, the session's side.

One frame is a 4-byte big-endian length, a JSON header of that length, and the raw bytes whose lengths the
header lists under `blobs`. The other side is `frames.py` in the parent package, which trusts none of it.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from typing import Any

_LENGTH = struct.Struct("!I")
Blob = bytes | bytearray | memoryview


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


def receive(descriptor: int) -> tuple[dict[str, Any] | None, list[bytearray]]:
    """The next frame; None when the supervisor hung up."""
    prefix = _exactly(descriptor, _LENGTH.size)
    if prefix is None:
        return None, []
    encoded = _exactly(descriptor, _LENGTH.unpack(prefix)[0])
    if encoded is None:
        return None, []
    header = json.loads(encoded)
    blobs: list[bytearray] = []
    for size in header["blobs"]:
        blob = _exactly(descriptor, size)
        if blob is None:
            return None, []
        blobs.append(blob)
    return header, blobs


def _exactly(descriptor: int, size: int) -> bytearray | None:
    buffer = bytearray(size)
    view, filled = memoryview(buffer), 0
    while filled < size:
        count = os.readv(descriptor, [view[filled:]])
        if count == 0:
            return None
        filled += count
    return buffer
