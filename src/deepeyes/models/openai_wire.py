"""The chat-completions wire format as pure functions: messages to JSON, JSON and event streams back.

What always holds: whatever a server sends, reading it gives a Completion or raises `Unreadable`; no other
exception leaves this file. Servers cut the stop string off; `finished` puts it back where the server says
which it was, and a dialect's closing tag also where it does not, so a reply looks the same whoever generated
it.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from deepeyes.core.actions import RawToolCall, ToolSpec
from deepeyes.core.messages import ImagePart, Message, TextPart
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Usage
from deepeyes.models.base import Completion

Json = dict[str, Any]


class Unreadable(Exception):
    """The server's answer is not a chat completion."""


def wire_message(message: Message) -> Json:
    """One message as JSON; images are PNG data URLs at the size the model sees them."""
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


def read_completion(data: Any) -> Completion:
    """A whole (not streamed) answer."""
    choice = _first_choice(data)
    message = _mapping(choice.get("message"))
    reply = Accumulator()
    reply.add_delta(message)
    reply.finish_reason = str(choice.get("finish_reason") or "stop")
    reply.stopped_by = stopped_by(choice)
    reply.add_logprobs(choice.get("logprobs"))
    reply.usage = _usage(_mapping(data).get("usage"))
    return reply.completion()


def finished(completion: Completion, stopped_by: object, stop: Sequence[str]) -> Completion:
    """The reply cut where its first stop string ends, or with the one that the server cut off put back.

    Log-probabilities of a reply that is cut are dropped: which of them belong to what is left is not known.
    """
    text = completion.text
    ends = [place + len(mark) for mark in stop if (place := text.find(mark)) >= 0]
    if ends:
        logprobs = completion.logprobs if min(ends) == len(text) else None
        return replace(completion, text=text[: min(ends)], finish_reason="stop", logprobs=logprobs)
    if isinstance(stopped_by, str) and stopped_by in stop:
        return replace(completion, text=text + stopped_by, finish_reason="stop")
    if completion.finish_reason == "stop":
        opened = [(place, mark) for mark in stop if (place := text.rfind(mark.replace("</", "<", 1))) >= 0]
        if opened:
            return replace(completion, text=text + max(opened)[1])
    return completion


@dataclass
class Accumulator:
    """A reply that comes in pieces."""

    text: str = ""
    thought: str = ""
    """What servers with a reasoning parser send apart from the text."""
    finish_reason: str = ""
    stopped_by: object = None
    usage: Usage = Usage()
    calls: dict[int, Json] = field(default_factory=dict[int, Json])
    logprobs: list[float] = field(default_factory=list[float])

    def add_event(self, data: str) -> str:
        """Take one `data:` payload of an event stream; returns the new text."""
        try:
            event = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise Unreadable("a damaged event") from error
        fields = _mapping(event)
        if fields.get("usage"):
            self.usage = _usage(fields["usage"])
        if not fields.get("choices"):
            if "error" in fields:
                raise Unreadable("an error in the middle of the stream")
            return ""
        choice = _first_choice(event)
        before = len(self.text)
        self.add_delta(_mapping(choice.get("delta")))
        self.add_logprobs(choice.get("logprobs"))
        self.finish_reason = str(choice.get("finish_reason") or self.finish_reason)
        self.stopped_by = stopped_by(choice) or self.stopped_by
        return self.text[before:]

    def add_delta(self, delta: Mapping[str, Any]) -> None:
        self.text += _string(delta.get("content")) or _string(delta.get("refusal"))
        self.thought += _string(delta.get("reasoning_content")) or _string(delta.get("reasoning"))
        for number, piece in enumerate(_list(delta.get("tool_calls"))):
            call = _mapping(piece)
            index = call.get("index", number)
            known = self.calls.setdefault(index if isinstance(index, int) else number, {})
            function = _mapping(call.get("function"))
            known["id"] = _string(call.get("id")) or known.get("id", "")
            known["name"] = known.get("name", "") + _string(function.get("name"))
            known["arguments"] = known.get("arguments", "") + _string(function.get("arguments"))

    def add_logprobs(self, logprobs: Any) -> None:
        for token in _list(_mapping(logprobs).get("content")):
            value = _mapping(token).get("logprob")
            if isinstance(value, int | float):
                self.logprobs.append(float(value))

    def completion(self) -> Completion:
        thought = f"<think>{self.thought}</think>\n" if self.thought else ""
        calls = tuple(RawToolCall(**call) for _, call in sorted(self.calls.items()))
        return Completion(
            text=thought + self.text,
            finish_reason=self.finish_reason or "stop",
            logprobs=tuple(self.logprobs) or None,
            usage=self.usage,
            tool_calls=calls,
        )


def stopped_by(choice: Mapping[str, Any]) -> object:
    """The stop string that ended a reply, as vLLM or as SGLang tells it; else a token's id or nothing."""
    return choice.get("stop_reason") or choice.get("matched_stop")


def _wire_part(part: TextPart | ImagePart) -> Json:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": data_url(part)}}


def data_url(part: ImagePart) -> str:
    if part.pixels is None:
        raise ValueError(f"{part.name} has no pixels: use Message.with_pixels(store) before sending")
    png = io.BytesIO()
    part.pixels.save(png, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"


def _first_choice(data: Any) -> Mapping[str, Any]:
    choices = _list(_mapping(data).get("choices"))
    if not choices or not isinstance(choices[0], dict):
        raise Unreadable("an answer without choices")
    return cast("Mapping[str, Any]", choices[0])


def _usage(value: Any) -> Usage:
    counts = _mapping(value)
    prompt, completion = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return Usage(
        prompt_tokens=prompt if isinstance(prompt, int) else 0,
        completion_tokens=completion if isinstance(completion, int) else 0,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
