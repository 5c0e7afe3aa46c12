"""Calls as Mistral writes them: `[TOOL_CALLS]` and a list, or names each with its object."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from deepeyes.core.actions import RawToolCall
from deepeyes.dialects.calls.written import Written, call_of, unreadable, value_at

_MARK = "[TOOL_CALLS]"
_NAMED = re.compile(r"\s*([\w.\-]{1,200})(?:\[CALL_ID\][\w\-]{0,100})?(?:\[ARGS\])?\s*(?=\{)")


def read(text: str) -> Written | None:
    """See `Reader`."""
    before, mark, rest = text.partition(_MARK)
    if not mark:
        return None
    listed = value_at(rest, 0)
    if listed is not None:
        value = listed[0]
        values = cast("list[Any]", value) if isinstance(value, list) else [value]
        return Written(before, tuple(call_of(one) or unreadable(json.dumps(one)) for one in values))
    return Written(before, tuple(_named(piece) for piece in rest.split(_MARK)))


def _named(piece: str) -> RawToolCall:
    named = _NAMED.match(piece)
    found = value_at(piece, named.end()) if named else None
    if named is None or found is None:
        return unreadable(piece)
    return RawToolCall(name=named[1], arguments=json.dumps(found[0]))
