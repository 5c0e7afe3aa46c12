"""Text that came from outside and must survive JSON.

Sandboxes, servers and models can produce lone surrogates, which no UTF-8 file can hold. `Text` is a `str`
field that replaces them on the way in, so that writing a trace never fails on what a tool printed.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator


def encodable(text: str) -> str:
    """The same text with lone surrogates replaced by "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def cut_middle(text: str, max_chars: int) -> str:
    """At most about `max_chars` of `text`: head and tail, with a mark that says how much is missing."""
    if len(text) <= max_chars:
        return text
    tail = max_chars // 2
    head = max_chars - tail
    missing = len(text) - max_chars
    return f"{text[:head]}\n[... {missing:,} characters cut ...]\n{text[len(text) - tail :]}"


def _encodable(value: Any) -> Any:
    return encodable(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_encodable)]
