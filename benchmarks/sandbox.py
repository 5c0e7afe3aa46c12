"""Speed and size of the sandbox beside ipykernel, both in one run: `python -m benchmarks.sandbox [--json]`.

Ratios are what counts: both sides meet the same machine in the same minute. The notebook kernel is started
and imports what the sandbox's zygote has imported, because that is what a fresh session offers; both run at
the same priority. Needs `ipykernel` and `jupyter_client` for the ratios; without them these are null.

On a machine that is busy with other work, wall times say more about the scheduler than about either side;
there `cell_cpu_ratio_back_to_back` is the figure to read. It counts the processor time that a cell waits for:
our supervisor and the session's runner; the client and every thread of the kernel.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

from PIL import Image

from deepeyes.sandbox import Sandbox, SandboxLimits, Session
from deepeyes.sandbox.limits import preloaded_modules

THINK = 0.1
"""Seconds between cells in which a model would think."""
CROWD = 32
CPU_CELLS = 60
PICTURE = (1440, 1080)
CELLS = (
    "width, height = image_1.size",
    "crop = image_1.crop((0, 0, width // 3, height // 3))",
    "crop",
    "import numpy as np\nfloat(np.asarray(crop).mean())",
    "print(width, height)",
)

Numbers = dict[str, float | int | str | None]


def median_ms(values: list[float]) -> float:
    return round(statistics.median(values) * 1000, 2)


def pss_mib(pids: set[int]) -> float | None:
    """Proportional memory of processes; None where it may not be read."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        except PermissionError:
            return None
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return round(total / 1024, 2)


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads of a process."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def runner_of(processes: set[int]) -> int | None:
    """The process of a session that runs its cells: neither its init nor a frozen one."""
    for pid in processes:
        status = Path(f"/proc/{pid}/status").read_text()
        inner = status.partition("NSpid:")[2].partition("\n")[0].split()
        if inner[-1:] != ["1"] and "Name:\tfrozen\n" not in status:
            return pid
    return None


async def cpu_per_cell(sandbox: Sandbox, count: int) -> float | None:
    """Milliseconds of processor time on the path of a cell that follows at once; None in the weaker tiers."""
    before = processes_below(sandbox.pid)
    async with await sandbox.open() as session:
        await timed_cells(session, 3, THINK)
        runner = runner_of(processes_below(sandbox.pid) - before) if sandbox.tier == "full" else None
        if runner is None:
            return None
        mine, theirs = time.process_time(), cpu_seconds(runner)
        await timed_cells(session, count, 0.0)
        spent = time.process_time() - mine + cpu_seconds(runner) - theirs
    return round(1000 * spent / count, 2)


def processes_below(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = {root}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


async def timed_cells(session: Session, count: int, pause: float) -> list[float]:
    times: list[float] = []
    for _ in range(count):
        await asyncio.sleep(pause)
        began = time.perf_counter()
        await session.run("x = 1", 60.0)
        times.append(time.perf_counter() - began)
    return times


async def single_sessions(sandbox: Sandbox, count: int) -> dict[str, float | None]:
    """Median start, idle size and cell times of sessions used one after the other."""
    starts, idle, hurried = [], [], []
    for _ in range(count):
        async with await sandbox.open() as session:
            began = time.perf_counter()
            await session.start()
            starts.append(time.perf_counter() - began)
            idle += await timed_cells(session, 6, THINK)
            hurried += await timed_cells(session, 10, 0.0)
    return {
        "start_ms": median_ms(starts),
        "cell_ms_idle": median_ms(idle),
        "cell_ms_back_to_back": median_ms(hurried),
        "pss_mib": await idle_size(sandbox),
    }


async def idle_size(sandbox: Sandbox) -> float | None:
    """PSS of one of `CROWD` idle sessions: what they share with the zygote is shared by all of them."""
    before = processes_below(sandbox.pid)
    sessions = [await sandbox.open() for _ in range(CROWD)]
    await asyncio.gather(*(session.start() for session in sessions))
    await asyncio.sleep(1.0)
    total = pss_mib(processes_below(sandbox.pid) - before)
    await asyncio.gather(*(session.close() for session in sessions))
    return None if total is None else round(total / CROWD, 2)


async def sessions_per_second(sandbox: Sandbox, count: int) -> float:
    """Sessions started (and closed) a second, four at a time."""
    gate = asyncio.Semaphore(4)

    async def one() -> None:
        async with gate, await sandbox.open() as session:
            await session.start()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return round(count / (time.perf_counter() - began), 1)


async def trajectories(sandbox: Sandbox, at_once: int) -> Numbers:
    """`at_once` episodes of five cells with a 4.6 MB picture."""
    picture = Image.effect_noise(PICTURE, 60).convert("RGB")
    starts: list[float] = []
    statuses: list[str] = []

    async def one() -> None:
        async with await sandbox.open({"image_1": picture}) as session:
            began = time.perf_counter()
            await session.start()
            starts.append(time.perf_counter() - began)
            for cell in CELLS:
                statuses.append((await session.run(cell, 10.0)).status)

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(at_once)))
    elapsed = time.perf_counter() - began
    return {
        "cells_per_s_32": round(len(statuses) / elapsed, 1),
        "start_p95_ms_32": round(sorted(starts)[int(0.95 * len(starts))] * 1000, 1),
        "cells_not_ok_32": sum(status != "ok" for status in statuses),
    }


