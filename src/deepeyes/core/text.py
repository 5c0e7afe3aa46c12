"""Text that came from outside: made to survive JSON, and to fit where it is shown.

Sandboxes, servers and models can produce lone surrogates, which no UTF-8 file can hold. `Text` is a `str`
field that replaces them on the way in, so that writing a trace never fails on what a tool printed.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, cast

from pydantic import BeforeValidator

MAX_DEPTH = 20
"""Lists and objects inside each other in JSON from outside. Pydantic reads back no more than 200."""

# Control characters, marks of direction and width that nobody sees, and lone surrogates.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")


def encodable(text: str) -> str:
    """The same text with lone surrogates replaced by "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def encodable_json(value: Any, depth: int = MAX_DEPTH) -> Any:
    """The same JSON value with `encodable` strings; raises `ValueError` if nested deeper than `depth`."""
    if isinstance(value, str):
        return encodable(value)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, list):
        return [encodable_json(item, depth - 1) for item in cast("list[Any]", value)]
    items = cast("dict[str, Any]", value).items()
    return {encodable(key): encodable_json(item, depth - 1) for key, item in items}


def cut_middle(text: str, max_chars: int) -> str:
    """At most about `max_chars` of `text`: head and tail, with a mark that says how much is missing."""
    if len(text) <= max_chars:
        return text
    tail = max_chars // 2
    head = max_chars - tail
    missing = len(text) - max_chars
    return f"{text[:head]}\n[... {missing:,} characters cut ...]\n{text[len(text) - tail :]}"


def tidy(text: str, max_chars: int) -> str:
    """`text` without control characters and lone surrogates, single-spaced, its first `max_chars`."""
    return " ".join(_CONTROL.sub(" ", text[: 2 * max_chars]).split())[:max_chars]


def one_line(text: str, max_chars: int) -> str:
    """`text` without line breaks and control characters; ends with " ..." where it is cut to `max_chars`."""
    line = " ".join(_CONTROL.sub(" ", text[: 4 * max_chars]).split())
    return line if len(line) <= max_chars else f"{line[: max_chars - 4].rstrip()} ..."


def _encodable(value: Any) -> Any:
    return encodable(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_encodable)]


def read_json(text: str) -> Any:
    """The JSON value in `text`, fit for a trace; None if it is not JSON or nested beyond reason."""
    try:
        return encodable_json(json.loads(text))
    except (ValueError, RecursionError):
        return None
