"""What sessions and the watcher ask of the sandbox that owns them.

Why it stands apart: the sandbox knows its sessions and its watcher, and neither of them knows the sandbox, so
each can be read by itself and tested with a stand-in. What always holds: this module imports neither.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol

from .control import Control
from .limits import SandboxLimits
from .tiers import Tier


class SessionHost(Protocol):
    """What a session needs to start, run and end."""

    @property
    def tier(self) -> Tier: ...

    async def spawn(
        self, request: dict[str, Any], channel: socket.socket, server: Control | None
    ) -> tuple[int, list[int], str | None]:
        """Start a session's process on `channel`: its pidfd, root pids, and folder in the weaker tiers."""
        ...

    def session_starting(self) -> AbstractContextManager[None]:
        """Around a start, which goes ahead of cells."""
        ...

    def cell_running(self) -> AbstractAsyncContextManager[None]:
        """Around a cell, which waits for its turn."""
        ...

    def forget(self, name: str) -> None:
        """The session of that name is over."""
        ...


class WatchedSession(Protocol):
    """What the watcher looks at, and what it may do to it."""

    name: str
    limits: SandboxLimits
    roots: list[int]
    folder: str | None

    @property
    def busy(self) -> bool: ...

    @property
    def started(self) -> bool: ...

    async def close(self, why: str = ...) -> None: ...


class WatchedHost(Protocol):
    """What the watcher asks, and what it may do beside closing a session."""

    @property
    def sessions(self) -> Sequence[WatchedSession]: ...

    @property
    def running(self) -> int:
        """Cells running now."""
        ...

    async def usage(self, sessions: Sequence[WatchedSession]) -> dict[str, list[list[int]]]:
        """[pid, bytes, start time] of each session's processes, by the session's name."""
        ...

    async def kill_process(self, pid: int) -> None: ...

    async def close_idle(self) -> None: ...
