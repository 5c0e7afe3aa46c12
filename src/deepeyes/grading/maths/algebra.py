"""Asks computer algebra whether two expressions are equal, in a process that can be ended at any time.

One process for each process of ours, started at the first question, shared by all threads, replaced when a
question took too long, ended with us. What always holds: no question takes longer than its limit and the
start of a process; an answer is "equal", or nothing; a forked child never writes into the pipe of its
parent. A process that cannot be started is an `InfrastructureError`, never an answer.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import IO, Any

import deepeyes
from deepeyes.core.errors import InfrastructureError

SECONDS = 2
"""Of processor time for one pair, so that a busy machine does not change what is proven."""
SECONDS_TO_ANSWER = 8.0
"""Of wall time for one pair."""
SECONDS_TO_START = 120.0
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
_LONGEST = 4_000
"""Characters of one expression."""


class AlgebraError(InfrastructureError):
    """The algebra process cannot be started."""


@lru_cache(maxsize=4096)
def proves_equal(one: str, other: str) -> bool:
    """Whether algebra proves the two LaTeX expressions equal within `SECONDS`.

    False says nothing: they may differ, or it may be too hard.
    """
    if len(one) > _LONGEST or len(other) > _LONGEST:
        return False
    return _algebra.proves_equal(one, other, SECONDS)


class Algebra:
    """The process and the lock before it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_registered = False

    def proves_equal(self, one: str, other: str, seconds: int) -> bool:
        """Whether the process says so in time.

        Raises:
            AlgebraError: where no process can be started.
        """
        with self._lock:
            process = self._process
            if process is None or process.poll() is not None:
                process = self._process = self._start()
            question = json.dumps({"pair": [one, other], "seconds": seconds}) + "\n"
            answer: dict[str, Any] | None = None
            try:
                _pipe(process.stdin).write(question.encode())
                answer = _line(process, SECONDS_TO_ANSWER)
            except BrokenPipeError:
                pass
            finally:
                # Also when an exception (Ctrl-C) comes while it computes: a late answer would be taken for
                # that of the next question.
                if answer is None:
                    self._stop()
            return answer is not None and answer["same"] is True

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            self._stop()

    def _start(self) -> subprocess.Popen[bytes]:
        if not self._is_registered:
            atexit.register(self.close)
            os.register_at_fork(after_in_child=self._after_fork)
            self._is_registered = True
        with tempfile.TemporaryFile() as errors:
            command = [sys.executable, "-s", "-P", "-B", "-m", "deepeyes.grading.maths.worker"]
            kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
            kept["PYTHONPATH"] = str(Path(deepeyes.__file__).parent.parent)
            pipe = subprocess.PIPE
            try:
                process = subprocess.Popen(
                    command, stdin=pipe, stdout=pipe, stderr=errors, env=kept, bufsize=0
                )
            except OSError as error:
                raise AlgebraError(
                    f"the algebra process cannot be started ({error.strerror or error})",
                    "check that another process may be started here",
                ) from error
            if _line(process, SECONDS_TO_START) is None:
                _end(process)
                errors.seek(0)
                said = errors.read()[-2_000:].decode(errors="replace").strip().splitlines() or ["no word"]
                raise AlgebraError(
                    f"the algebra process did not start within {SECONDS_TO_START:.0f} s ({said[-1]})",
                    "check that `python -m deepeyes.grading.maths.worker` starts (it needs 1 GB)",
                )
        return process

    def _stop(self) -> None:
        if self._process is not None:
            _end(self._process)
            self._process = None

    def _after_fork(self) -> None:
        """In a forked child the process belongs to the parent, and another thread may have held the lock."""
        self._lock = Lock()
        process, self._process = self._process, None
        if process is not None:
            _pipe(process.stdin).close()
            _pipe(process.stdout).close()
            # It is no child of ours, so nothing is to be waited for when the object goes.
            process.returncode = 0


_algebra = Algebra()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("the process was started with pipes")
    return pipe


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    _pipe(process.stdin).close()
    _pipe(process.stdout).close()


def _line(process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any] | None:
    """The next line of the process; None if it ends or takes longer."""
    pipe = _pipe(process.stdout).fileno()
    poll = select.poll()
    poll.register(pipe, select.POLLIN | select.POLLHUP)
    until = time.monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        left = until - time.monotonic()
        if left <= 0 or not poll.poll(left * 1_000):
            return None
        piece = os.read(pipe, 4_096)
        if not piece:
            return None
        line += piece
    return json.loads(line)
