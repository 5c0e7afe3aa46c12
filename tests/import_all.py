"""Imports every module of a package and prints what they did beside: `python import_all.py FOLDER`.

A line an act: a file opened, a folder listed, a thread, a process, a socket, a look at the environment. It
needs a process of its own, as only a first import runs a module.
"""

import importlib
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pydantic

ACTS = ("open", "os.", "socket.", "subprocess.", "shutil.", "tempfile.", "sqlite3.")
SOURCE = Path(sys.argv[1])
done: list[str] = []


class First(pydantic.BaseModel):
    """The first model of a process makes pydantic look for its plugins."""


def blame(what: str, *, through_others: bool) -> None:
    """Note `what` if a module of ours did it, itself or `through_others`, but not while importing others."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib") or ("site-packages" in file and not through_others):
            return
        if file.startswith(str(SOURCE)):
            done.append(f"{Path(file).relative_to(SOURCE)}:{frame.f_lineno} {what}")
            return
        frame = frame.f_back


class Watched(type(os.environ)):
    def __getitem__(self, key: str) -> str:
        blame(
            f"reads {key}", through_others=False
        )  # every class of pydantic's looks for a setting of its own
        return super().__getitem__(key)


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(ACTS):
        blame(f"{event} {arguments}", through_others=True)


def start(thread: threading.Thread) -> None:
    blame(f"starts {thread}", through_others=True)
    start_thread(thread)


os.environ.__class__ = Watched
start_thread, threading.Thread.start = threading.Thread.start, start
sys.addaudithook(hook)
for path in sorted(SOURCE.rglob("*.py")):
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    try:
        importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    except ModuleNotFoundError as missing:
        if missing.name != "inspect_ai":  # has an environment of its own, and imports those modules itself
            raise
sys.stdout.writelines(f"{line}\n" for line in done)
