"""JSON files on disk, read with an error that says which file, which line and what to do.

`text.read_json` is for JSON that a model or a server sent. What always holds: a file that is missing, cut
short or nested beyond reason is one error of the reader's choice, never another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepeyes.core.errors import DeepEyesError, InputError, boundary

_BROKEN = (OSError, ValueError, RecursionError)


def read_json_file(path: Path, remedy: str, error: type[DeepEyesError] = InputError) -> Any:
    """The value in the file at `path`."""
    with boundary(error, f"reading {path}", remedy, expected=_BROKEN):
        return json.loads(path.read_text("utf-8"))


def read_json_lines(
    path: Path, remedy: str, error: type[DeepEyesError] = InputError
) -> Iterator[tuple[int, Any]]:
    """The values of a file with one a line, each with the line's number; blank lines hold none."""
    with boundary(error, f"reading {path}", "give a UTF-8 file that is there", expected=_BROKEN):
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    with boundary(error, f"reading line {number} of {path}", remedy, expected=_BROKEN):
                        value = json.loads(line)
                    yield number, value
