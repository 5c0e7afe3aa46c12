"""The runner's side of a checkpoint: telling the watchdog what it does, and making the frozen copy.

What always holds: an answer is marked as promised before its first byte leaves, and the copy is made after
its last, so whoever is killed in between, the shared page shows that nobody holds the state.
"""

from __future__ import annotations

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
    send_signal,
    to_answer,
    waited_in_line,
)

_WAKE_SECONDS = 5.0
_ALL_CHILDREN = 0x40000000
"""__WALL: wait for children that send no signal too."""


class Savepoint:
    """Where a session goes on from when its runner ends, as the runner keeps it."""

    def __init__(self, shared: SharedState) -> None:
        self.shared = self._shared = shared
        self._ending: list[int] = []

    @property
    def watched(self) -> bool:
        """Whether the watchdog lives."""
        return os.getppid() == self._shared.watchdog

    @property
    def held(self) -> bool:
        """Whether all that was answered would survive this process."""
        shared = self._shared
        if shared.held != shared.committed or not self.watched:
            return False
        return shared.copy == 0 or not _has_ended(shared.copy)

    def start(self, request: int, timeout: float, grace: float) -> None:
        """Work begins; the watchdog is woken only if it would look too late by itself."""
        shared = self._shared
        shared.timeout, shared.grace, shared.begin = timeout, grace, time.monotonic()
        shared.waited = waited_in_line(os.getpid())
        shared.started = request
        os.getppid()  # a system call, so that the watchdog sees the request before we see its alarm
        if shared.alarm > shared.begin + timeout:
            send_signal(shared.watchdog, WATCH)

    def finish(self, request: int) -> None:
        """The code has ended: from here on nobody interrupts it."""
        self._shared.finished = request

    def commit(self, request: int, *, changed: bool) -> None:
        """The answer is complete: it may be given, and is never undone."""
        shared = self._shared
        if not changed and shared.held == shared.committed:
            shared.held = request
        shared.committed = request

    def roll_back(self, request: int) -> NoReturn:
        """The answer was given; let the state before it take over."""
        self._shared.undone = request
        os._exit(1)  # not 0: that is for the end of the session

    def freeze(self) -> bool:
        """Fork a copy that holds this process's state, in place of the one before.

        False in this process, at once; True in the copy when it is to take over. OSError when there can be
        no copy: then there is none.
        """
        shared, before = self._shared, self._shared.copy
        signal.pthread_sigmask(signal.SIG_BLOCK, {WAKE})
        try:
            copy = kernel.fork_unseen()
        except OSError:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {WAKE})
            self.thaw()
            raise
        if copy == 0:
            _sleep_until_chosen(shared)
            return True
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {WAKE})
        shared.held = 0
        shared.copy = copy
        shared.held = shared.committed
        self._dismiss(before)
        return False

    def thaw(self) -> None:
        """Give up the copy: the state has moved on, and nothing holds it."""
        shared = self._shared
        if shared.held != shared.committed or shared.copy:
            shared.held = 0
        self._dismiss(shared.copy)
        shared.copy = 0

    def _dismiss(self, copy: int) -> None:
        """End an old copy. It is collected later: its memory takes a while to be given back."""
        self._ending = [pid for pid in self._ending if not _has_ended(pid)]
        if copy:
            send_signal(copy, signal.SIGKILL)
            self._ending.append(copy)


def take_over(shared: SharedState, *, own_pid_namespace: bool) -> Undone | None:
    """In a copy that woke up: end what is left of the session; returns what to answer, as `watch` does."""
    clear(shared, own_pid_namespace)
    return to_answer(shared)


def _sleep_until_chosen(shared: SharedState) -> None:
    """A copy's life. Returns when the watchdog chose it, or when runner and watchdog are gone without a word.

    Touches as little memory as possible: each page written here would be copied for every cell.
    """
    kernel.PYTHON_LIBC.prctl(kernel.PR_SET_PDEATHSIG, int(WAKE), 0, 0, 0)
    kernel.PYTHON_LIBC.prctl(kernel.PR_SET_NAME, usage.FROZEN_NAME, 0, 0, 0)
    runner, me = shared.runner, os.getpid()
    seconds: float | None = None if os.getppid() == runner else _WAKE_SECONDS
    while shared.chosen != me:
        woken = kernel.sleep_until(int(WAKE), seconds)
        if not woken and os.getppid() != runner and not exists(shared.watchdog):
            shared.exit_code = -signal.SIGKILL
            break
        if os.getppid() != runner:
            seconds = _WAKE_SECONDS
    kernel.finish_fork()


def _has_ended(copy: int) -> bool:
    """Whether a frozen copy has ended; collects it."""
    try:
        return os.waitpid(copy, os.WNOHANG | _ALL_CHILDREN)[0] != 0
    except ChildProcessError:
        return True