async def notebook_kernel(modules: tuple[str, ...], count: int) -> dict[str, float | None] | None:
    """The same numbers for ipykernel; None where it is not installed."""
    if not importlib.util.find_spec("ipykernel") or not importlib.util.find_spec("jupyter_client"):
        return None
    from jupyter_client.manager import start_new_async_kernel

    installed = [name for name in modules if importlib.util.find_spec(name.partition(".")[0])]
    imports = "; ".join(f"import {name}" for name in installed)
    starts, idle, hurried, sizes, costs = [], [], [], [], []
    for _ in range(count):
        began = time.perf_counter()
        manager: Any
        client: Any
        manager, client = await start_new_async_kernel(kernel_name="python3")
        await client.execute_interactive(imports, output_hook=lambda _: None, timeout=300)
        starts.append(time.perf_counter() - began)
        sizes.append(pss_mib(processes_below(os.getpid()) - {os.getpid()} - processes_of_sandboxes()))
        for pause, times in ((THINK, idle), (0.0, hurried)):
            for _ in range(8):
                await asyncio.sleep(pause)
                began = time.perf_counter()
                await client.execute_interactive("x = 1", output_hook=lambda _: None, timeout=300)
                times.append(time.perf_counter() - began)
        pid = manager.provisioner.process.pid
        mine, its = time.process_time(), cpu_seconds(pid)
        for _ in range(CPU_CELLS):
            await client.execute_interactive("x = 1", output_hook=lambda _: None, timeout=300)
        costs.append((time.process_time() - mine + cpu_seconds(pid) - its) / CPU_CELLS)
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
    known = [size for size in sizes if size is not None]
    return {
        "start_ms": median_ms(starts),
        "cell_ms_idle": median_ms(idle),
        "cell_ms_back_to_back": median_ms(hurried),
        "pss_mib": statistics.median(known) if known else None,
        "cell_cpu_ms_back_to_back": median_ms(costs),
    }


def processes_of_sandboxes() -> set[int]:
    """Processes below a zygote of this run, which do not belong to the kernel."""
    roots = []
    for pid in processes_below(os.getpid()):
        try:
            if b"jailed.zygote" in Path(f"/proc/{pid}/cmdline").read_bytes():
                roots.append(pid)
        except OSError:
            continue
    return set().union(*map(processes_below, roots)) if roots else set()


def ratio(over: float | None, under: float | None) -> float | None:
    return None if over is None or not under else round(over / under, 2)


async def measure(rounds: int, preload: Any) -> Numbers:
    kernel = await notebook_kernel(preloaded_modules(preload), max(2, rounds // 3))
    began = time.perf_counter()
    async with Sandbox.start(preload=preload, limits=SandboxLimits(nice=0)) as sandbox:
        ready = time.perf_counter() - began
        async with await sandbox.open() as warm_up:
            await warm_up.start()
        mine = await single_sessions(sandbox, rounds)
        mine["cell_cpu_ms_back_to_back"] = await cpu_per_cell(sandbox, CPU_CELLS)
        rate = await sessions_per_second(sandbox, rounds * 6)
        crowd = await trajectories(sandbox, CROWD)
        tier = sandbox.tier
    theirs = kernel or {}
    return {
        "start_ratio": ratio(theirs.get("start_ms"), mine["start_ms"]),
        "pss_ratio": ratio(theirs.get("pss_mib"), mine["pss_mib"]),
        "cell_ratio_idle": ratio(mine["cell_ms_idle"], theirs.get("cell_ms_idle")),
        "cell_ratio_back_to_back": ratio(mine["cell_ms_back_to_back"], theirs.get("cell_ms_back_to_back")),
        "cell_cpu_ratio_back_to_back": ratio(
            mine["cell_cpu_ms_back_to_back"], theirs.get("cell_cpu_ms_back_to_back")
        ),
        "sessions_per_s": rate,
        **crowd,
        "tier": tier,
        "preload": preload,
        "sandbox_ready_s": round(ready, 2),
        **mine,
        **{f"ipykernel_{name}": value for name, value in theirs.items()},
        "load_1m": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one flat object")
    parser.add_argument("--rounds", type=int, default=12, help="sessions per measurement")
    parser.add_argument("--preload", choices=("slim", "full"), default="full")
    arguments = parser.parse_args()
    numbers = asyncio.run(measure(arguments.rounds, arguments.preload))
    if arguments.json:
        print(json.dumps(numbers))
    else:
        for name, value in numbers.items():
            print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
