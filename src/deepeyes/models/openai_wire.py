"""What is sent to a chat-completions server, as pure functions: messages, settings and tools to JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deepeyes.core.actions import ToolSpec
from deepeyes.core.messages import ImagePart, Message, TextPart
from deepeyes.core.sampling import Sampling
from deepeyes.models.base import OnText
from deepeyes.models.openai_images import data_url, sent_as

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What is asked for, before it is known what the server takes."""

    body: Json
    read: int
    """Tokens in it by our guess, which counts where the server tells none."""
    stop: Sequence[str] = ()
    on_text: OnText | None = None
    notes: tuple[str, ...] = ()
    """What the trace should tell of how its images are sent."""


def wire_messages(messages: Sequence[Message]) -> tuple[list[Json], tuple[str, ...]]:
    """The messages as JSON, and what the trace should tell of how their images were sent."""
    notes = tuple(note for message in messages for part in message.images if (note := sent_as(part)))
    return [wire_message(message) for message in messages], notes


def guessed_tokens(messages: Sequence[Message]) -> int:
    """Tokens that the messages come to, for want of the server's own count: four characters or 750 pixels
    each.
    """
    views = sum(part.view_width * part.view_height for message in messages for part in message.images)
    return sum(len(message.text) for message in messages) // 4 + views // 750


def wire_message(message: Message) -> Json:
    """One message as JSON; images are data URLs, see `openai_images`."""
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text}
    if message.role == "assistant":
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in message.tool_calls
        ]
        wire: Json = {"role": "assistant", "content": message.text or (None if calls else "")}
        return {**wire, "tool_calls": calls} if calls else wire
    if not message.images:
        return {"role": message.role, "content": message.text}
    return {"role": message.role, "content": [_wire_part(part) for part in message.parts]}


def wire_sampling(sampling: Sampling) -> Json:
    """The settings as the fields of a request. What only some servers know (vLLM and SGLang know all) is sent
    where it is asked for: a server that does not know it refuses the request.
    """
    always: Json = {"temperature": sampling.temperature, "seed": sampling.seed}
    asked = sampling.model_dump(exclude_defaults=True, exclude={"temperature", "seed"}, mode="json")
    return {**always, **asked}


def wire_tool(spec: ToolSpec) -> Json:
    return {"type": "function", "function": spec.model_dump()}


def _wire_part(part: TextPart | ImagePart) -> Json:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": data_url(part)}}
