"""Options that stand in one text, as files of questions keep them.

What always holds: a text is read and never run, and one whose options are in doubt gives none: a wrong option
makes wrong verdicts.
"""

from __future__ import annotations

import re
from ast import literal_eval

from deepeyes.core.text import read_json

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTERED = re.compile(r"(?<!\S)[(（]?([A-Z])[.):．、：）]\s*")
"""What stands before an option."""
_LONGEST = 20_000
"""Characters of a text that is read other than as JSON."""


def options_in(text: str) -> object:
    """The options that a text holds: JSON, a list as Python prints it, or "A. red B. blue", where the letters
    run from A without a gap. None if it holds none.
    """
    if (value := read_json(text)) is not None or len(text) > _LONGEST:
        return value
    if text.lstrip().startswith("["):
        try:
            return literal_eval(text.strip())  # reads literals, and runs nothing
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    marks: list[re.Match[str]] = []
    for mark in _LETTERED.finditer(text):
        if mark[1] == _LETTERS[len(marks) : len(marks) + 1]:
            marks.append(mark)
    if len(marks) < 2 or text[: marks[0].start()].strip():
        return None
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [text[mark.end() : end].strip(" \t\r\n,;|") for mark, end in zip(marks, ends, strict=True)]
