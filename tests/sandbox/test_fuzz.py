"""Whatever bytes come out of a jail, the supervisor gets a frame, a protocol error or the end of the stream.

A fuzzer that follows coverage looks for the same faults: `python -m benchmarks.sandbox_fuzz`.
"""

import asyncio
import json
import socket
import struct
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deepeyes.sandbox import frames
from deepeyes.sandbox.jailed import fd_channel, wire

KINDS = ["ready", "ok", "refused", "result", "failed", "pickle", ""]
STATUSES = ["ok", "error", "timeout", "crashed", "session_lost"]
ODD = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=12)
HEADER = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(KINDS) | ODD,
        "id": st.integers(-2, 2**33) | ODD,
        "blobs": st.lists(st.integers(-1, 40) | ODD, max_size=6) | ODD,
        "images": st.lists(st.lists(st.integers(-1, 4), min_size=1, max_size=3) | ODD, max_size=4) | ODD,
        "status": st.sampled_from(STATUSES) | ODD,
        "stdout": st.text(max_size=30) | ODD,
        "result": st.text(max_size=30) | ODD,
        "dropped": st.integers(-1, 2**40) | ODD,
        "restored": ODD,
        "error": ODD,
    },
)


def framed(header: Any, blobs: bytes = b"") -> bytes:
    encoded = json.dumps(header).encode()
    return struct.pack("!I", len(encoded)) + encoded + blobs


class Stream:
    """Bytes that end, and how much memory was asked for at once."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position, self.most = data, 0, 0

    async def exactly(self, size: int) -> bytearray:
        self.most = max(self.most, size)
        if self.position + size > len(self.data):
            raise ConnectionResetError("connection closed")
        self.position += size
        return bytearray(self.data[self.position - size : self.position])


def check(data: bytes) -> list[frames.Reply]:
    """Read frames until the bytes end; every one must keep the promises of `frames`."""

    async def drain() -> list[frames.Reply]:
        found: list[frames.Reply] = []
        stream = Stream(data)
        try:
            while True:
                reply, blobs = await frames.read(stream.exactly)
                assert [len(blob) for blob in blobs] == reply.blobs
                if reply.kind == "result":
                    assert [3 * w * h for w, h in reply.images] == reply.blobs
                found.append(reply)
        except (frames.ProtocolError, ConnectionResetError):
            assert stream.most <= frames.MAX_BLOB_BYTES
            return found

    return asyncio.run(drain())


@settings(max_examples=150)
@given(st.binary(max_size=300))
@example(b"\xff\xff\xff\xff")
@example(b"\0\0\0\0")
@example(struct.pack("!I", 200_000) + b"[" * 200_000)
def test_any_bytes(data: bytes) -> None:
    check(data)


@settings(max_examples=150)
@given(st.lists(st.tuples(HEADER, st.binary(max_size=60)), min_size=1, max_size=4), st.integers(0, 400))
def test_frames_of_odd_fields_cut_anywhere(parts: list[tuple[dict[str, Any], bytes]], cut: int) -> None:
    data = b"".join(framed(header, blobs) for header, blobs in parts)
    check(data)
    check(data[:cut])


@settings(max_examples=150)
@given(st.data())
def test_good_frames_with_flipped_bytes(data: st.DataObject) -> None:
    good = bytearray(framed({"kind": "result", "id": 2, "blobs": [12], "images": [[2, 2]]}, bytes(12)))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(good))


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=40), max_size=4), st.dictionaries(st.text(max_size=5), ODD, max_size=4))
def test_what_a_session_writes_is_what_is_read(blobs: list[bytes], extra: dict[str, Any]) -> None:
    header = {**{f"x{key}": value for key, value in extra.items()}, "kind": "ok", "id": 9}
    data = b"".join(bytes(part) for part in wire.encode(header, blobs))
    (reply,) = check(data)
    assert (reply.kind, reply.id, reply.blobs) == ("ok", 9, [len(blob) for blob in blobs])


@settings(max_examples=50)
@given(st.binary(min_size=1, max_size=200))
def test_helpers_messages_are_json_or_an_error(data: bytes) -> None:
    """The zygote and the namespace server are ours, and yet: `Control` takes ValueError for a dead helper."""
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, two:
        one.send(data)
        try:
            fd_channel.receive(two)
        except (ValueError, RecursionError) as problem:
            assert isinstance(problem, ValueError)


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-0", "1e400", "1E2", '"\\ud800"', '"\\u0000"', "[]" * 3]
)
def test_odd_json_values(value: str) -> None:
    for field in ("id", "dropped", "stdout", "blobs", "images"):
        text = f'{{"kind": "ok", "id": 1, "blobs": [], "{field}": {value}}}'.encode()
        check(struct.pack("!I", len(text)) + text)
