"""What a session process gives up before it runs the model's code. Nothing here can be taken back.

Order matters: limits while we still may set them, then the user, then capabilities, then Landlock (needs
no_new_privileges), then the system-call filter, which refuses most of the calls above.
"""

# Plain path calls: pathlib would only add objects for every fork to copy.
# ruff: noqa: PTH116, PTH123, PTH208

from __future__ import annotations

import os
import platform
import resource
from functools import cache
from typing import Any

from . import kernel, landlock, seccomp
from .jail import DEVICES, SESSION_ID, visible_paths

_MIB = 1 << 20


def apply(config: dict[str, Any], limits: dict[str, Any], box: str, host_id: int | None) -> None:
    """Confine this process to writing in `box`; `host_id` is the user it becomes (None: stays who it is)."""
    own_count = config["tier"] != "landlock"
    _set_limits(limits, spent=0 if own_count else _tasks_of_this_user())
    os.nice(limits["nice"])
    _write_oom_score()
    if host_id is not None:
        if host_id != SESSION_ID:
            os.setgroups([])  # inside a user namespace this is refused, and not needed
        os.setresgid(host_id, host_id, host_id)
        os.setresuid(host_id, host_id, host_id)
    without = config["without"]
    if "capabilities" not in without:
        kernel.drop_capabilities()
    kernel.no_new_privileges()
    if "landlock" not in without:
        readable = visible_paths(config["interpreter_paths"])
        if config["tier"] != "full":
            readable = [path for path in readable if path != "/proc"] + [config["cache"]]
        landlock.restrict(readable, [box], DEVICES)
    if "seccomp" not in without:
        seccomp.install(filter_code())


@cache
def filter_code() -> bytes:
    """The system-call filter of this machine, put together once and inherited by every fork."""
    return seccomp.assemble(seccomp.program(platform.machine()))


def _set_limits(limits: dict[str, Any], spent: int) -> None:
    values = {
        resource.RLIMIT_AS: _mapped_bytes() + limits["memory_mib"] * _MIB,
        resource.RLIMIT_FSIZE: limits["file_mib"] * _MIB,
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_NPROC: limits["processes"] + spent,
        resource.RLIMIT_CPU: limits["cpu_seconds"],
        resource.RLIMIT_STACK: 64 * _MIB,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 256,
    }
    for kind, value in values.items():
        _, hard = resource.getrlimit(kind)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (allowed, allowed))


def _tasks_of_this_user() -> int:
    """Threads the caller's user has already, where a session shares that user and its process count."""
    total = 0
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == os.getuid():
                total += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue  # it ended meanwhile
    return total


def _mapped_bytes() -> int:
    """Address space in use now: libraries map a lot that is no memory, so limits count from here."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 1 << 30


def _write_oom_score() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass  # a read-only or absent proc: the watcher still guards memory
