"""Calls as DeepSeek writes them, between tokens of its own: `function`, a name and a fenced object in V3 and
R1, a name and an object in V3.1.
"""

from __future__ import annotations

import json
import re

from deepeyes.core.actions import RawToolCall
from deepeyes.dialects.calls.written import Written, unreadable, value_at

# The bars of the tokens are full-width and their blanks are blocks; some servers print plain ones.
_BEGIN, _END, _SEP = (
    re.compile(rf"<[|｜]tool[▁_]{name}[|｜]>") for name in ("call[▁_]begin", "call[▁_]end", "sep")
)
_ALL = re.compile(r"<[|｜]tool[▁_]calls[▁_]begin[|｜]>")
_FENCE = re.compile(r"\s*```(?:json)?\s*")


def read(text: str) -> Written | None:
    """See `Reader`."""
    before, *pieces = _BEGIN.split(text)
    if not pieces:
        return None
    return Written(_ALL.split(before)[0], tuple(_call(_END.split(piece)[0]) for piece in pieces))


def _call(inside: str) -> RawToolCall:
    kind, *rest = _SEP.split(inside, maxsplit=1)
    if not rest:
        return unreadable(inside)
    name, body = kind.strip(), rest[0]
    if name in ("function", ""):
        name, _, body = body.partition("\n")
    fence = _FENCE.match(body)
    found = value_at(body, fence.end() if fence else 0)
    if found is None or not name.strip():
        return unreadable(inside)
    return RawToolCall(name=name.strip(), arguments=json.dumps(found[0]))
