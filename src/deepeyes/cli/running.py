"""What asking verbs share: running to the end, Ctrl-C, notes on stderr, and waits that are told.

What always holds: what the model layer logs, of a wait or of money spent, is such a note; Ctrl-C becomes
`Interrupted` after everything inside has closed and kept what it had; what takes long says so, at once on a
terminal and elsewhere after a few seconds, and then now and then.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from deepeyes.core.errors import Interrupted
from deepeyes.view.visible import visible

T = TypeVar("T")

PATIENCE = 3.0
"""Seconds before a wait is told where nobody may be looking."""
EVERY = 30.0
"""Seconds between two words about the same wait."""


def run(work: Coroutine[Any, Any, T], kept: str | Callable[[], str] = "") -> T:
    """Run `work` to its end; Ctrl-C cancels it and raises `Interrupted`, which tells what is `kept`, as it
    then is.
    """
    models = logging.getLogger("deepeyes.models")
    teller, level = _Notes(), models.level
    models.addHandler(teller)
    models.setLevel(logging.INFO)
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        told = kept if isinstance(kept, str) else kept()
        raise Interrupted("interrupted", told or "give --trace DIR to keep what happened") from None
    finally:
        models.removeHandler(teller)
        models.setLevel(level)


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        note(visible(record.getMessage()))


def note(text: str) -> None:
    """Something that the user should know, apart from the answer."""
    print(f"note: {text}", file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Something that the user should look at before the results are used."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


@contextmanager
def waiting(what: str, so_far: Callable[[], str] = str) -> Generator[None]:
    """Tell that the block is at `what` ("loading nano"), that it still is, and what is done `so_far`."""
    over, begun = threading.Event(), time.monotonic()

    def tell() -> None:
        if over.wait(0 if sys.stderr.isatty() else PATIENCE):
            return
        note(visible(f"{what} ..."))
        while not over.wait(EVERY):
            done = so_far()
            note(visible(f"still {what} ({time.monotonic() - begun:.0f} s){done and f': {done}'}"))

    teller = threading.Thread(target=tell, name="waiting", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
