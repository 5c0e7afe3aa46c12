"""How far an evaluation is: a bar on a terminal, and a line now and then where there is none.

What always holds: time left is reckoned from what was asked in this start, so that what was there already
does not make it look fast; counts are of all episodes of the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from deepeyes.cli.running import note
from deepeyes.core.trace import Trace
from deepeyes.eval.settings import Setting
from deepeyes.view.visible import visible

EVERY = 30.0
"""Seconds between two lines."""


class EvalProgress:
    """A `Watch`, and a context manager that leaves the terminal clean. `runs` is how many there will be."""

    def __init__(
        self, console: Console, runs: int, every: float = EVERY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._lines, self._every, self._clock = not console.is_terminal, every, clock
        self._runs, self._run = runs, 0
        self._bar = TaskID(0)

    def __enter__(self) -> Self:
        self._bars.start()
        self._said = self._clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, setting: Setting) -> None:
        if self._run:
            self._bars.remove_task(self._bar)
        self._run += 1
        self._name = f"{visible(setting.label)} ({self._run} of {self._runs}): " if self._runs > 1 else ""
        self._total = setting.plan.n * setting.plan.samples
        self._done = self._asked = self._right = self._unsure = self._failed = 0
        self._bar = self._bars.add_task("asking", total=self._total, left="")

    def kept(self, results: Sequence[Trace]) -> None:
        for trace in results:
            self._count(trace)
        self._start = self._clock()
        self._bars.update(self._bar, completed=self._done)

    def done(self, trace: Trace) -> None:
        self._count(trace)
        self._asked += 1
        left = time_left(self._total - self._done, self._asked, self._clock() - self._start)
        said = self._name + self._counts()
        self._bars.update(self._bar, completed=self._done, description=said, left=left)
        if self._lines and self._clock() - self._said >= self._every:
            self._said = self._clock()
            note(f"{said}, {self._done:,} of {self._total:,} done, {left}")

    def _count(self, trace: Trace) -> None:
        self._done += 1
        self._right += trace.is_right
        self._unsure += trace.is_unsure
        self._failed += not trace.stop_reason.is_result

    def _counts(self) -> str:
        counts = [f"{self._right:,} of {self._done - self._failed:,} right"]
        counts += [f"{self._unsure:,} unsure"] if self._unsure else []
        counts += [f"{self._failed:,} failed because of us"] if self._failed else []
        return ", ".join(counts)


def time_left(remaining: int, asked: int, seconds: float) -> str:
    """In words, at the pace of `asked` episodes in so many seconds."""
    left = round(remaining * seconds / asked) if asked else 0
    hours, minutes = divmod(-(-left // 60), 60)
    if left < 60:
        return f"{left} s left"
    return f"{hours} h {minutes} min left" if hours else f"{minutes} min left"
