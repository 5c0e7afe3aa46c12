"""What every reader of written calls gives, and what they share.

What always holds: a reader is total and pure. It finds calls by marks that no answer holds, takes what stands
between them as it is, and repairs nothing: arguments that are no JSON are handed on as they were written, so
that the model is told of its mistake.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from deepeyes.core.actions import RawToolCall

_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Written:
    """The calls in a reply and the words before them."""

    before: str
    calls: tuple[RawToolCall, ...]


class Reader(Protocol):
    def __call__(self, text: str) -> Written | None:
        """The calls in `text`; None if it holds no mark of this way of writing them."""
        ...


def value_at(text: str, place: int) -> tuple[Any, int] | None:
    """The JSON value at `place`, or behind blanks there, and where it ends; None if there is none."""
    while place < len(text) and text[place].isspace():
        place += 1
    try:
        return _DECODER.raw_decode(text, place)
    except (ValueError, RecursionError):
        return None


def call_of(value: Any) -> RawToolCall | None:
    """The call that a JSON object is, in the usual spellings of its fields; None if it is none."""
    if not isinstance(value, dict):
        return None
    fields = cast("Mapping[str, Any]", value)
    inner = fields.get("function")
    if isinstance(inner, dict):
        fields = cast("Mapping[str, Any]", inner)
    name = fields.get("name", inner if isinstance(inner, str) else None)
    arguments = next((fields[key] for key in ("arguments", "parameters", "args") if key in fields), None)
    if not isinstance(name, str) or not name.strip() or not isinstance(arguments, dict | str | None):
        return None
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    return RawToolCall(name=name.strip(), arguments=text)


def unreadable(inside: str) -> RawToolCall:
    """What stands where a call should be, for the dialect to tell the model of."""
    return RawToolCall(arguments=inside.strip()[:2_000] or "(nothing)")
