"""The curve of a run: `curves.jsonl`, a line of numbers a step, which plots, alarms and pages read.

What always holds: reading it needs no library, so that a page can be made where nothing can be trained; a
line that a kill tore is none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CURVES = "curves.jsonl"


def curves(out: Path) -> list[dict[str, Any]]:
    """All whole lines of `curves.jsonl`."""
    path = out / CURVES
    if not path.exists():
        return []
    lines = path.read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1] if line.endswith("}")]
