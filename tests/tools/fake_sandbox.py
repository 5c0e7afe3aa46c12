"""A sandbox without isolation or processes: the model's code by `exec`, for tests of what is above it."""

import asyncio
import contextlib
import io
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from deepeyes.core.errors import InfrastructureError


@dataclass
class Cell:
    status: str = "ok"
    stdout: str = ""
    stderr: str = ""
    result: str | None = None
    images: list[Image.Image] = field(default_factory=list)
    dropped: int = 0
    seconds: float = 0.001


class FakeSession:
    """`slow()` in the code waits, `die()` loses the session, `fail()` raises an error of ours."""

    def __init__(self, sandbox: "FakeSandbox", images: Mapping[str, Image.Image], seed: int) -> None:
        self.sandbox = sandbox
        self.seed = seed
        self.names: dict[str, Any] = {**images, "Image": Image}
        self.closed = False

    async def run(self, code: str, *, timeout: float) -> Cell:
        self.sandbox.codes.append(code)
        if self.sandbox.failures > 0:
            self.sandbox.failures -= 1
            raise InfrastructureError("the sandbox died", "start it again")
        if "slow()" in code:
            self.sandbox.waiting += 1
            if self.sandbox.gate is None:
                await asyncio.sleep(self.sandbox.slow_seconds)
            else:
                await self.sandbox.gate.wait()
            return Cell("timeout", stderr=f"stopped after {timeout:g} s")
        if "die()" in code:
            return Cell("session_lost", stderr="the session was killed")
        shown: list[Image.Image] = []
        out, status, err = io.StringIO(), "ok", ""
        with contextlib.redirect_stdout(out):
            try:
                exec(code, self.names | {"display": shown.append}, self.names)
            except Exception:
                status, err = "error", traceback.format_exc(limit=0)
        return Cell(status, out.getvalue(), err, self.names.pop("_result", None), shown)

    async def put_images(self, images: Mapping[str, Image.Image]) -> None:
        self.sandbox.puts.append(tuple(images))
        self.names.update(images)

    async def close(self) -> None:
        self.closed = True


class FakeSandbox:
    def __init__(self) -> None:
        self.sessions: list[FakeSession] = []
        self.codes: list[str] = []
        self.puts: list[tuple[str, ...]] = []
        self.failures = 0
        self.slow_seconds = 0.05
        self.gate: asyncio.Event | None = None
        """What `slow()` waits for instead, if set."""
        self.waiting = 0

    async def open(self, images: Mapping[str, Image.Image], *, seed: int) -> FakeSession:
        self.sessions.append(FakeSession(self, images, seed))
        return self.sessions[-1]
