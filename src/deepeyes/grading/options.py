"""Options that stand in one text, as files of questions keep them.

What always holds: a text is read and never run, and one whose options are in doubt gives none: a wrong option
makes wrong verdicts.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Sequence

from deepeyes.core.text import read_json

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTERED = re.compile(r"(?<!\S)[(（]?([A-Z])[.):．、：）]\s*")
"""What stands before an option."""
_LONGEST = 20_000
"""Characters of a text that is read other than as JSON."""


def with_options(question: str, options: Sequence[str]) -> str:
    """The question with its options below it, each with its letter, unless it names their letters itself or
    they are the letters (of what its image shows).
    """
    letters = _LETTERS[: len(options)]
    named = "".join(mark[1] for mark in _LETTERED.finditer(question))
    if not options or letters in named or [option.strip(" ().") for option in options] == list(letters):
        return question
    lines = (f"{letter}. {option}" for letter, option in zip(letters, options, strict=False))
    return "\n".join((question.rstrip(), *lines))


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
