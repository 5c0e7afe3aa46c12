"""Between Inspect's messages and ours.

What always holds: images travel as data URLs, so nothing is fetched; what has no counterpart here (sound,
video, documents) is refused, never left out.
"""

# pyright: reportMissingImports=false
# Inspect has an environment of its own (docs/inspect.md); checked in it, this line changes nothing.
from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentImage,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
)
from inspect_ai.model import StopReason as InspectStop
from inspect_ai.tool import ToolCall as InspectCall
from inspect_ai.tool import ToolInfo, ToolParams
from PIL import Image

from deepeyes.core.actions import RawToolCall, ToolSpec
from deepeyes.core.errors import InfrastructureError, InputError, boundary
from deepeyes.core.images import ImageStore, VisionSpec, load_image
from deepeyes.core.limits import StopReason
from deepeyes.core.messages import ImagePart, Message, Part
from deepeyes.core.trace import Trace, Usage
from deepeyes.dialects.neutralise import neutralise_special
from deepeyes.eval.inspect.steps import data_url
from deepeyes.models.base import Completion
from deepeyes.models.openai_reply import finished

_ENDS: dict[str, InspectStop] = {
    StopReason.answered: "stop",
    StopReason.max_tokens: "max_tokens",
    StopReason.context_full: "model_length",
    StopReason.refused: "content_filter",
    "length": "max_tokens",
    "stop": "stop",
    "content_filter": "content_filter",
}
"""Why an episode, or one reply, ended; the rest is `unknown` there."""
_FINISHES: dict[str, str] = {"max_tokens": "length", "model_length": "length", "unknown": "stop"}
_THINK = "<think>{}</think>\n"


def question_in(messages: Sequence[ChatMessage]) -> tuple[str, list[Image.Image]]:
    """The one question that the messages ask, what the system says first, and its images.

    Raises `InputError` for a conversation that has begun already.
    """
    if any(message.role in ("assistant", "tool") for message in messages):
        raise InputError(
            "an episode of deepeyes begins with a question, not in the middle of a conversation",
            "ask it first, or let a plain model answer: -M plain=true",
        )
    words = [message.text for message in messages if message.text.strip()]
    images = [image for message in messages for image in images_in(message)]
    return "\n\n".join(words), images


def images_in(message: ChatMessage) -> list[Image.Image]:
    """Its images at full size. Raises `InputError` for what is neither text nor an image."""
    found: list[Image.Image] = []
    for part in message.content if isinstance(message.content, list) else ():
        if isinstance(part, ContentImage):
            found.append(_decoded(part.image))
        elif not isinstance(part, ContentText | ContentReasoning):
            raise InputError(f"a message holds {part.type}", "deepeyes reads text and images")
    return found


def from_inspect(messages: Sequence[ChatMessage], vision: VisionSpec) -> list[Message]:
    """The messages for a model of ours. Special tokens spelled out in them are made inert."""
    store, made = ImageStore(), list[Message]()
    count = 0
    for message in messages:
        images_in(message)  # refuses what cannot be shown
        parts: list[str | ImagePart] = []
        for part in message.content_list:
            if isinstance(part, ContentImage):
                count += 1
                image = _decoded(part.image)
                parts.append(ImagePart.of(f"image_{count}", image, store.put(image), vision))
            elif isinstance(part, ContentText):
                parts.append(neutralise_special(part.text))
        made.append(Message.make(message.role, *parts))
    return made


def to_inspect(messages: Sequence[Message], store: ImageStore | None = None) -> list[ChatMessage]:
    """The messages as Inspect has them; `store` holds the images where they have lost their pixels."""
    return [_to_inspect(message if store is None else message.with_pixels(store)) for message in messages]


def _to_inspect(message: Message) -> ChatMessage:
    content = [_content(part) for part in message.parts]
    match message.role:
        case "system":
            return ChatMessageSystem(content=content)
        case "user":
            return ChatMessageUser(content=content)
        case "tool":
            return ChatMessageTool(content=content, tool_call_id=message.tool_call_id)
        case "assistant":
            calls = [InspectCall(call.id, call.name, call.arguments) for call in message.tool_calls]
            return ChatMessageAssistant(content=content, tool_calls=calls or None)


def tool_info(spec: ToolSpec) -> ToolInfo:
    return ToolInfo(
        name=spec.name, description=spec.description, parameters=ToolParams.model_validate(spec.parameters)
    )


def completion_of(output: ModelOutput, stop: Sequence[str]) -> Completion:
    """A reply of a model of Inspect's, the stop string put back that its server cut off.

    Raises `InfrastructureError` for a reply without any choice.
    """
    if output.empty:
        raise InfrastructureError(f"{output.model or 'the model'} gave no reply", "see the log of its server")
    message = output.message
    thought = "".join(part.text for part in message.content_list if isinstance(part, ContentReasoning))
    text = (_THINK.format(_unwrapped(thought)) if thought else "") + message.text
    calls = tuple(
        RawToolCall(id=call.id, name=call.function, arguments=json.dumps(call.arguments))
        for call in message.tool_calls or ()
    )
    ended = str(output.stop_reason)
    finish = _FINISHES.get(ended, ended)
    completion = Completion(text, finish, usage=_our_usage(output.usage), tool_calls=calls)
    return completion if finish == "length" else finished(completion, None, stop)


def reply_of(completion: Completion, model: str) -> ModelOutput:
    """One reply of a model of ours."""
    return _output(model, completion.text, _ENDS.get(completion.finish_reason, "unknown"), completion.usage)


def answer_of(trace: Trace) -> ModelOutput:
    """What a finished episode answered; empty text where it ended without. Raises `InfrastructureError` for
    one that ended because of us: Inspect then counts the sample as an error and not as a zero.
    """
    if not trace.stop_reason.is_result:
        raise InfrastructureError(trace.failure, "run what is missing again: inspect eval-retry LOG")
    end = _ENDS.get(trace.stop_reason, "unknown")
    output = _output(trace.model, trace.answer or "", end, trace.usage)
    output.metadata = {
        "stop_reason": str(trace.stop_reason),
        "turns": len(trace.turns),
        "tool_calls": len(trace.tool_turns),
        "seconds": round(trace.seconds, 3),
        "notes": list(trace.notes),
    }
    return output


def _output(model: str, text: str, end: InspectStop, usage: Usage) -> ModelOutput:
    message = ChatMessageAssistant(content=text, model=model, source="generate")
    return ModelOutput(
        model=model,
        choices=[ChatCompletionChoice(message=message, stop_reason=end)],
        usage=ModelUsage(
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            total_tokens=usage.prompt_tokens + usage.completion_tokens,
        ),
    )


def _our_usage(usage: ModelUsage | None) -> Usage:
    if usage is None:
        return Usage()
    cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    return Usage(prompt_tokens=usage.input_tokens + cached, completion_tokens=usage.output_tokens)


def _content(part: Part) -> Content:
    if isinstance(part, ImagePart):
        if part.pixels is None:
            raise InputError(f"{part.name} has no pixels", "give the store that holds its image")
        return ContentImage(image=data_url(part.pixels))
    return ContentText(text=part.text)


def _unwrapped(thought: str) -> str:
    return thought.replace("<think>", "").replace("</think>", "")


def _decoded(url: str) -> Image.Image:
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        raise InputError("an image is neither bytes nor a data URL", "give images as data URLs")
    with boundary(InputError, "decoding an image", "give valid base64", expected=ValueError):
        raw = base64.b64decode(data, validate=True)
    return load_image(raw).image
