"""Calls as Llama writes them: the whole reply is a JSON object, or a list of such, with or without
`<|python_tag|>` or a code fence around it.
"""

from __future__ import annotations

import re
from typing import Any, cast

from deepeyes.dialects.calls.written import Written, call_of, value_at

_MARK = "<|python_tag|>"
_FENCE = re.compile(r"^```(?:json|tool_call)?[ \t]*\n(.*)\n```$", re.DOTALL)


def read(text: str) -> Written | None:
    """See `Reader`. Objects one after the other, with `;` between them, are several calls."""
    before, mark, rest = text.rpartition(_MARK)
    body = rest.strip()
    if fenced := _FENCE.match(body):
        body = fenced[1].strip()
    values: list[Any] = []
    place = 0
    while place < len(body):
        found = value_at(body, place)
        if found is None:
            return None
        values.append(found[0])
        place = found[1]
        while place < len(body) and (body[place].isspace() or body[place] == ";"):
            place += 1
    if len(values) == 1 and isinstance(values[0], list):
        values = cast("list[Any]", values[0])
    calls = [call_of(value) for value in values if _says_call(value)]
    if not calls or len(calls) < len(values) or None in calls:
        return None
    return Written(before if mark else "", tuple(call for call in calls if call is not None))


def _says_call(value: Any) -> bool:
    """Whether an object names its arguments: one with a name alone may well be an answer."""
    if not isinstance(value, dict):
        return False
    fields = cast("dict[str, Any]", value)
    inner = fields.get("function")
    held = cast("dict[str, Any]", inner) if isinstance(inner, dict) else fields
    return "arguments" in held or "parameters" in held
