"""The frozen side of a checkpoint: a head watching the candidate that runs the next cell.

The candidate talks to its head over a pipe, one mark at a time: a cell started (with its time), the code has
finished, commit, or roll back. What always holds: `watch` returns only when the candidate and everything it
left behind are gone, so the caller may fork the next candidate from the untouched state.
"""

# Plain path calls: pathlib would only add objects for every fork to copy.
# ruff: noqa: PTH123

from __future__ import annotations

import os
import select
import signal
import struct
import time
from dataclasses import dataclass

from . import teach

STARTED, FINISHED, COMMIT, ROLL_BACK = b"s", b"d", b"c", b"r"
START = struct.Struct("=ffI")
"""Timeout, grace, request number."""
_REPLY_SECONDS = 10.0
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Undone:
    """A cell that did not commit, and what to tell about it."""

    status: str
    request: int
    why: str


def watch(pipe: int, candidate: int, *, stretch: float, own_pid_namespace: bool) -> Undone | None:
    """Wait for the candidate; returns when it must be undone (None: it has answered by itself).

    Exits this process when the candidate commits or the supervisor hung up.
    """
    clock: _Clock | None = None
    request, interrupted, answered, overran = 0, False, False, False
    buffer = b""
    while True:
        # While a cell runs, look for its death too: processes it left behind hold the pipe open.
        ready, _, _ = select.select([pipe], [], [], min(clock.left(), _LOOK_SECONDS) if clock else None)
        if ready:
            chunk = os.read(pipe, 64)
            if not chunk:
                break
            buffer += chunk
            if buffer[:1] == STARTED and len(buffer) > START.size:
                seconds, grace, request = START.unpack(buffer[1 : 1 + START.size])
                clock = _Clock(candidate, seconds, grace, stretch)
                buffer = buffer[1 + START.size :]
            marks, buffer = (b"", buffer) if buffer[:1] == STARTED else (buffer, b"")
            if COMMIT in marks:
                os._exit(0)
            if FINISHED in marks and clock:
                clock.restart(_REPLY_SECONDS)
            answered = answered or ROLL_BACK in marks
        elif clock and clock.left() == 0:
            if interrupted:
                overran = True
                break
            interrupted = True
            _send_signal(candidate, signal.SIGINT)
            clock.restart(clock.grace)
        elif _is_dead(candidate):
            break
    exit_code = _end(candidate, everything=own_pid_namespace)
    if clock is None and exit_code == 0:
        os._exit(0)  # the supervisor hung up
    if answered:
        return None
    if overran and clock:
        return Undone("timeout", request, teach.timeout(clock.seconds, restored=True))
    return Undone("crashed", request, teach.death(exit_code))


class _Clock:
    """Counts the time a cell ran or slept, not the time it stood in line for a busy core."""

    def __init__(self, pid: int, seconds: float, grace: float, stretch: float) -> None:
        self.seconds, self.grace = seconds, grace
        self._pid, self._stretch = pid, stretch
        self._begin = time.monotonic()
        self._waited_before = self._waited()
        self._end = self._begin + seconds
        self._stretchable = True

    def restart(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._stretchable = False

    def left(self) -> float:
        """Seconds until the time is up (0: it is)."""
        now = time.monotonic()
        if now >= self._end and self._stretchable:
            fair = self._begin + self.seconds + self._waited() - self._waited_before
            last = self._begin + self.seconds * self._stretch
            self._end = max(self._end, min(fair, last))
        return max(0.0, self._end - now)

    def _waited(self) -> float:
        try:
            with open(f"/proc/{self._pid}/schedstat") as file:
                return int(file.read().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0


def _is_dead(candidate: int) -> bool:
    try:
        return os.waitid(os.P_PID, candidate, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _end(candidate: int, *, everything: bool) -> int | None:
    """Kill the candidate (and all but the init and ourselves); returns its exit code."""
    _send_signal(candidate, signal.SIGKILL)
    if everything:
        _send_signal(-1, signal.SIGKILL)
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(candidate, 0)[1])
    except ChildProcessError:
        code = None
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
    return code


def _send_signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
