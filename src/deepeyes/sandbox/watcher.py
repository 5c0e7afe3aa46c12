"""Watches what limits cannot: the memory of all processes of a session together, and folders without a quota.

The address-space limit binds one process; a session may have 64. While cells run, the watcher adds up
private memory five times a second. Above the limit it kills the fattest process first, which for the model
is a crashed cell with its variables restored; if that does not help, the session. In the weaker tiers it
measures the session's folder too.
"""

from __future__ import annotations

import asyncio

from . import folders
from .control import ZygoteDied
from .host import WatchedHost, WatchedSession

_PERIOD = 0.2
_STRIKES = 10
_IDLE_CHECK_PERIODS = 50
_MIB = 1 << 20


async def watch(host: WatchedHost) -> None:
    """Run until cancelled."""
    strikes: dict[str, int] = {}
    periods = 0
    while True:
        await asyncio.sleep(_PERIOD)
        periods += 1
        if periods % _IDLE_CHECK_PERIODS == 0:
            await host.close_idle()
        busy = [session for session in host.sessions if session.busy and session.started]
        if not host.running or not busy:
            strikes.clear()
            continue
        try:
            usage = await host.usage(busy)
            for session in busy:
                await _judge(host, session, usage.get(session.name, []), strikes)
        except ZygoteDied:
            continue  # the sandbox starts another; its sessions learn it by themselves


async def _judge(
    host: WatchedHost, session: WatchedSession, processes: list[list[int]], strikes: dict[str, int]
) -> None:
    limits = session.limits
    if session.folder and folders.exceeds(session.folder, limits.disk_mib * _MIB, limits.files):
        await session.close(f"its files exceeded {limits.disk_mib} MiB or {limits.files} in number")
        return
    total = sum(size for _, size, _ in processes)
    if total <= session.limits.session_memory_mib * _MIB:
        strikes.pop(session.name, None)
        return
    count = strikes[session.name] = strikes.get(session.name, 0) + 1
    if count > _STRIKES:
        await session.close(f"its memory exceeded {session.limits.session_memory_mib} MiB")
        return
    await host.kill_process(fattest(processes))


def fattest(processes: list[list[int]]) -> int:
    """The pid to kill first; among equals (forks share their pages) the youngest.

    Frozen processes (start time 0) come last, for they hold what a rollback needs; one that only claims to be
    frozen gains little, because the session ends when killing the others does not help.
    """
    awake = [process for process in processes if process[2]] or processes
    most = max(size for _, size, _ in awake)
    return max((begun, pid) for pid, size, begun in awake if size >= 0.9 * most)[1]
