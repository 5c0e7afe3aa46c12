"""One stateful Python session: the supervisor's handle.

What always holds: one request at a time; a session that breaks the protocol, misses its last deadline or
loses its process is killed whole and answers `session_lost` from then on; closing waits until its processes
are gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from keyword import iskeyword
from types import TracebackType
from typing import Any, Self

from PIL import Image

from deepeyes.core.errors import InfrastructureError, InputError

from . import folders, frames
from .control import Control, ZygoteDied
from .host import SessionHost
from .images import check_names, pack_images
from .limits import SandboxLimits
from .result import CellResult

_START_SECONDS = 60.0
_SMALL_SECONDS = 60.0
_MARGIN_SECONDS = 12.0
"""Added to a cell's last deadline: the session's own watchdog should always be faster than the supervisor."""
_STALE_FRAMES = 16
_CLOSE_SECONDS = 10.0
_MAX_FILE = 64 << 20


class SessionLost(InfrastructureError):
    """The session's process is gone."""


class Session:
    """Open one with `Sandbox.open`; it starts its process on first use."""

    def __init__(
        self,
        host: SessionHost,
        name: str,
        images: Mapping[str, Image.Image],
        request: dict[str, Any],
        server: Control | None,
    ) -> None:
        self._host = host
        self._server = server
        self._images = dict(images)
        self._request = request
        self._turn = asyncio.Lock()
        self._socket: socket.socket | None = None
        self._pidfd: int | None = None
        self._requests = 0
        self.name = name
        self.lost: str | None = None
        """Why the session is gone; None while it can be used."""
        self.last_used = time.monotonic()
        self.limits = SandboxLimits.model_validate(request["limits"])
        self.roots: list[int] = []
        """Pids, inside the jail, of the processes all others of this session descend from."""
        self.folder: str | None = None
        """Its folder on the host, in the tiers without a private root."""

    @property
    def busy(self) -> bool:
        """Whether a request is being served."""
        return self._turn.locked()

    @property
    def started(self) -> bool:
        return self._socket is not None

    async def start(self) -> None:
        """Make the process now instead of on first use."""
        async with self._turn:
            await self._started()

    async def run(self, code: str, timeout: float = 10.0) -> CellResult:
        """Run one cell. Never raises for what the code does."""
        async with self._turn:
            if self.lost:
                return _lost(self.lost)
            try:
                await self._started()
                async with self._host.cell_running():
                    return await self._run(code, timeout)
            except (SessionLost, ZygoteDied) as problem:
                await self._end(str(problem))
                return _lost(self.lost or str(problem))  # who closed it knows better why

    async def put_images(self, images: Mapping[str, Image.Image]) -> None:
        """Bind images to variable names, as RGB."""
        check_names(images)
        async with self._turn:
            if self._socket is None and not self.lost:
                self._images.update(images)
                return
            await self._put_images(images)

    async def put_encoded_images(self, images: Mapping[str, bytes]) -> None:
        """Like `put_images` with the bytes of files, decoded inside the session: for untrusted files."""
        check_names(images)
        async with self._turn:
            await self._started()
            meta: list[list[str | int]] = [[name, 0, 0] for name in images]
            await self._small({"kind": "images", "images": meta}, list(images.values()))

    async def get_image(self, name: str) -> Image.Image | None:
        """The image that variable `name` stands for, as RGB and no larger than a shown one.

        None when it is no PIL image, cannot be read, or does not exist. Not a cell: it is not counted, and
        nothing that a variable's own code does while it is looked at changes the session.
        """
        if not name.isidentifier() or iskeyword(name):
            return None
        async with self._turn:
            if self.lost:
                raise SessionLost(self.lost, "open a new session")
            if self._socket is None and self._server is None:
                image = self._images.get(name)
                return None if image is None else image.convert("RGB")
            await self._started()
            reply, blobs = await self._small({"kind": "get_image", "name": name}, [])
            found = await self._shown(reply, blobs, 1)
            return found[0] if found else None

    async def put_file(self, name: str, data: bytes) -> None:
        """Write a file into the session's working folder."""
        name = _file_name(name)
        async with self._turn:
            await self._started()
            await self._small({"kind": "put_file", "name": name}, [data])

    async def get_file(self, name: str) -> bytes:
        """A file of the session's working folder, as untrusted bytes."""
        name = _file_name(name)
        async with self._turn:
            await self._started()
            _, blobs = await self._small({"kind": "get_file", "name": name, "most": _MAX_FILE}, [])
            return bytes(blobs[0]) if blobs else b""

    async def close(self, why: str = "the session was closed") -> None:
        """End every process of the session, drop its files. A cell that runs now ends as `session_lost`."""
        if self.lost is None:
            self.lost = why
        await self._kill()  # whoever waits for an answer now reads the end of the stream and lets go
        async with self._turn:
            await self._end(why)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _started(self) -> None:
        if self.lost:
            raise SessionLost(self.lost, "open a new session")
        self.last_used = time.monotonic()
        if self._socket is None:
            with self._host.session_starting():
                await self._begin()

    async def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._socket = ours
        try:
            self._pidfd, self.roots, self.folder = await self._host.spawn(self._request, theirs, self._server)
            theirs.close()
            meta, raw = pack_images(self._images)
            self._images = {}
            deadline = time.monotonic() + _START_SECONDS
            reply, _ = await self._exchange({"kind": "images", "images": meta}, raw, deadline)
            if reply.kind != "ready":
                raise SessionLost(
                    f"the session could not start ({reply.error})", "run 'deepeyes sandbox check'"
                )
        except ZygoteDied as problem:
            await self._end(str(problem))
            raise SessionLost(f"the session could not start ({problem})", "open a new session") from problem
        except BaseException as problem:
            await self._end(f"the session could not start ({problem})")
            raise
        finally:
            theirs.close()

    async def _run(self, code: str, timeout: float) -> CellResult:
        grace = self.limits.grace
        began = time.monotonic()
        deadline = began + timeout * self.limits.stretch + grace + _MARGIN_SECONDS
        header = {"kind": "cell", "code": code, "timeout": timeout, "grace": grace}
        reply, blobs = await self._exchange(header, [], deadline)
        if reply.kind != "result":
            raise await self._broken("not a result")
        return CellResult(
            status=reply.status,
            stdout=reply.stdout,
            stderr=reply.stderr,
            result=reply.result,
            images=await self._shown(reply, blobs, self.limits.images),
            dropped=reply.dropped,
            restored=reply.restored,
            seconds=time.monotonic() - began,
        )

    async def _put_images(self, images: Mapping[str, Image.Image]) -> None:
        meta, raw = pack_images(images)
        await self._small({"kind": "images", "images": meta}, raw)

    async def _small(
        self, header: dict[str, Any], blobs: Sequence[frames.Outgoing]
    ) -> tuple[frames.Reply, list[bytearray]]:
        if self.lost:
            raise SessionLost(self.lost, "open a new session")
        try:
            reply, returned = await self._exchange(header, blobs, time.monotonic() + _SMALL_SECONDS)
        except SessionLost as problem:
            await self._end(str(problem))
            raise
        if reply.kind != "ok":
            why = reply.error or reply.stderr.strip() or reply.kind
            raise InputError(
                f"the session refused ({why[-300:]})", "check the name, format and size of the file"
            )
        return reply, returned

    async def _shown(self, reply: frames.Reply, blobs: Sequence[bytearray], most: int) -> list[Image.Image]:
        """The images of an answer. One that is not as it must be ends the session."""
        try:
            return frames.images(reply, blobs, self.limits, most)
        except frames.ProtocolError as problem:
            raise await self._broken(str(problem)) from problem

    async def _broken(self, how: str) -> SessionLost:
        """End a session that broke the protocol; the error to raise."""
        why = f"the session broke the protocol ({how})"
        await self._end(why)
        return SessionLost(why, "open a new session")

    async def _exchange(
        self, header: dict[str, Any], blobs: Sequence[frames.Outgoing], deadline: float
    ) -> tuple[frames.Reply, list[bytearray]]:
        """Send a request, wait for its answer. A cancelled or failed exchange ends the session."""
        assert self._socket is not None
        self._requests += 1
        self.last_used = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                for part in frames.encode({**header, "id": self._requests}, blobs):
                    await loop.sock_sendall(self._socket, part)
            reply = await self._receive(deadline, self._requests)
        except asyncio.CancelledError:
            await self._end("a request was cancelled halfway")
            raise
        except OSError as problem:
            raise SessionLost(f"the session's process ended ({problem})", "open a new session") from problem
        self.last_used = time.monotonic()
        return reply

    async def _receive(self, deadline: float, request: int) -> tuple[frames.Reply, list[bytearray]]:
        """The frame that answers `request`; late frames of forked children carry an old number."""
        remedy = "open a new session"
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                for _ in range(_STALE_FRAMES):
                    reply, blobs = await frames.read(self._exactly)
                    if reply.kind == "failed":
                        raise SessionLost(f"the session failed ({reply.error[:500]})", remedy)
                    if reply.id == request:
                        return reply, blobs
        except frames.ProtocolError as problem:
            raise SessionLost(f"the session broke the protocol ({problem})", remedy) from problem
        except TimeoutError as problem:
            raise SessionLost("the session stopped answering", remedy) from problem
        except OSError as problem:
            raise SessionLost(f"the session's process ended ({problem})", remedy) from problem
        raise SessionLost("the session broke the protocol (stale answers)", remedy)

    async def _exactly(self, size: int) -> bytearray:
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        buffer = bytearray(size)
        view, filled = memoryview(buffer), 0
        while filled < size:
            count = await loop.sock_recv_into(self._socket, view[filled:])
            if count == 0:
                raise ConnectionResetError("connection closed")
            filled += count
        return buffer

    async def _end(self, why: str) -> None:
        if self.lost is None:
            self.lost = why
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()
        await self._kill()
        if self.folder is not None:
            folder, self.folder = self.folder, None
            await asyncio.to_thread(folders.remove, folder)
        self._host.forget(self.name)

    async def _kill(self) -> None:
        pidfd, self._pidfd = self._pidfd, None
        if pidfd is not None:
            await end_process(pidfd, signal.SIGKILL if self._host.tier == "full" else signal.SIGTERM)


async def end_process(pidfd: int, number: signal.Signals) -> None:
    """Signal the session's root process and wait until it, and so all below it, is gone."""
    loop = asyncio.get_running_loop()
    gone: asyncio.Future[None] = loop.create_future()
    try:
        signal.pidfd_send_signal(pidfd, number)
        loop.add_reader(pidfd, lambda: gone.done() or gone.set_result(None))
        async with asyncio.timeout(_CLOSE_SECONDS):
            await gone
    except (ProcessLookupError, TimeoutError):
        pass
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


def _file_name(name: str) -> str:
    parts = name.split("/")
    if not name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise InputError(f"{name!r} is not a plain file name", "use a relative path without '..'")
    return name


def _lost(why: str) -> CellResult:
    return CellResult(status="session_lost", stderr=f"The Python session is gone: {why}\n")
