"""Calls as Qwen3-Coder writes them: `<function=NAME>` around `<parameter=KEY>` tags."""

from __future__ import annotations

import json
import re

from deepeyes.core.actions import RawToolCall
from deepeyes.dialects.calls.written import Written

_FUNCTION = re.compile(r"<function=([^<>\s]{1,200})>")
_PARAMETER = re.compile(r"<parameter=([^<>\s]{1,200})>")
_END = re.compile(r"</parameter>|(?=<parameter=)|(?=</function>)|\Z")


def read(text: str) -> Written | None:
    """See `Reader`. A value is the lines between its tags; code keeps its indentation."""
    functions = list(_FUNCTION.finditer(text))
    if not functions:
        return None
    begin = functions[0].start()
    wrapped = text[:begin].rstrip().endswith("<tool_call>")
    before = text[: text.rindex("<tool_call>", 0, begin)] if wrapped else text[:begin]
    ends = [*(one.start() for one in functions[1:]), len(text)]
    calls = [_call(one[1], text[one.end() : end]) for one, end in zip(functions, ends, strict=True)]
    return Written(before, tuple(calls))


def _call(name: str, body: str) -> RawToolCall:
    arguments: dict[str, str] = {}
    place = 0
    while (parameter := _PARAMETER.search(body, place)) is not None:
        end = _END.search(body, parameter.end())
        place = end.end() if end else len(body)
        value = body[parameter.end() : end.start() if end else len(body)]
        arguments[parameter[1]] = value.removeprefix("\n").removesuffix("\n")
    return RawToolCall(name=name, arguments=json.dumps(arguments))
