"""Reads a `deepeyes_v2` reply: any text becomes exactly one Action, and nothing is ever repaired.

The rules, in order:
1. Thought: `<think>` blocks, and whatever plain text stands before the action. A reply may start inside its
   thought (templates that open `<think>` for the model). Tags inside a thought mean nothing; an unclosed
   thought is Malformed.
2. The first `<code>`, `<tool_call>` or `<answer>` outside thoughts is the action. Its content ends at the
   first closing tag, for code at the first closing fence that stands before `</code>`. Code must be one
   fenced block and is taken character for character.
3. After the action, plain text and thoughts are ignored; a second action tag makes the reply Malformed.
4. No action, an unclosed tag, a missing fence, a second fenced block, bad JSON, empty code, an empty answer
   or one that holds tags: Malformed, with a reason that says what to write instead and quotes nothing of the
   reply.
"""

from __future__ import annotations

import re
from typing import Any, cast

from deepeyes.core.actions import (
    Action,
    AnswerAction,
    CallAction,
    CodeAction,
    Malformed,
    ToolCall,
    python_tree,
)
from deepeyes.core.text import read_json

ENDS = ("</code>", "</tool_call>", "</answer>")
"""What closes an action; models behind servers are stopped there."""

_OPEN = re.compile(r"<(think|code|tool_call|answer)>")
_ACTION = re.compile(r"<(code|tool_call|answer)>")
_TAG = re.compile(r"</?(?:think|code|tool_call|answer)>")
_SECOND_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)
_FENCED = re.compile(r"\s*```(?:python3?|py)?[ \t]*\r?\n(.*?)\n?```\s*</code>", re.DOTALL | re.IGNORECASE)


def parse(text: str) -> Action:
    """The action in `text`, or why there is none."""
    thought, kind, body = _split(text)
    if kind == "unclosed":
        return Malformed(thought=thought, reason="<think> is not closed. Write </think>, then one action.")
    if kind == "code":
        action, rest = _code(thought, body)
    elif kind == "tool_call":
        action, rest = _call(thought, body)
    elif kind == "answer":
        action, rest = _answer(thought, body)
    else:
        reason = "There is no action. After </think> write one of <code>, <tool_call> or <answer>."
        return Malformed(thought=thought, reason=reason)
    if action.kind != "malformed" and _second_action(rest):
        reason = "There is more than one action. Write exactly one, then stop and wait for its result."
        return Malformed(thought=thought, reason=reason)
    return action


def _split(text: str) -> tuple[str, str, str]:
    """(thought, name of the action tag, what follows it)."""
    thoughts: list[str] = []
    rest = text
    opened, closed = text.find("<think>"), text.find("</think>")
    if closed >= 0 and (opened < 0 or closed < opened):
        thoughts.append(text[:closed])
        rest = text[closed + len("</think>") :]
    while True:
        tag = _OPEN.search(rest)
        if tag is None:
            thoughts.append(rest)
            return _join(thoughts), "none", ""
        thoughts.append(rest[: tag.start()])
        rest = rest[tag.end() :]
        if tag[1] != "think":
            return _join(thoughts), tag[1], rest
        inside, end, rest = rest.partition("</think>")
        thoughts.append(inside)
        if not end:
            return _join(thoughts), "unclosed", ""


def _join(thoughts: list[str]) -> str:
    return "\n".join(stripped for thought in thoughts if (stripped := thought.strip()))


def _code(thought: str, body: str) -> tuple[Action, str]:
    fenced = _FENCED.match(body)
    if fenced is None:
        if "</code>" not in body:
            reason = "<code> is not closed. End the block with ``` and </code>."
        else:
            reason = "Inside <code> there must be one fenced block: ```python, the code, ```, then </code>."
        return Malformed(thought=thought, reason=reason), ""
    if _SECOND_FENCE.search(fenced[1]) and python_tree(fenced[1]) is None:
        reason = "There is more than one fenced block inside <code>. Write one block with all the code."
        return Malformed(thought=thought, reason=reason), ""
    if not fenced[1].strip():
        return Malformed(thought=thought, reason="The code is empty. Write Python between the fences."), ""
    return CodeAction(thought=thought, code=fenced[1]), body[fenced.end() :]


def _call(thought: str, body: str) -> tuple[Action, str]:
    inside, end, rest = body.partition("</tool_call>")
    if not end:
        return Malformed(thought=thought, reason="<tool_call> is not closed. End it with </tool_call>."), ""
    call = read_call(inside)
    if call is None:
        shape = '{"name": "...", "arguments": {...}}'
        return Malformed(thought=thought, reason=f"Inside <tool_call> there must be JSON like {shape}."), ""
    return CallAction(thought=thought, call=call), rest


def _answer(thought: str, body: str) -> tuple[Action, str]:
    inside, end, rest = body.partition("</answer>")
    if not end:
        return Malformed(thought=thought, reason="<answer> is not closed. End it with </answer>."), ""
    if not inside.strip():
        return Malformed(
            thought=thought, reason="The answer is empty. Write it inside <answer></answer>."
        ), ""
    if holds_tags(inside):
        reason = "The answer holds tags. Write the answer alone inside <answer></answer>."
        return Malformed(thought=thought, reason=reason), ""
    return AnswerAction(thought=thought, text=inside.strip()), rest


def holds_action(text: str) -> bool:
    """Whether a tag that opens an action stands in `text`."""
    return _ACTION.search(text) is not None


def holds_tags(text: str) -> bool:
    """Whether a tag of the dialect stands in `text`, which is then no answer."""
    return _TAG.search(text) is not None


def _second_action(rest: str) -> bool:
    """Whether an action tag stands in `rest` outside thoughts."""
    return _ACTION.search(re.sub(r"<think>.*?(?:</think>|\Z)", "", rest, flags=re.DOTALL)) is not None


def read_call(text: str) -> ToolCall | None:
    """A tool call from its JSON text; None if it is anything else."""
    value = read_json(text)
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    name, arguments = fields.get("name"), fields.get("arguments", {})
    if not isinstance(name, str) or not name.strip() or not isinstance(arguments, dict):
        return None
    return ToolCall(name=name.strip(), arguments=cast("dict[str, Any]", arguments))
