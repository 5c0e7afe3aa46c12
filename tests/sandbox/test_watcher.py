"""The watcher's decisions, with a sandbox that only says how much memory its sessions hold."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from deepeyes.sandbox import SandboxLimits, watcher
from deepeyes.sandbox.control import ZygoteDied
from deepeyes.sandbox.host import WatchedSession

MIB = 1 << 20
LIMITS = SandboxLimits(session_memory_mib=100, disk_mib=1, files=16)


class FakeSession:
    def __init__(self, name: str = "one", folder: str | None = None) -> None:
        self.name, self.limits, self.folder = name, LIMITS, folder
        self.roots: list[int] = []
        self.busy = self.started = True
        self.closed: list[str] = []

    async def close(self, why: str = "") -> None:
        self.closed.append(why)
        self.busy = False


class FakeHost:
    """Says what `memory` holds, period after period, and is `done` after the last."""

    def __init__(self, *sessions: FakeSession, memory: Sequence[int | Exception]) -> None:
        self.sessions = sessions
        self.running = 1
        self.killed: list[int] = []
        self.idle_checks = 0
        self.done = asyncio.Event()
        self._memory = list(memory)

    async def usage(self, sessions: Sequence[WatchedSession]) -> dict[str, list[list[int]]]:
        if not self._memory:
            self.done.set()
            return {}
        now = self._memory.pop(0)
        if isinstance(now, Exception):
            raise now
        # A small process, a fat one, and a frozen one that is the fattest and must be the last to go.
        return {
            session.name: [[10, 1, 5], [11, now // 3, 6], [12, now - 1 - now // 3, 0]] for session in sessions
        }

    async def kill_process(self, pid: int) -> None:
        self.killed.append(pid)

    async def close_idle(self) -> None:
        self.idle_checks += 1


async def watch(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the host has nothing more to say, or nobody is left to watch."""
    monkeypatch.setattr(watcher, "_PERIOD", 0)
    watching = asyncio.create_task(watcher.watch(host))
    async with asyncio.timeout(10):
        while not host.done.is_set() and any(session.busy for session in host.sessions):
            await asyncio.sleep(0)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_at_its_limit_a_session_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    session = FakeSession()
    host = FakeHost(session, memory=[100 * MIB] * 30)
    await watch(host, monkeypatch)
    assert host.killed == [] and session.closed == []


async def test_above_it_the_fattest_process_goes_first_and_the_session_at_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = FakeSession()
    host = FakeHost(session, memory=[100 * MIB + 1] * 30)
    await watch(host, monkeypatch)
    assert host.killed == [11] * 10, "ten times: a killed process gives its memory back within two seconds"
    assert session.closed == ["its memory exceeded 100 MiB"]


async def test_a_session_that_comes_down_in_time_starts_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    session = FakeSession()
    host = FakeHost(session, memory=[*[101 * MIB] * 10, 99 * MIB, *[101 * MIB] * 10])
    await watch(host, monkeypatch)
    assert len(host.killed) == 20 and session.closed == []


async def test_a_dead_zygote_is_no_reason_to_stop_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost(FakeSession(), memory=[ZygoteDied("gone"), 101 * MIB])
    await watch(host, monkeypatch)
    assert host.killed == [11]


@pytest.mark.parametrize(
    ("files", "size", "closed"), [(16, 0, 0), (17, 0, 1), (1, 1 << 20, 0), (1, (1 << 20) + 1, 1)]
)
async def test_a_folder_without_a_quota_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, size: int, closed: int
) -> None:
    for number in range(files):
        (tmp_path / f"{number}").write_bytes(bytes(size))
    session = FakeSession(folder=str(tmp_path))
    await watch(FakeHost(session, memory=[MIB] * 3), monkeypatch)
    assert session.closed == ["its files exceeded 1 MiB or 16 in number"] * closed


async def test_idle_sessions_are_looked_for_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost(FakeSession(), memory=[MIB] * 120)
    await watch(host, monkeypatch)
    assert host.idle_checks == 2
