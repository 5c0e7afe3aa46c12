"""A session of our own that tries to break out before the model's code gets the chance.

Each probe is a cell that must fail in the right way. The bait is made by the supervisor (a file, a
listening socket, its own process), so that a probe passes because a wall held and not because there was
nothing to reach. What always holds: any probe that gets through makes the tier unusable.
"""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

from .limits import SandboxLimits
from .session import Session
from .tiers import Probe

_SECONDS = 30.0
LIMITS = SandboxLimits(memory_mib=256, processes=32, disk_mib=4, file_mib=2, files=64, nice=0)
"""Of the session that is probed: small, so that a probe need not fill a machine."""

_PRELUDE = """
import ctypes, os, signal, socket
libc = ctypes.CDLL(None, use_errno=True)
def held(act, *arguments):
    try:
        act(*arguments)
    except (OSError, MemoryError) as wall:
        print("held", getattr(wall, "errno", None))
    else:
        print("open")
def raw(name, *arguments):
    ctypes.set_errno(0)
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
def fill(size):
    file = os.open(os.path.join(os.environ["TMPDIR"], "big"), os.O_CREAT | os.O_WRONLY)
    while size > 0:
        size -= os.write(file, bytes(size))
"""
_PROBES: dict[str, str] = {
    "read a file of the host": "held(open, {bait!r})",
    "list the host's home folders": "held(os.listdir, {home!r})",
    "read the supervisor's environment": "held(open, '/proc/{pid}/environ', 'rb')",
    "write beside the interpreter": "held(open, os.path.join(os.path.dirname(os.__file__), 'canary'), 'w')",
    "signal the supervisor": "held(os.kill, {pid}, 0)",
    "connect to the host": "held(socket.socket)",
    "make a user namespace": "held(raw, 'unshare', 0x10000000)",
    "mount": "held(raw, 'mount', b'tmpfs', b'/', b'tmpfs', 0, None)",
    "trace a process": "held(raw, 'ptrace', 16, {parent}, 0, 0)",
    "regain privileges": "held(os.setresuid, 0, 0, 0)",
    "exceed memory": "held(bytearray, 1 << 29)",
    "exceed a file's size": "held(fill, 3 << 20)",
}
_EXCEED_PROCESSES = "exceed processes"
WALLS = (*_PROBES, _EXCEED_PROCESSES)
"""What a session must not be able to do, by the names of the probes that try it."""
_PROCESSES = """
import os, time
children = 0
try:
    for _ in range(200):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        children += 1
except OSError as wall:
    print("held", wall.errno)
else:
    print("open")
os._exit(0)
"""


async def probe(session: Session) -> list[Probe]:
    """Try every way out of a session with `LIMITS` that has not started; each probe with what happened."""
    with tempfile.TemporaryDirectory(prefix="canary-") as folder, socket.create_server(("127.0.0.1", 0)):
        bait = Path(folder) / "bait.txt"
        bait.write_text("a file that no session may read")
        bait.chmod(0o644)
        Path(folder).chmod(0o755)
        facts = {"bait": str(bait), "home": str(Path.home()), "pid": os.getpid(), "parent": os.getppid()}
        results = [await _try(session, "run a cell", "print('held')")]
        if not results[0].ok:
            return results
        await session.run(_PRELUDE, _SECONDS)
        for name, cell in _PROBES.items():
            if name == "list the host's home folders" and facts["home"] == "/":
                continue
            results.append(await _try(session, name, cell.format(**facts)))
        results.append(await _try(session, _EXCEED_PROCESSES, _PROCESSES))
        results.append(await _try(session, "go on after all that", "print('held')"))
    return results


async def _try(session: Session, name: str, cell: str) -> Probe:
    result = await session.run(cell, _SECONDS)
    text = f"{result.stdout} {result.stderr}".strip()
    held = "held" in result.stdout and "open" not in result.stdout
    return Probe(name, held, text.splitlines()[-1][:160] if text else result.status)
