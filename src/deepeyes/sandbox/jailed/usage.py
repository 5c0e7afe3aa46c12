"""How much private memory each session holds, from one walk over /proc.

A session's processes are the descendants of its root processes (its init and its first watchdog). Parentage
is used, not namespaces, because a process can hide its namespace links by making itself non-dumpable but
cannot hide its parent.
"""

# Plain path calls: pathlib would only add objects for every fork to copy.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import os
import resource

FROZEN_NAME = b"frozen"
"""Name of the processes that hold what a rollback needs: the memory watcher takes them last."""
_PAGE = resource.getpagesize()
_MAX_CLIMB = 4096

Process = tuple[int, int, int]
"""(pid, bytes of anonymous memory, start time in clock ticks: 0 for a process that calls itself frozen)"""


def by_root(roots: dict[int, str]) -> dict[str, list[Process]]:
    """Processes of each session; `roots` gives the session of a root process."""
    parents: dict[int, int] = {}
    found: dict[int, Process] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        entry = _read(int(name))
        if entry is not None:
            parents[entry[0][0]] = entry[1]
            found[entry[0][0]] = entry[0]
    result: dict[str, list[Process]] = {}
    for pid, process in found.items():
        session = _session_of(pid, parents, roots)
        if session is not None:
            result.setdefault(session, []).append(process)
    return result


def own_anonymous_bytes() -> int:
    entry = _read(os.getpid())
    return entry[0][1] if entry else 0


def _session_of(pid: int, parents: dict[int, int], roots: dict[int, str]) -> str | None:
    for _ in range(_MAX_CLIMB):
        if pid in roots:
            return roots[pid]
        parent = parents.get(pid)
        if not parent:
            return None
        pid = parent
    return None


def _read(pid: int) -> tuple[Process, int] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            name, _, rest = file.read().rpartition(b")")
        with open(f"/proc/{pid}/statm", "rb") as file:
            sizes = file.read().split()
    except OSError:
        return None  # it ended meanwhile
    anonymous = (int(sizes[1]) - int(sizes[2])) * _PAGE
    fields = rest.split()
    begun = 0 if name.endswith(b"(" + FROZEN_NAME) else int(fields[19])
    return (pid, anonymous, begun), int(fields[1])
