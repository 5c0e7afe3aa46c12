"""The dialect `native`: the server's own tool calls (OpenAI chat completions).

Tools are given as schemas, the reply's `tool_calls` are the actions and plain text is the answer. Images
cannot stand in a tool message on most servers, so a result is a tool message with the text and, when there
are images, a user message that shows them. What always holds: a call that the server left in the text is
made all the same, or refused with its reason, and is never an answer; its result is a user message, because
no server knows of the call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

from deepeyes.core.actions import (
    Action,
    AnswerAction,
    CallAction,
    Malformed,
    RawToolCall,
    ToolCall,
    ToolSpec,
)
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.results import Observation
from deepeyes.core.text import one_line, read_json
from deepeyes.dialects.base import SafeDialect
from deepeyes.dialects.calls.registry import READERS, holds_marks, written_calls
from deepeyes.dialects.deepeyes_v2_parse import holds_action, holds_tags, parse
from deepeyes.dialects.neutralise import neutralise
from deepeyes.dialects.words import newline_ended

_SYSTEM = """\
You answer questions about pictures. {tools}When you are sure, reply with the answer alone, as short as the
question allows: a word, a number or a phrase."""

_TOOLS = """\
Look closer, measure or look things up with the functions you are given, one call at a time, whenever that
makes you surer; when you already see the answer, give it at once. In Python the pictures are PIL images
named image_1, image_2 and so on, at full size, while you may be shown them smaller: the line beside each
picture gives both sizes. display(picture) shows you a picture, which becomes the next image_N.
"""

_ONE_CALL = "Make one call at a time and wait for its result."
_LOST_CALL = (
    "A call was begun in the text and cannot be read. Make it as a function call, or write the answer."
)
_TAGS = "The reply holds tags. Write the answer alone, without any."
_QUOTED = 200
"""Characters of unreadable arguments that the model is shown again."""


@dataclass(frozen=True)
class Native(SafeDialect):
    """`calls` names how calls in the text are written (a key of `READERS`); empty to go by their marks."""

    calls: str = ""

    @classmethod
    def with_prompt(cls, prompt: str) -> Self:
        return cls(prompt if prompt in READERS else "")

    @property
    def name(self) -> str:
        return "native"

    @property
    def stop(self) -> tuple[str, ...]:
        return ()

    @property
    def server_tools(self) -> bool:
        return True

    def system(self, tools: Sequence[ToolSpec]) -> str | None:
        return _SYSTEM.format(tools=_TOOLS if tools else "")

    def parse(self, text: str, tool_calls: Sequence[RawToolCall] = ()) -> Action:
        thought, said = _split_thought(text)
        if tool_calls:
            return _read_calls(_joined(thought, said), tool_calls)
        if (written := written_calls(said, self.calls)) is not None:
            return _read_calls(_joined(thought, written.before.strip()), written.calls)
        if holds_action(said):  # a model that was trained on the tags speaks in them
            action = parse(said)
            return action.model_copy(update={"thought": _joined(thought, action.thought)})
        if holds_marks(said):
            return Malformed(thought=thought, reason=_LOST_CALL)
        if holds_tags(said):
            return Malformed(thought=thought, reason=_TAGS)
        if not said:
            return Malformed(
                thought=thought, reason="The reply is empty. Call a function or write the answer."
            )
        return AnswerAction(thought=thought, text=said)

    def correction(self, mistake: Malformed, turns_left: int) -> tuple[Message, ...]:
        if mistake.call_ids:
            return tuple(_tool_message(call_id, mistake.reason) for call_id in mistake.call_ids)
        return (Message.make("user", mistake.reason),)

    def _first(self, question: str, images: Sequence[ImagePart]) -> Message:
        return Message.make("user", *_shown(images), question)

    def _observed(self, action: Action, said: str, seen: Observation, turns_left: int) -> tuple[Message, ...]:
        text = newline_ended(said) + newline_ended(seen.stderr)
        if seen.images:
            text += f"(pictures: {', '.join(image.name for image in seen.images)}, shown next)\n"
        if seen.dropped_images:
            text += f"({seen.dropped_images} more pictures were left out: show fewer at a time)\n"
        if turns_left == 1:
            text += "This is your last turn: answer now.\n"
        text = text or "(no output)"
        call_id = action.call.id if isinstance(action, CallAction) else ""
        if not call_id:
            return (Message.make("user", f"Output of {seen.tool}:\n", text, *_shown(seen.images)),)
        messages = [_tool_message(call_id, text)]
        if seen.images:
            messages.append(Message.make("user", *_shown(seen.images)))
        return tuple(messages)


def _joined(*thoughts: str) -> str:
    return "\n".join(filter(None, thoughts))


def _tool_message(call_id: str, text: str) -> Message:
    return Message.make("tool", text).model_copy(update={"tool_call_id": call_id})


def _shown(images: Sequence[ImagePart]) -> list[str | ImagePart]:
    parts: list[str | ImagePart] = []
    for image in images:
        size, seen = f"{image.ref.width}x{image.ref.height}", f"{image.view_width}x{image.view_height}"
        parts += [f"{image.name}: {size} pixels, shown to you at {seen}\n", image, "\n"]
    return parts


def _split_thought(text: str) -> tuple[str, str]:
    """(thought, rest): models that reason in the content mark it with <think>."""
    before, closed, rest = text.rpartition("</think>")
    if not closed:
        thought, opened, inside = text.partition("<think>")
        return (inside.strip(), thought.strip()) if opened else ("", text.strip())
    return re.sub(r"</?think>", "", before).strip(), rest.strip()


def _read_calls(thought: str, calls: Sequence[RawToolCall]) -> Action:
    ids = tuple(call.id for call in calls if call.id)
    if len(calls) > 1:
        return Malformed(thought=thought, reason=_ONE_CALL, call_ids=ids)
    call = calls[0]
    arguments: Any = read_json(call.arguments or "{}")
    if not call.name or not isinstance(arguments, dict):
        wrote = neutralise(one_line(call.arguments, _QUOTED))
        reason = (
            f"The function's arguments must be one JSON object, and these are not: {wrote} Call it again."
        )
        return Malformed(thought=thought, reason=reason, call_ids=ids)
    return CallAction(
        thought=thought,
        call=ToolCall(name=call.name, arguments=cast("dict[str, Any]", arguments), id=call.id),
    )
