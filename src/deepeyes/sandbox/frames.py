"""Frames between supervisor and session, the trusted side: every byte that arrives may be forged.

A frame is a 4-byte big-endian length, a JSON header, and raw blobs whose lengths the header lists
(`blobs`). What always holds: nothing is unpickled, no image format is decoded (images arrive as raw RGB
whose size must match), sizes are checked before memory is taken, unknown fields are ignored, and anything
else that does not fit is `ProtocolError`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Annotated, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .images import Pixels
from .limits import SandboxLimits

MAX_HEADER = 4 << 20
MAX_BLOB_BYTES = 128 << 20
MAX_BLOBS = 64
MAX_SIDE = 16384
LENGTH = struct.Struct("!I")

Blob = bytes | bytearray | memoryview
Outgoing = Blob | Pixels
_Size = Annotated[int, Field(ge=0, le=MAX_BLOB_BYTES)]
_Side = Annotated[int, Field(gt=0, le=MAX_SIDE)]
_Text = Annotated[str, Field(max_length=1 << 20)]


class ProtocolError(Exception):
    """The other side sent something that is not a frame of ours."""


class Reply(BaseModel):
    """The header of a session's frame."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    kind: Literal["ready", "ok", "refused", "result", "failed"]
    id: int = Field(ge=0, lt=1 << 32)
    blobs: Annotated[list[_Size], Field(max_length=MAX_BLOBS)]
    error: _Text = ""
    status: Literal["ok", "error", "timeout", "crashed"] = "ok"
    restored: bool = False
    stdout: _Text = ""
    stderr: _Text = ""
    result: _Text | None = None
    images: Annotated[
        list[Annotated[list[_Side], Field(min_length=2, max_length=2)]], Field(max_length=MAX_BLOBS)
    ] = []
    dropped: int = Field(default=0, ge=0, lt=1 << 31)

    @model_validator(mode="after")
    def _sizes_fit(self) -> Reply:
        if sum(self.blobs) > MAX_BLOB_BYTES:
            raise ValueError("more bytes than a frame may carry")
        if self.kind == "result" and [w * h * 3 for w, h in self.images] != self.blobs:
            raise ValueError("picture sizes do not match their bytes")
        return self


def encode(header: Mapping[str, object], blobs: Sequence[Outgoing] = ()) -> Iterator[Blob]:
    """The parts of a frame, to be sent in order."""
    encoded = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode()
    yield LENGTH.pack(len(encoded)) + encoded
    for blob in blobs:
        if isinstance(blob, Pixels):
            yield from blob
        else:
            yield blob


def header_length(prefix: bytes | bytearray) -> int:
    """How many header bytes follow the 4-byte `prefix`."""
    (length,) = LENGTH.unpack(prefix)
    if length > MAX_HEADER:
        raise ProtocolError(f"a header of {length} bytes")
    return length


def parse_header(encoded: bytes | bytearray) -> Reply:
    """The checked header; total: any bytes give a Reply or ProtocolError."""
    try:
        return Reply.model_validate_json(bytes(encoded))
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
        raise ProtocolError(f"{'.'.join(map(str, first['loc']))} {first['msg']}"[:200]) from None


async def read(exactly: Callable[[int], Awaitable[bytearray]]) -> tuple[Reply, list[bytearray]]:
    """One frame through `exactly(n)`, which gives n bytes or raises."""
    reply = parse_header(await exactly(header_length(await exactly(LENGTH.size))))
    return reply, [await exactly(size) for size in reply.blobs]


def images(reply: Reply, blobs: Sequence[bytearray], limits: SandboxLimits, most: int) -> list[Image.Image]:
    """The images of an answer, as RGB: at most `most`, none above the session's limits.

    Raises:
        ProtocolError: a session of ours keeps to its limits itself, so one that does not is forged.
    """
    if len(blobs) > most or len(blobs) != len(reply.images):
        raise ProtocolError(f"{len(blobs)} pictures where {most} may be")
    found: list[Image.Image] = []
    for (width, height), blob in zip(reply.images, blobs, strict=True):
        if width * height > limits.image_pixels or max(width, height) > limits.image_side:
            raise ProtocolError("a picture above the limits")
        if len(blob) != width * height * 3:
            raise ProtocolError("a picture of another size")
        found.append(Image.frombytes("RGB", (width, height), bytes(blob)))
    return found
