"""The runner's side of a checkpoint: telling the head what it does, and making the frozen copy.

What always holds: an answer is marked as promised before its first byte leaves, and the copy is made after
its last, so whoever is killed in between, the board shows that nobody holds the state.
"""

from __future__ import annotations

import os
import signal
import time
from typing import NoReturn

from . import kernel, usage
from .board import WAKE, WATCH, Board, Undone, clear, exists, send_signal, to_answer, waited_in_line

_WAKE_SECONDS = 5.0
_ALL_CHILDREN = 0x40000000
"""__WALL: wait for children that send no signal too."""


class Guard:
    """The runner's side."""

    def __init__(self, board: Board) -> None:
        self.board = self._board = board
        self._ending: list[int] = []

    @property
    def watched(self) -> bool:
        """Whether the head lives."""
        return os.getppid() == self._board.head

    @property
    def held(self) -> bool:
        """Whether all that was answered would survive this process."""
        board = self._board
        if board.held != board.committed or not self.watched:
            return False
        return board.copy == 0 or not _has_ended(board.copy)

    def start(self, request: int, timeout: float, grace: float) -> None:
        """Work begins; the head is woken only if it would look too late by itself."""
        board = self._board
        board.timeout, board.grace, board.begin = timeout, grace, time.monotonic()
        board.waited = waited_in_line(os.getpid())
        board.started = request
        os.getppid()  # a system call, so that the head sees the request before we see its alarm
        if board.alarm > board.begin + timeout:
            send_signal(board.head, WATCH)

    def finish(self, request: int) -> None:
        """The code has ended: from here on nobody interrupts it."""
        self._board.finished = request

    def commit(self, request: int, *, changed: bool) -> None:
        """The answer is complete: it may be given, and is never undone."""
        board = self._board
        if not changed and board.held == board.committed:
            board.held = request
        board.committed = request

    def roll_back(self, request: int) -> NoReturn:
        """The answer was given; let the state before it take over."""
        self._board.undone = request
        os._exit(1)  # not 0: that is for the end of the session

    def freeze(self) -> bool:
        """Fork a copy that holds this process's state, in place of the one before.

        False in this process, at once; True in the copy when it is to take over. OSError when there can be
        no copy: then there is none.
        """
        board, before = self._board, self._board.copy
        signal.pthread_sigmask(signal.SIG_BLOCK, {WAKE})
        try:
            copy = kernel.fork_unseen()
        except OSError:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {WAKE})
            self.thaw()
            raise
        if copy == 0:
            _sleep_until_chosen(board)
            return True
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {WAKE})
        board.held = 0
        board.copy = copy
        board.held = board.committed
        self._dismiss(before)
        return False

    def thaw(self) -> None:
        """Give up the copy: the state has moved on, and nothing holds it."""
        board = self._board
        if board.held != board.committed or board.copy:
            board.held = 0
        self._dismiss(board.copy)
        board.copy = 0

    def _dismiss(self, copy: int) -> None:
        """End an old copy. It is collected later: its memory takes a while to be given back."""
        self._ending = [pid for pid in self._ending if not _has_ended(pid)]
        if copy:
            send_signal(copy, signal.SIGKILL)
            self._ending.append(copy)


def take_over(board: Board, *, own_pid_namespace: bool) -> Undone | None:
    """In a copy that woke up: end what is left of the session; returns what to answer, as `watch` does."""
    clear(board, own_pid_namespace)
    return to_answer(board)


def _sleep_until_chosen(board: Board) -> None:
    """A copy's life. Returns when the head chose it, or when runner and head are gone without a word.

    Touches as little memory as possible: each page written here would be copied for every cell.
    """
    kernel.PYTHON_LIBC.prctl(kernel.PR_SET_PDEATHSIG, int(WAKE), 0, 0, 0)
    kernel.PYTHON_LIBC.prctl(kernel.PR_SET_NAME, usage.FROZEN_NAME, 0, 0, 0)
    runner, me = board.runner, os.getpid()
    seconds: float | None = None if os.getppid() == runner else _WAKE_SECONDS
    while board.chosen != me:
        woken = kernel.sleep_until(int(WAKE), seconds)
        if not woken and os.getppid() != runner and not exists(board.head):
            board.exit_code = -signal.SIGKILL
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
