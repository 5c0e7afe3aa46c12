"""Coverage-guided fuzzing of what reads bytes from a jail: `python -m benchmarks.sandbox_fuzz`.

Needs `atheris`. Any exception but a protocol error or the end of the stream stops the fuzzer, and so does an
answer that breaks a promise of `sandbox/frames.py`. The same properties are tested with hypothesis in
tests/sandbox/test_fuzz.py, without coverage and in seconds.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import struct
import sys
import tempfile
from pathlib import Path

LENGTH = struct.Struct("!I")


def seeds() -> list[bytes]:
    headers: list[dict[str, object]] = [
        {"kind": "ready", "id": 1, "blobs": []},
        {"kind": "result", "id": 2, "status": "ok", "blobs": [12], "images": [[2, 2]], "stdout": "a"},
        {"kind": "result", "id": 3, "status": "timeout", "restored": True, "blobs": [], "stderr": "b"},
        {"kind": "refused", "id": 4, "blobs": [], "error": "c"},
        {"kind": "ok", "id": 5, "blobs": [3], "images": [[1, 1]], "dropped": 1, "result": None},
    ]
    found: list[bytes] = []
    for header in headers:
        encoded = json.dumps(header).encode()
        found.append(LENGTH.pack(len(encoded)) + encoded + bytes(12))
    return found


def fuzz(seconds: int, arguments: list[str]) -> None:
    """Never returns: the fuzzer ends the process, with a status other than 0 when it found something."""
    import atheris

    with atheris.instrument_imports(include=["deepeyes.sandbox.frames"]):
        from deepeyes.sandbox import frames

    async def drain(data: bytes) -> None:
        position = 0

        async def exactly(size: int) -> bytearray:
            nonlocal position
            if size > frames.MAX_BLOB_BYTES:
                raise AssertionError(f"{size} bytes were asked for")
            if position + size > len(data):
                raise ConnectionResetError
            position += size
            return bytearray(data[position - size : position])

        while True:
            reply, blobs = await frames.read(exactly)
            if [len(blob) for blob in blobs] != reply.blobs:
                raise AssertionError("blobs of another size")
            if reply.kind == "result" and [3 * w * h for w, h in reply.images] != reply.blobs:
                raise AssertionError("pictures of another size")

    def one(data: bytes) -> None:
        work = drain(data)
        try:
            work.send(None)  # nothing in it waits, so no event loop is needed
        except (frames.ProtocolError, ConnectionResetError):
            return
        finally:
            work.close()

    with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
        for number, seed in enumerate(seeds()):
            (Path(corpus) / str(number)).write_bytes(seed)
        settings = [
            f"-max_total_time={seconds}",
            "-max_len=4096",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *settings, *arguments, corpus], one)
        atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("more", nargs="*", help="options for libFuzzer, after --")
    arguments = parser.parse_args()
    if not importlib.util.find_spec("atheris"):
        sys.exit("atheris is not installed: pip install -r benchmarks/requirements.txt")
    fuzz(arguments.seconds, arguments.more)


if __name__ == "__main__":
    main()
