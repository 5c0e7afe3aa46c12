"""Calls as GLM writes them: a name in `<tool_call>` tags, then `<arg_key>` and `<arg_value>` in turn."""

from __future__ import annotations

import json
import re

from deepeyes.core.actions import RawToolCall
from deepeyes.dialects.calls.written import Written

_CALL = re.compile(r"<tool_call>\s*([\w.\-]{1,200})\s*(?=<arg_key>|</tool_call>|\Z)")
_PAIR = re.compile(r"<arg_key>([^<]{1,200})</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)


def read(text: str) -> Written | None:
    """See `Reader`."""
    found = list(_CALL.finditer(text))
    if not found:
        return None
    ends = [*(one.start() for one in found[1:]), len(text)]
    calls = [_call(one[1], text[one.end() : end]) for one, end in zip(found, ends, strict=True)]
    return Written(text[: found[0].start()], tuple(calls))


def _call(name: str, body: str) -> RawToolCall:
    pairs = {pair[1].strip(): pair[2].strip("\n") for pair in _PAIR.finditer(body)}
    return RawToolCall(name=name, arguments=json.dumps(pairs))
