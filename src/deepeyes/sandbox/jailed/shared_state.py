"""What the processes of a session know of each other: a page of memory, and how they end one another.

The *watchdog* is the parent of the *runner* and watches its clock; the runner takes the requests; the *frozen
copy* is a fork of the runner, made after each answer, that sleeps until it is needed. Until the first answer
there is no copy: the watchdog itself holds the state.

What always holds: the page says which answer was the last one promised (`committed`) and up to which one a
sleeping process holds the variables (`held`). If the runner dies while the two agree, the holder takes over
and nothing that was answered is lost; if they differ the session ends, because going on would silently undo
a cell whose answer was given. Whoever takes over first makes sure that nothing else of the session runs.
"""

# Plain path calls: pathlib would only add objects for every fork to copy.
# ruff: noqa: PTH123

from __future__ import annotations

import ctypes
import math
import mmap
import os
import signal
import time
from dataclasses import dataclass

from . import hints, kernel

WATCH, WAKE = signal.SIGUSR1, signal.SIGUSR2
"""To the watchdog: work began. To the copy: take over."""
_RUNNER_NAME = b"python"
_CLEAR_SECONDS = 2.0


class SharedState(ctypes.Structure):
    """Shared by a watchdog, its runner and the runner's frozen copy. Numbers are those of requests."""

    _fields_ = (
        ("started", ctypes.c_uint32),
        ("finished", ctypes.c_uint32),  # the work has ended, its answer is being made
        ("committed", ctypes.c_uint32),  # the answer is complete and is being given
        ("undone", ctypes.c_uint32),  # was answered, and is to be rolled back
        ("held", ctypes.c_uint32),
        ("watchdog", ctypes.c_int32),
        ("runner", ctypes.c_int32),
        ("copy", ctypes.c_int32),  # the frozen copy's process; 0: the watchdog holds the state
        ("chosen", ctypes.c_int32),  # the copy that is to take over
        ("exit_code", ctypes.c_int32),
        ("overran", ctypes.c_bool),
        ("begin", ctypes.c_double),  # of the request, in monotonic seconds
        ("waited", ctypes.c_double),  # seconds the runner had stood in line for a core by then
        ("timeout", ctypes.c_double),
        ("grace", ctypes.c_double),
        ("alarm", ctypes.c_double),  # when the watchdog looks next without being told
    )


@dataclass(frozen=True)
class Undone:
    """A request that did not commit, and what to tell about it."""

    status: str
    request: int
    why: str


def new_shared_state() -> SharedState:
    """A page for a new watchdog: this process. It must listen before its runner can speak."""
    shared = SharedState.from_buffer(mmap.mmap(-1, mmap.PAGESIZE))
    shared.watchdog, shared.alarm = os.getpid(), math.inf
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, WATCH, WAKE})
    return shared


def be_runner() -> None:
    """Give back what `new_shared_state` and `watch` took: a cell finds an ordinary process."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD, WATCH, WAKE})
    kernel.name_process(_RUNNER_NAME)


def running(shared: SharedState) -> int:
    """The request that is neither answered nor undone; 0 for none."""
    started: int = shared.started
    return started if started > max(shared.committed, shared.undone) else 0


def to_answer(shared: SharedState) -> Undone | None:
    request = running(shared)
    if not request:
        return None
    if shared.overran:
        return Undone("timeout", request, hints.timeout(shared.timeout, restored=True))
    return Undone("crashed", request, hints.death(shared.exit_code))


def clear(shared: SharedState, own_pid_namespace: bool) -> None:
    """End all of the session but this process and the init, and wait until they are gone."""
    known = (shared.watchdog, shared.copy)
    others = [-1] if own_pid_namespace else [pid for pid in known if pid != os.getpid()]
    end = time.monotonic() + _CLEAR_SECONDS
    for pid in filter(None, others):
        send_signal(pid, signal.SIGKILL)
        while exists(pid) and time.monotonic() < end:
            time.sleep(0.0005)


def waited_in_line(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def send_signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass
