"""Sessions roll back, end, come back and leave nothing behind."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from PIL import Image

from deepeyes.sandbox import BlockingSandbox, Sandbox, SandboxLimits, Session

SECONDS = 60.0


async def run(session: Session, code: str, timeout: float = SECONDS) -> tuple[str, str | None]:
    result = await session.run(code, timeout)
    return result.status, result.result


async def test_a_timeout_restores_the_state_before_the_cell(session: Session) -> None:
    await run(session, "kept = [1]")
    result = await session.run("kept.append(2)\nprint('seen')\nwhile True: pass", 0.3)
    assert (result.status, result.restored, result.stdout) == ("timeout", True, "seen\n")
    assert "ran longer than 0.3 s" in result.stderr and "<cell 2>" in result.stderr
    assert await run(session, "kept") == ("ok", "[1]")


async def test_a_stubborn_loop_is_killed_and_its_output_kept(sandbox: Sandbox) -> None:
    async with await sandbox.open(limits=SandboxLimits(grace=0.2)) as session:
        await run(session, "kept = 1")
        loop = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
        code = f"print('seen')\nkept = 2\n{loop}"
        result = await session.run(code, 0.3)
        assert (result.status, result.restored, result.stdout) == ("timeout", True, "seen\n")
        assert await run(session, "kept") == ("ok", "1")


async def test_a_crash_restores_the_state_before_the_cell(session: Session) -> None:
    await run(session, "kept = 1")
    for _ in range(5):
        result = await session.run("kept += 1\nprint('seen')\nimport os\nos._exit(7)", SECONDS)
        assert (result.status, result.restored, result.stdout) == ("crashed", True, "seen\n")
        assert "exit code 7" in result.stderr
    assert await run(session, "kept") == ("ok", "1")


async def test_an_error_keeps_what_was_bound_before_it(session: Session) -> None:
    await run(session, "a = 1\nb = 1 / 0")
    assert await run(session, "a") == ("ok", "1")


async def test_files_are_not_rolled_back(session: Session) -> None:
    await session.run("open('f', 'w').write('x')\nimport os\nos._exit(0)", SECONDS)
    assert await run(session, "open('f').read()") == ("ok", "'x'")


async def test_threads_run_on_in_place_until_they_end(session: Session) -> None:
    await run(
        session, "import threading\ngo = threading.Event()\nt = threading.Thread(target=go.wait)\nt.start()"
    )
    assert await run(session, "t.is_alive()") == ("ok", "True")
    result = await session.run("n = 1\nwhile True: pass", 0.3)
    assert (result.status, result.restored) == ("timeout", False)
    assert await run(session, "n") == ("ok", "1")
    # Python has joined a thread a moment before the kernel has ended it.
    ended = "import os, time\nwhile len(os.listdir('/proc/self/task')) > 1: time.sleep(0.001)"
    assert (await run(session, f"go.set()\nt.join()\n{ended}"))[0] == "ok"
    assert (await session.run("n = 2\nwhile True: pass", 0.3)).restored
    assert await run(session, "n") == ("ok", "1")


async def test_without_checkpoints_cells_still_time_out(sandbox: Sandbox) -> None:
    async with await sandbox.open(checkpoint=False) as session:
        await run(session, "n = 1")
        result = await session.run("n = 2\nwhile True: pass", 0.3)
        assert (result.status, result.restored) == ("timeout", False)
        assert await run(session, "n") == ("ok", "2")
        assert (await session.run("import os\nos._exit(0)", SECONDS)).status == "session_lost"


async def test_sessions_do_not_see_each_other(sandbox: Sandbox) -> None:
    # Not "/tmp": a session has none of its own where the interpreter lives below the real one.
    folders = "import os, tempfile\ntmp = tempfile.gettempdir()\n"
    write = "secret = 1\nfor place in (tmp, '/dev/shm'):\n    open(f'{place}/secret', 'w').write('1')"
    look = "os.listdir(tmp), os.listdir('/dev/shm'), os.listdir('.')"
    async with await sandbox.open() as one, await sandbox.open() as two:
        assert await run(one, folders + write) == ("ok", None)
        assert (await two.run("secret", SECONDS)).status == "error"
        seen = await two.run(folders + look, SECONDS)
        assert (seen.status, seen.stderr, seen.result) == ("ok", "", "([], [], [])")
        _, processes = await run(two, "len([p for p in os.listdir('/proc') if p.isdigit()]) <= 5")
        assert processes == "True"


async def test_a_closed_session_stays_closed(sandbox: Sandbox) -> None:
    session = await sandbox.open()
    await run(session, "1")
    await session.close()
    await session.close()
    result = await session.run("1")
    assert result.status == "session_lost" and "closed" in result.stderr


async def test_closing_ends_a_running_cell(sandbox: Sandbox) -> None:
    session = await sandbox.open()
    await run(session, "1")
    running = asyncio.create_task(session.run("import time\ntime.sleep(600)", 600.0))
    while not sandbox.running:
        await asyncio.sleep(0.01)
    await session.close()
    assert (await running).status == "session_lost"


async def test_a_cancelled_cell_loses_the_session_and_nothing_else(sandbox: Sandbox) -> None:
    session = await sandbox.open()
    await run(session, "1")
    running = asyncio.create_task(session.run("import time\ntime.sleep(600)", 600.0))
    while not sandbox.running:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert session.lost and session not in sandbox.sessions
    async with await sandbox.open() as other:
        assert await run(other, "1") == ("ok", "1")


async def test_many_sessions_at_once(sandbox: Sandbox) -> None:
    picture = Image.new("RGB", (400, 300), "navy")

    async def episode(number: int) -> str | None:
        async with await sandbox.open({"image_1": picture}, seed=number) as session:
            await run(session, f"n = {number}")
            await run(session, "crop = image_1.crop((0, 0, n + 1, 5))")
            return (await run(session, "crop.size"))[1]

    assert await asyncio.gather(*map(episode, range(12))) == [f"({n + 1}, 5)" for n in range(12)]


async def test_idle_sessions_make_room() -> None:
    async with Sandbox.start(max_sessions=2) as sandbox:
        first, second = await sandbox.open(), await sandbox.open()
        await run(first, "1")
        await run(second, "1")
        third = await sandbox.open()
        assert first.lost and not second.lost
        assert await run(third, "3") == ("ok", "3")
        assert (await first.run("1")).status == "session_lost"


def processes_below(pid: int) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


async def test_nothing_is_left_behind() -> None:
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    mounts = Path("/proc/self/mounts").read_text()
    async with Sandbox.start() as sandbox:
        async with await sandbox.open() as session:
            fork = "    if os.fork() == 0:\n        os.setsid()\n        time.sleep(600)"
            await run(session, f"import os, time\nfor _ in range(5):\n{fork}")
            everything = processes_below(sandbox.pid)
            assert len(everything) > 3
    assert not [pid for pid in everything if Path(f"/proc/{pid}").exists()]
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert Path("/proc/self/mounts").read_text() == mounts


async def test_a_dead_zygote_is_replaced() -> None:
    async with Sandbox.start() as sandbox:
        session = await sandbox.open()
        await run(session, "x = 1")
        everything = processes_below(sandbox.pid) - {sandbox.pid}
        for pid in sorted(everything)[:2]:
            kill(pid)
        async with asyncio.timeout(SECONDS):  # a kill takes effect when the killed one gets a core
            while any(Path(f"/proc/{pid}").exists() for pid in everything):
                await asyncio.sleep(0.01)
        result = await session.run("x", SECONDS)
        assert result.status == "session_lost"
        async with await sandbox.open() as other:
            assert await run(other, "1 + 1") == ("ok", "2")
        assert sandbox.restarts == 1


def own_processes(sandbox: Sandbox, before: set[int]) -> dict[str, list[int]]:
    """Processes born since `before`, by role: the session's first is its init."""
    found: dict[str, list[int]] = {"init": [], "runner": [], "frozen": []}
    for pid in sorted(processes_below(sandbox.pid) - before):
        try:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            inner = Path(f"/proc/{pid}/status").read_text().partition("NSpid:")[2].split("\n")[0].split()[-1]
        except OSError:
            continue
        found["frozen" if name == "frozen" else "init" if inner == "1" else "runner"].append(pid)
    return found


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # a copy that was just replaced


