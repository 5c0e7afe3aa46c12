"""How far long work is: bars on a terminal, and lines now and then where stderr goes into a file.

What always holds: everything is on stderr; a stage is told when it begins and when it is done, so a log that
is looked at later says where the time went.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from deepeyes.cli.running import EVERY, note


class Steps:
    """A context manager; `step` is told how many of how many are done, by name of the stage."""

    def __init__(self, *, keep: bool = False) -> None:
        """With `keep` the bars stay on the terminal when the block ends."""
        console = Console(stderr=True)
        time_column = TimeElapsedColumn() if keep else TimeRemainingColumn()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), time_column)
        self._is_shown = console.is_terminal
        self._bars = Progress(*columns, console=console, transient=not keep, disable=not self._is_shown)
        self._stages: dict[str, _Stage] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def step(self, name: str, done: int, total: int | None, *, words: str = "") -> None:
        """`done` of `total` (None: nobody knows) of the stage `name`, shown as `words` where these change."""
        stage = self._stages.get(name)
        if stage is None:
            stage = self._stages[name] = _Stage(self._bars.add_task(words or name, total=total))
        if self._is_shown:
            self._bars.update(stage.bar, completed=done, total=total, description=words or name)
        else:
            stage.tell(words or name, done, total)


class _Stage:
    def __init__(self, bar: TaskID) -> None:
        self.bar = bar
        self._begun = time.monotonic()
        self._told: float | None = None
        self._is_over = False

    def tell(self, words: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        ends = total is not None and done >= total and not self._is_over
        if self._told is None or now - self._told >= EVERY or ends:
            of = f" of {total:,}" if total is not None else ""
            note(f"{words}: {done:,}{of} ({now - self._begun:.0f} s)")
            self._told = now
        self._is_over = self._is_over or ends
