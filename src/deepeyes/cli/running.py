"""What asking verbs share: running to the end, Ctrl-C, and notes on stderr.

What always holds: what the model layer logs, of a wait or of money spent, is such a note; Ctrl-C becomes
`Interrupted` after everything inside has closed and kept what it had.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from deepeyes.core.errors import Interrupted
from deepeyes.view.visible import visible

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], kept: str = "") -> T:
    """Run `work` to its end; Ctrl-C cancels it and raises `Interrupted`, which tells what is `kept`."""
    models = logging.getLogger("deepeyes.models")
    teller, level = _Notes(), models.level
    models.addHandler(teller)
    models.setLevel(logging.INFO)
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise Interrupted("interrupted", kept or "give --trace DIR to keep what happened") from None
    finally:
        models.removeHandler(teller)
        models.setLevel(level)


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        note(visible(record.getMessage()))


def note(text: str) -> None:
    """Something that the user should know, apart from the answer."""
    print(f"note: {text}", file=sys.stderr)


def warn(text: str) -> None:
    """Something that the user should look at before the results are used."""
    print(f"warning: {text}", file=sys.stderr)
