"""The watchdog's side of a checkpoint: watching the runner, and deciding who goes on when it is gone.

What always holds: `watch` returns only when the runner and everything it left behind are gone, in a process
that holds the state as it was after the last answer.
"""

from __future__ import annotations

import math
import os
import signal
import time
from typing import NoReturn

from . import kernel, usage
from .shared_state import (
    WAKE,
    WATCH,
    SharedState,
    Undone,
    clear,
    exists,
    running,
    send_signal,
    to_answer,
    waited_in_line,
)

_REPLY_SECONDS = 10.0


def watch(shared: SharedState, *, stretch: float, own_pid_namespace: bool) -> Undone | None:
    """The watchdog's side: returns when the runner is gone and the state before it must go on from here.

    The result says what to answer (None: nothing is waited for). Ends this process when the session is over
    or a frozen copy takes its place.
    """
    kernel.name_process(usage.FROZEN_NAME)
    runner: int = shared.runner
    clock: _Clock | None = None
    request, interrupted = 0, False
    while True:
        # Published before the rest is read: a runner that starts now sees it and sends a signal.
        shared.alarm = math.inf
        if _is_dead(runner):
            break
        current = running(shared)
        if not current:
            clock = None
        elif current != request or clock is None:
            request, interrupted = current, False
            clock = _Clock(runner, shared, stretch)
        if clock and clock.left() == 0:
            if shared.finished == request:
                if clock.final:
                    shared.overran = True
                    break
                clock.restart(_REPLY_SECONDS, final=True)
            elif interrupted:
                shared.overran = True
                break
            else:
                interrupted = True
                send_signal(runner, signal.SIGINT)
                clock.restart(shared.grace)
        shared.alarm = clock.end if clock else math.inf
        _wait({signal.SIGCHLD, WATCH}, clock.left() if clock else None)
    shared.exit_code = _collect(runner)
    hung_up = shared.exit_code == 0 and not shared.overran and not running(shared)
    if hung_up or shared.held != shared.committed:  # the supervisor is gone, or nobody holds the state
        _end_session(shared, own_pid_namespace)
    if shared.copy:
        _hand_over(shared, own_pid_namespace)
    clear(shared, own_pid_namespace)
    return to_answer(shared)


class _Clock:
    """Counts the time a request ran or slept, not the time it stood in line for a busy core."""

    def __init__(self, pid: int, shared: SharedState, stretch: float) -> None:
        self._pid, self._stretch = pid, stretch
        self._begin: float = shared.begin
        self._seconds: float = shared.timeout
        self._waited_before: float = shared.waited
        self._stretchable = True
        self.end = self._begin + self._seconds
        self.final = False

    def restart(self, seconds: float, *, final: bool = False) -> None:
        self.end = time.monotonic() + seconds
        self._stretchable, self.final = False, final

    def left(self) -> float:
        """Seconds until the time is up (0: it is)."""
        now = time.monotonic()
        if now >= self.end and self._stretchable:
            fair = self._begin + self._seconds + waited_in_line(self._pid) - self._waited_before
            last = self._begin + self._seconds * self._stretch
            self.end = max(self.end, min(fair, last))
        return max(0.0, self.end - now)


def _hand_over(shared: SharedState, own_pid_namespace: bool) -> NoReturn:
    """Wake the copy, which ends this process; if it does not, nobody holds the state."""
    shared.chosen = shared.copy
    send_signal(shared.copy, WAKE)
    while exists(shared.copy):
        time.sleep(0.05)
    _end_session(shared, own_pid_namespace)


def _end_session(shared: SharedState, own_pid_namespace: bool) -> NoReturn:
    if shared.copy:
        send_signal(shared.copy, signal.SIGKILL)
    if own_pid_namespace:
        send_signal(-1, signal.SIGKILL)
    os._exit(0)


def _collect(runner: int) -> int:
    """Kill the runner if it still lives; returns its exit code."""
    send_signal(runner, signal.SIGKILL)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(runner, 0)[1])
    except ChildProcessError:
        return -signal.SIGKILL


def _wait(numbers: set[signal.Signals], seconds: float | None) -> None:
    if seconds is None:
        signal.sigwaitinfo(numbers)
    else:
        signal.sigtimedwait(numbers, seconds)


def _is_dead(child: int) -> bool:
    """Whether a child has ended; it stays to be collected."""
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
