"""What is sent to a chat-completions server, as pure functions: messages, settings and tools to JSON."""

from __future__ import annotations

import json
from typing import Any

from deepeyes.core.actions import ToolSpec
from deepeyes.core.messages import ImagePart, Message, TextPart
from deepeyes.core.sampling import Sampling
from deepeyes.models.openai_images import data_url

Json = dict[str, Any]


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
