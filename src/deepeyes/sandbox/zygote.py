"""Starting a zygote and asking it for sessions: the supervisor's end.

A `Zygote` is one launched process tree. It can die at any time; then `alive` is False, every request raises
`ZygoteDied`, and the sandbox starts another.
"""

# Plain path calls read better beside the system calls.
# ruff: noqa: PTH110, PTH114, PTH118

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .control import Control, ask_checked

_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from jailed.zygote import main; del sys.path[0];"
    " main(int(sys.argv[2]), int(sys.argv[3]))"
)
LAYERS = ("landlock", "seccomp", "capabilities", "watcher")
"""What can be left out. Namespaces go with the tier; resource limits stay, for the machine's sake."""
_START_SECONDS = 120.0
_STOP_SECONDS = 5.0
_UNUSED_HOST_IDS = 1 << 30
_IDS = 65536
_SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/bin", "/sbin")


class StartFailed(Exception):
    """The zygote could not set itself up; `step` is where, `code` the errno."""

    def __init__(self, step: str, error: str, code: int) -> None:
        super().__init__(error)
        self.step, self.error, self.code = step, error, code


@dataclass(frozen=True)
class Launch:
    """How to start a zygote."""

    tier: str
    modules: tuple[str, ...]
    cache: str = ""
    """Folder for matplotlib's font list in the tiers without a private root."""
    without: tuple[str, ...] = ()
    """Layers left out (`LAYERS`), to study what each is good for. Never for use."""
    wrapper: tuple[str, ...] = ()
    """Command put before the interpreter, to play a poorer machine in tests."""


class Zygote:
    """A running zygote with its namespace server."""

    def __init__(
        self, process: subprocess.Popen[bytes], control: Control, namespaces: Control, tier: str
    ) -> None:
        self._process = process
        self._namespaces = namespaces
        self.control = control
        self.tier = tier
        self.info: dict[str, Any] = {}

    @classmethod
    async def start(cls, launch: Launch) -> Zygote:
        """Launch and wait until the imports are done; StartFailed or ZygoteDied when that does not happen."""
        control, control_there = Control.pair()
        namespaces, namespaces_there = Control.pair()
        try:
            process = _launch(launch, control_there, namespaces_there)
        finally:
            control_there.close()
            namespaces_there.close()
        zygote = cls(process, control, namespaces, launch.tier)
        base, count = unprivileged_ids(Path("/proc/self/uid_map").read_text())
        config = {
            "tier": launch.tier,
            "preload": list(launch.modules),
            "interpreter_paths": interpreter_paths(),
            "uid_base": base,
            "uid_count": count,
            "cache": launch.cache,
            "without": list(launch.without),
        }
        try:
            zygote.info, _ = await control.ask(config, (), _START_SECONDS)
            if not zygote.info["ok"]:
                raise StartFailed(zygote.info["step"], zygote.info["error"], zygote.info["errno"])
        except BaseException:
            await zygote.stop()
            raise
        return zygote

    @property
    def alive(self) -> bool:
        return self._process.poll() is None and not self.control.broken and not self._namespaces.broken

    @property
    def pid(self) -> int:
        """The launcher: the root of every process of this sandbox."""
        return self._process.pid

    async def namespaces(self, limits: dict[str, Any]) -> tuple[int, list[int]]:
        """A new session's init (its pid inside the jail) and [pidfd, pid ns, user ns, mount ns, ipc ns]."""
        answer, descriptors = await ask_checked(self._namespaces, {"op": "namespaces", "limits": limits})
        return int(answer["init"]), descriptors

    async def usage(self, roots: dict[int, str]) -> dict[str, list[list[int]]]:
        """[pid, anonymous bytes, start time] of the sessions' processes; `roots` says whose a pid is."""
        question = {"op": "usage", "roots": {str(pid): session for pid, session in roots.items()}}
        answer, _ = await ask_checked(self._namespaces, question)
        return answer["usage"]

    async def kill(self, pid: int) -> None:
        await ask_checked(self._namespaces, {"op": "kill", "pid": pid})

    async def stop(self) -> None:
        """End the whole tree and wait until it is gone."""
        self.control.close()
        self._namespaces.close()
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, self._process.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await loop.run_in_executor(None, self._process.wait)


async def spawn_session(
    server: Control, request: dict[str, Any], descriptors: Sequence[int]
) -> tuple[int, list[int]]:
    """Ask a zygote or template for a session: its root pid, and in the weaker tiers the reaper's pidfd."""
    answer, returned = await ask_checked(server, {"op": "session", **request}, descriptors)
    return int(answer["root"]), returned


async def spawn_template(server: Control) -> tuple[Control, socket.socket]:
    """Fork a template off the zygote: its control socket, and the stream on which it now expects images."""
    control, control_there = Control.pair()
    stream, stream_there = socket.socketpair()
    try:
        await ask_checked(server, {"op": "template"}, [control_there.fileno(), stream_there.fileno()])
    except BaseException:
        control.close()
        stream.close()
        raise
    finally:
        control_there.close()
        stream_there.close()
    stream.setblocking(False)
    return control, stream


def interpreter_paths() -> list[str]:
    """What of this interpreter and its packages a session must see; the system folders are shown anyway."""
    paths: list[str] = []
    for prefix in dict.fromkeys((os.path.realpath(sys.base_prefix), sys.base_prefix, sys.prefix)):
        for part in ("lib", "lib64", "bin", "pyvenv.cfg"):
            path = os.path.join(prefix, part)
            if os.path.exists(path) and not os.path.islink(path):
                paths.append(path)
    return [path for path in paths if not path.startswith(tuple(f"{folder}/" for folder in _SYSTEM_FOLDERS))]


def unprivileged_ids(uid_map: str) -> tuple[int, int]:
    """First host id and number of ids to give to sessions, from the text of /proc/self/uid_map."""
    extents = [(int(line.split()[0]), int(line.split()[2])) for line in uid_map.splitlines()]
    for first, count in extents:
        if first <= _UNUSED_HOST_IDS and first + count >= _UNUSED_HOST_IDS + _IDS:
            return _UNUSED_HOST_IDS, _IDS
    first, count = max(extents, key=lambda extent: extent[1])
    base = max(first + 1, first + count - _IDS)
    return base, first + count - base


def _launch(launch: Launch, control: socket.socket, namespaces: socket.socket) -> subprocess.Popen[bytes]:
    here = str(Path(__file__).resolve().parent)
    arguments = [here, str(control.fileno()), str(namespaces.fileno())]
    command = [sys.executable, "-s", "-P", "-B", "-c", _BOOT, *arguments]
    environment = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # large pages: every fork copies fewer page tables
    }
    return subprocess.Popen(
        [*launch.wrapper, *command],
        env=environment,
        pass_fds=(control.fileno(), namespaces.fileno()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
