"""Ends an operation at every single step that it takes on the file system, as a kill would.

Python tells an audit hook of every opening for writing, renaming, removing, making and cutting before it
happens, whichever library asked for it; the hook here raises at the one step it is told to stop at, and at
all later ones too, so that no `finally` or `except` on the way out can do what a dead process could not. What
compiled libraries do by themselves is not seen, but what Python does before and after it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink")


class Killed(BaseException):
    """Stands for the end of the process."""


class _Steps:
    """What happened below `root`, and after how many steps to end it; None for never."""

    root: str = ""
    left: int | None = None

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.left is None or not (event in _CHANGES or event == "open"):
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITES):
            return
        place = "" if isinstance(arguments[0], int) else os.fsdecode(arguments[0])
        if place.startswith(self.root) or not place.startswith("/"):  # by descriptor, or in an open folder
            self.left -= 1
            if self.left < 0:
                raise Killed


@cache
def _steps() -> _Steps:
    steps = _Steps()
    sys.addaudithook(steps)
    return steps


def stopped(act: Callable[[Path], object], folder: Path, step: int) -> bool:
    """Whether `act(folder)` was ended at its step number `step` (from 0): else it came to its end before."""
    steps = _steps()
    steps.root, steps.left = str(folder), step
    try:
        act(folder)
    except Killed:
        pass
    finally:
        ended, steps.left = steps.left < 0, None
    return ended


def tree(folder: Path) -> dict[str, bytes]:
    """Every folder and file below `folder`, hidden ones too, and what is in them."""
    return {
        str(path.relative_to(folder)): b"" if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def at_every_step(
    act: Callable[[Path], object],
    look: Callable[[Path], object],
    tmp_path: Path,
    *,
    begin: Callable[[Path], object] = lambda _: None,
    read: Callable[[Path], object] = tree,
) -> int:
    """`begin`, then end `act` at its first step, its second, and so on, each time in a new folder: after the
    end `look` sees what a reader would, then `act` goes on, and `read` sees what an undisturbed one leaves.

    Returns how many steps `act` takes.
    """

    def begun(name: str) -> Path:
        folder = tmp_path / name / "it"
        folder.mkdir(parents=True)
        begin(folder)
        return folder

    whole = begun("whole")
    act(whole)
    wanted = read(whole)
    for step in count():
        folder = begun(str(step))
        if not stopped(act, folder, step):
            assert read(folder) == wanted
            return step
        look(folder)
        act(folder)
        assert read(folder) == wanted, f"ended at step {step}, it goes on to something else"
    raise AssertionError
