"""Calls as Hermes and Qwen write them: a JSON object in `<tool_call>` tags."""

from __future__ import annotations

from deepeyes.core.actions import RawToolCall
from deepeyes.dialects.calls.written import Written, call_of, unreadable, value_at

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"


def read(text: str) -> Written | None:
    """See `Reader`. A closing tag may be missing: servers cut it off."""
    begin = text.find(_OPEN)
    if begin < 0:
        return None
    calls: list[RawToolCall] = []
    place = begin
    while (place := text.find(_OPEN, place)) >= 0:
        place += len(_OPEN)
        found = value_at(text, place)
        call = call_of(found[0]) if found else None
        end = text.find(_CLOSE, place)
        inside = text[place : end if end >= 0 else len(text)]
        calls.append(call or unreadable(inside))
        place = found[1] if found else place
    return Written(text[:begin], tuple(calls))
