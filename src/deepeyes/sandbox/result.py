"""What a cell gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from PIL import Image

Status = Literal["ok", "error", "timeout", "crashed", "session_lost"]


@dataclass(frozen=True)
class CellResult:
    """The outcome of one cell.

    `error`, `timeout` and `crashed` are the model's doing and the session goes on; `session_lost` means that
    the session is gone (its process broke the rules or the sandbox died) and every later call says the same.
    """

    status: Status
    stdout: str = ""
    stderr: str = ""
    """What was printed there, then the traceback or the reason the cell was stopped."""
    result: str | None = None
    """repr of the last expression; None when there is none or it was shown as an image."""
    images: list[Image.Image] = field(default_factory=list[Image.Image])
    """RGB images in order of display."""
    dropped: int = 0
    """Images shown beyond the limit."""
    restored: bool = False
    """Whether the variables were put back to what they were before the cell."""
    seconds: float = 0.0
    """Wall time from getting a run slot to the answer."""