@pytest.mark.parametrize("pause", [0.0, 0.5])
@pytest.mark.parametrize("role", ["init", "runner", "frozen"])
async def test_an_answered_cell_is_never_undone_without_a_word(
    sandbox: Sandbox, role: str, pause: float
) -> None:
    """Whatever of a session is killed after an answer: the variables are there, or the loss is told."""
    if sandbox.tier != "full" and role == "init":
        pytest.skip("sessions have no init in this tier")
    for number in range(6):
        before = processes_below(sandbox.pid)
        async with await sandbox.open() as session:
            await run(session, "x = 0")
            assert (await run(session, f"x = {number} + 1"))[0] == "ok"
            await asyncio.sleep(pause)
            for pid in own_processes(sandbox, before)[role]:
                kill(pid)
            status, result = await run(session, "x")
            assert (status, result) in (("ok", f"{number + 1}"), ("session_lost", None), ("crashed", None))
            if status == "crashed":
                assert await run(session, "x") == ("ok", f"{number + 1}")
            if pause and role != "init" and status != "session_lost":
                assert await run(session, "x + 1") == ("ok", f"{number + 2}")
    assert sandbox.restarts == 0


async def test_a_runner_killed_between_cells_goes_on_from_the_last_answer(sandbox: Sandbox) -> None:
    before = processes_below(sandbox.pid)
    async with await sandbox.open() as session:
        await run(session, "x = [1]")
        for number in range(2, 6):
            assert await run(session, f"x.append({number}); len(x)") == ("ok", str(number))
            await asyncio.sleep(1.0)
            for pid in own_processes(sandbox, before)["runner"]:
                kill(pid)
            await asyncio.sleep(0.2)
        assert await run(session, "x") == ("ok", "[1, 2, 3, 4, 5]")


