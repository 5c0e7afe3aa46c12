"""Long runs: nothing leaks over thousands of sessions, and random kills never hang a caller."""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from deepeyes.sandbox import Sandbox, SandboxLimits

SESSIONS = 2000
KILLS = 200

pytestmark = pytest.mark.slow


def processes_below(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        found.append(parent)
        try:
            text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except OSError:
            continue
        waiting += [int(child) for child in text.split()]
    return found


def resident(pids: list[int]) -> int:
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            continue
    return total


async def settled(pid: int) -> list[int]:
    """The processes below `pid` once they stay the same: a helper of the zygote may run yet."""
    found = processes_below(pid)
    for _ in range(60):
        await asyncio.sleep(3.0)
        before, found = found, processes_below(pid)
        if before == found:
            break
    return found


async def test_thousands_of_sessions_leave_nothing() -> None:
    async with Sandbox.start(limits=SandboxLimits(nice=0)) as sandbox:

        async def some(count: int) -> tuple[int, int, int]:
            for _ in range(count // 8):
                await asyncio.gather(*(one() for _ in range(8)))
            everything = await settled(sandbox.pid)
            descriptors = len(list(Path("/proc/self/fd").iterdir()))
            for pid in everything:
                descriptors += len(list(Path(f"/proc/{pid}/fd").iterdir()))
            return len(everything), descriptors, resident(everything)

        async def one() -> None:
            async with await sandbox.open() as session:
                assert (await session.run("1", 120.0)).status == "ok"

        processes, descriptors, memory = await some(80)
        mounts = Path("/proc/self/mounts").read_text()
        after = await some(SESSIONS)
        assert after[:2] == (processes, descriptors)
        assert after[2] <= memory * 1.05
        assert Path("/proc/self/mounts").read_text() == mounts and sandbox.restarts == 0


async def test_random_kills_never_hang() -> None:
    dice = random.Random(0)
    async with Sandbox.start(limits=SandboxLimits(nice=0)) as sandbox:
        done = 0

        async def episode() -> None:
            nonlocal done
            while done < KILLS:
                async with await sandbox.open() as session:
                    for _ in range(5):
                        result = await session.run("sum(range(10**5))", 120.0)
                        assert result.status in ("ok", "crashed", "session_lost"), result
                        if result.status == "session_lost":
                            break

        async def killer() -> None:
            nonlocal done
            while done < KILLS:
                await asyncio.sleep(dice.uniform(0.0, 0.1))
                try:
                    os.kill(dice.choice(processes_below(sandbox.pid)), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                done += 1

        async with asyncio.timeout(1800):
            await asyncio.gather(killer(), *(episode() for _ in range(4)), return_exceptions=False)
        async with await sandbox.open() as session:
            assert (await session.run("1 + 1", 120.0)).result == "2"
