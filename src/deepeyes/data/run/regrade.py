"""Striking verdicts when a recipe grades otherwise than before: what was answered stays, and is graded anew
when its stage runs again; no model is asked a second time.

What always holds: a folder of episodes is rewritten whole or not at all, and can be struck twice; traces that
came with their own verdict are left as they are.
"""

from __future__ import annotations

from pathlib import Path

from deepeyes.core.files import write_lines
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import TRACES_FILE, Trace, read_traces
from deepeyes.data.run.folder import RunFolder


def strike_verdicts(run: RunFolder, stores: list[str]) -> None:
    """Have every answer in these `stores` await its verdict. Raises `StorageError` and `InputError`."""
    for store in stores:
        for path in sorted(run.store(store).glob(f"*/{TRACES_FILE}")):
            _strike(path)


def _strike(path: Path) -> None:
    write_lines(path, (_struck(trace).model_dump_json() for trace in read_traces(path)))


def _struck(trace: Trace) -> Trace:
    graded = trace.verdict is not None and trace.answer is not None and trace.stop_reason.is_result
    return trace.ungraded(StopReason.interrupted) if graded else trace