async def test_a_session_without_its_watchdog_gets_another(sandbox: Sandbox) -> None:
    async with await sandbox.open(limits=SandboxLimits(grace=0.2)) as session:
        await run(session, "x = 1")
        await run(session, "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
        await run(session, "x = 2")
        result = await session.run(
            "x = 3\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass", 0.3
        )
        assert (result.status, result.restored) == ("timeout", True)
        assert await run(session, "x") == ("ok", "2")


async def test_restored_sessions_can_be_restored_again(session: Session) -> None:
    await run(session, "n = 0")
    for number in range(1, 5):
        assert await run(session, "n += 1; n") == ("ok", str(number))
        assert (await session.run("n = -1\nimport os\nos.abort()", SECONDS)).status == "crashed"
        assert (await session.run("n = -1\nimport time\ntime.sleep(60)", 0.2)).status == "timeout"
    assert await run(session, "n") == ("ok", "4")


async def test_the_cells_own_children_are_the_only_ones_it_sees(session: Session) -> None:
    await run(session, "import os")
    await run(session, "x = 1")
    code = "try:\n    os.wait()\nexcept ChildProcessError:\n    print('none')"
    assert (await session.run(code, SECONDS)).stdout == "none\n"
    code = "pid = os.fork()\nif pid == 0: os._exit(3)\nos.wait() == (pid, 3 << 8)"
    assert await run(session, code) == ("ok", "True")


def test_the_blocking_face() -> None:
    with BlockingSandbox() as sandbox, sandbox.open({"image_1": Image.new("RGB", (3, 2))}) as session:
        assert session.run("image_1.size").result == "(3, 2)"
        session.put_images({"image_2": Image.new("RGB", (1, 1))})
        session.put_file("a", b"b")
        assert session.run("image_2.size").result == "(1, 1)"
        assert session.get_file("a") == b"b"
