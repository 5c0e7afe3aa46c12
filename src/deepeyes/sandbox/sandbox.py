"""The supervisor: one zygote, many sessions, a bounded number of cells at once.

What always holds: the supervisor never forks (its process may hold a model), never runs or parses what a
session made beyond checked frames, starts a new zygote when the old one died, and leaves no process, mount,
descriptor or file behind when it ends.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, Self

from PIL import Image

from . import canary, frames, tiers, zygote
from .control import Control, ZygoteDied
from .host import WatchedSession
from .images import check_names, pack_images
from .limits import Preload, SandboxLimits
from .session import Session
from .slots import RunSlots
from .watcher import watch

_SPAWN_TRIES = 2
_SESSIONS_PER_CORE = 64


class Sandbox:
    """Use `Sandbox.start`; the constructor takes a zygote that already passed its probes."""

    def __init__(
        self, choice: tiers.Choice, limits: SandboxLimits, slots: int, max_sessions: int, idle: float
    ) -> None:
        self._choice = choice
        self._zygote = choice.zygote
        self._limits = limits
        self._slots = RunSlots(slots)
        self._max_sessions = max_sessions
        self._idle_seconds = idle
        self._sessions: dict[str, Session] = {}
        self._opened = 0
        self._reviving = asyncio.Lock()
        self.restarts = 0
        """How often the zygote had to be started again."""

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        *,
        preload: Preload = "slim",
        limits: SandboxLimits | None = None,
        slots: int | None = None,
        max_sessions: int | None = None,
        idle_seconds: float = 1800.0,
        min_isolation: tiers.Tier = "uid",
        tier: tiers.Tier | None = None,
        without: tuple[str, ...] = (),
    ) -> AsyncGenerator[Self]:
        """Start a zygote in the strongest tier that passes its probes, and end it with the block.

        `slots` is how many cells run at once (default: cores + 1), sessions that start going first; beyond
        `max_sessions` the session idle for longest is closed. `min_isolation` refuses weaker tiers, `tier`
        asks for exactly one. SandboxUnavailable says what failed and the cure. `without` leaves layers out
        (`zygote.LAYERS`) to study what each is good for; never for use: no canary runs then.
        """
        cores = os.cpu_count() or 1
        choice = await tiers.choose(preload, min_isolation, tier, without=without)
        sandbox = cls(
            choice,
            limits or SandboxLimits(),
            slots or cores + 1,
            max_sessions or cores * _SESSIONS_PER_CORE,
            idle_seconds,
        )
        watching = [] if "watcher" in without else [asyncio.create_task(watch(sandbox), name="watcher")]
        try:
            if not without:
                await sandbox.require_walls()
            yield sandbox
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await sandbox.close()

    @property
    def tier(self) -> tiers.Tier:
        return self._choice.tier

    @property
    def probes(self) -> list[tiers.Probe]:
        """What was tried at the start, and how it went."""
        return list(self._choice.probes)

    @property
    def pid(self) -> int:
        """The process that all others of this sandbox descend from."""
        return self._zygote.pid

    @property
    def sessions(self) -> list[Session]:
        return list(self._sessions.values())

    @property
    def running(self) -> int:
        """Cells running now."""
        return self._slots.running

    async def open(
        self,
        images: Mapping[str, Image.Image] | None = None,
        *,
        seed: int | None = None,
        limits: SandboxLimits | None = None,
        checkpoint: bool = True,
    ) -> Session:
        """A session with `images` bound to their names. Its process starts on first use.

        `seed` fixes `random` and `numpy.random`. Without `checkpoint` a cell costs less, and one that does
        not stop politely takes the session with it.
        """
        return await self.open_on(None, images or {}, seed, limits, checkpoint)

    async def open_on(
        self,
        server: Control | None,
        images: Mapping[str, Image.Image],
        seed: int | None,
        limits: SandboxLimits | None,
        checkpoint: bool,
    ) -> Session:
        """`open`, started by `server` (a template) instead of the zygote."""
        check_names(images)
        await self._make_room()
        self._opened += 1
        name = f"session-{self._opened}"
        request: dict[str, Any] = {
            "limits": (limits or self._limits).model_dump(),
            "seed": random.SystemRandom().getrandbits(32) if seed is None else seed & 0xFFFFFFFF,
            "checkpoint": checkpoint,
        }
        session = Session(self, name, images, request, server)
        self._sessions[name] = session
        return session

    @asynccontextmanager
    async def template(self, images: Mapping[str, Image.Image]) -> AsyncGenerator[Template]:
        """A prefix shared by a group of sessions: they start with `images` in place, paid for once."""
        check_names(images)
        control, stream = await zygote.spawn_template((await self._alive()).control)
        try:
            meta, raw = pack_images(images)
            loop = asyncio.get_running_loop()
            for part in frames.encode({"kind": "images", "images": meta}, raw):
                await loop.sock_sendall(stream, part)
            answer, _ = await control.ask({"op": "ping"})
            if not answer["ok"]:
                raise ZygoteDied(str(answer["error"]))
            yield Template(self, control)
        finally:
            stream.close()
            control.close()

    async def require_walls(self) -> None:
        """Let a canary try to break out; SandboxUnavailable if it gets anywhere."""
        async with await self.open(limits=canary.LIMITS) as session:
            found = await canary.probe(session)
        self._choice.probes += [
            tiers.Probe(f"{self.tier} / {probe.name}", probe.ok, probe.detail) for probe in found
        ]
        through = [
            probe for probe in self._choice.probes if not probe.ok and probe.name.startswith(self.tier)
        ]
        if through:
            raise tiers.refusal(through)

    async def close(self) -> None:
        """End every session and the zygote."""
        await asyncio.gather(*(session.close("the sandbox was closed") for session in self.sessions))
        await self._zygote.stop()
        if self._choice.folder:
            shutil.rmtree(self._choice.folder, ignore_errors=True)

    # What sessions and the watcher need: `host`.

    async def spawn(
        self, request: dict[str, Any], channel: socket.socket, server: Control | None
    ) -> tuple[int, list[int], str | None]:
        """Start a session's process on `channel`: its pidfd, root pids, and folder in the weaker tiers."""
        for remaining in reversed(range(_SPAWN_TRIES)):
            try:
                return await self._spawn(await self._alive(), request, channel, server)
            except ZygoteDied:
                if server is not None or not remaining:
                    raise
        raise ZygoteDied("no session could be started")

    def session_starting(self) -> AbstractContextManager[None]:
        return self._slots.start()

    @asynccontextmanager
    async def cell_running(self) -> AsyncGenerator[None]:
        async with self._slots.hold():
            yield

    async def usage(self, sessions: Sequence[WatchedSession]) -> dict[str, list[list[int]]]:
        """Memory of the sessions' processes beyond what the zygote gave them: [pid, bytes, start time]."""
        base = int(self._zygote.info["anonymous"])
        found = await self._zygote.usage({pid: session.name for session in sessions for pid in session.roots})
        return {
            name: [[pid, max(0, size - base), begun] for pid, size, begun in processes]
            for name, processes in found.items()
        }

    async def kill_process(self, pid: int) -> None:
        await self._zygote.kill(pid)

    async def close_idle(self) -> None:
        limit = time.monotonic() - self._idle_seconds
        for session in self.sessions:
            if session.started and not session.busy and session.last_used < limit:
                await session.close(f"it was idle for more than {self._idle_seconds:g} s")

    def forget(self, name: str) -> None:
        self._sessions.pop(name, None)

    async def _alive(self) -> zygote.Zygote:
        """The zygote, started again if the old one died."""
        async with self._reviving:
            if not self._zygote.alive:
                await self._zygote.stop()
                try:
                    self._zygote = await zygote.Zygote.start(self._choice.launch)
                except zygote.StartFailed as problem:
                    raise ZygoteDied(f"no new fork server could be started ({problem})") from problem
                self.restarts += 1
            return self._zygote

    async def _spawn(
        self, living: zygote.Zygote, request: dict[str, Any], channel: socket.socket, server: Control | None
    ) -> tuple[int, list[int], str | None]:
        server = server or living.control
        if self.tier != "full":
            return await self._spawn_with_reaper(server, request, channel)
        init, descriptors = await living.namespaces(request["limits"])
        pidfd, *namespaces = descriptors
        try:
            watchdog, _ = await zygote.spawn_session(server, request, [channel.fileno(), *namespaces])
        except BaseException:
            os.close(pidfd)
            raise
        finally:
            for descriptor in namespaces:
                os.close(descriptor)
        return pidfd, [init, watchdog], None

    async def _spawn_with_reaper(
        self, server: Control, request: dict[str, Any], channel: socket.socket
    ) -> tuple[int, list[int], str | None]:
        folder = tempfile.mkdtemp(prefix="session-", dir=self._choice.folder)
        host_id = None
        if self.tier == "uid":
            host_id = next(self._choice.host_ids)
            os.chown(folder, host_id, host_id)
        try:
            where = {"box": folder, "host_id": host_id}
            reaper, (pidfd,) = await zygote.spawn_session(server, {**request, **where}, [channel.fileno()])
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return pidfd, [reaper], folder

    async def _make_room(self) -> None:
        while len(self._sessions) >= self._max_sessions:
            idle = [session for session in self.sessions if not session.busy]
            if not idle:
                return  # all are working: the bound gives way rather than an episode
            oldest = min(idle, key=lambda session: session.last_used)
            await oldest.close("it was idle for longest and its place was needed")


class Template:
    """A fork of the zygote that already holds some images."""

    def __init__(self, sandbox: Sandbox, control: Control) -> None:
        self._sandbox, self._control = sandbox, control

    async def open(
        self, *, seed: int | None = None, limits: SandboxLimits | None = None, checkpoint: bool = True
    ) -> Session:
        """A session that starts with the template's images."""
        return await self._sandbox.open_on(self._control, {}, seed, limits, checkpoint)
