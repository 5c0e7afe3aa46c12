"""What a model is to the rest of the house: something that continues a conversation.

The agent loop only ever opens a `Conversation` and sends it the messages that are new. A model that works
on tokens keeps its tokens (and its cache) in the conversation, so a reply is never tokenized again; a model
behind a chat server inherits `MessageConversation`, which keeps the list of messages. What always holds: a
`send` that raises leaves the conversation as it was, so it may be tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

from deepeyes.core.actions import RawToolCall, ToolCall, ToolSpec
from deepeyes.core.images import VisionSpec
from deepeyes.core.messages import Message
from deepeyes.core.sampling import Sampling
from deepeyes.core.text import read_json
from deepeyes.core.trace import Usage
from deepeyes.dialects.neutralise import neutralise_special

OnText = Callable[[str], None]
"""Called with each piece of text as it is generated."""


@dataclass(frozen=True)
class Completion:
    """One reply. Token fields are given by models that sample in-process, or None."""

    text: str
    """With its stop string, if one ended it."""
    finish_reason: str = "stop"
    """stop, length, tool_calls, content_filter, or what else the server said."""
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    """One per token of the reply: log-probability under the sampling distribution."""
    loss_mask: tuple[int, ...] | None = None
    """1 where the model chose the token; None means everywhere."""
    prompt_ids: tuple[int, ...] | None = None
    """The tokens fed since the conversation's last reply."""
    banned: tuple[int, ...] = ()
    """Token ids that the model never draws, such as those that stand for images."""
    policy: int | None = None
    """The version of the weights that wrote the reply, of a model whose weights change."""
    usage: Usage = Usage()
    tool_calls: tuple[RawToolCall, ...] = ()
    notes: tuple[str, ...] = ()
    """What the trace should tell of how it came about, such as a setting that the server did not take."""


class Conversation(Protocol):
    """One episode's talk with a model."""

    async def send(
        self,
        new_messages: Sequence[Message],
        *,
        max_tokens: int = 2048,
        tools: Sequence[ToolSpec] = (),
        on_text: OnText | None = None,
    ) -> Completion:
        """The reply to the conversation so far plus `new_messages`, which it then contains."""
        ...

    async def close(self) -> None:
        """Free what the conversation holds; may be called twice."""
        ...


class ChatModel(Protocol):
    """A model by name, with how it sees images and which dialect it speaks unless told otherwise."""

    @property
    def name(self) -> str: ...
    @property
    def vision(self) -> VisionSpec: ...
    @property
    def dialect_name(self) -> str: ...
    @property
    def prompt(self) -> str: ...

    def conversation(self, sampling: Sampling = Sampling()) -> Conversation:
        """A new conversation, all of whose replies are drawn by `sampling`.

        Equal seeds and messages give equal replies where the model allows it. Raises `ModelError` for a
        `sampling` that the model cannot do.
        """
        ...

    async def aclose(self) -> None: ...


class Fit(NamedTuple):
    """A dialect that fits a model, and why it is not the one that most models speak."""

    dialect: str
    why: str = ""
    """Empty where nobody needs to be told."""


@runtime_checkable
class FindsDialect(Protocol):
    """A `ChatModel` that can find out which dialect fits it (its `dialect_name` is then `auto`)."""

    async def fitting_dialect(self, *, tools: bool) -> Fit:
        """The dialect for episodes with or without `tools`. Raises as a conversation's `send` does."""
        ...


class Generator(Protocol):
    """A model without a memory of its own: it is sent all messages every time."""

    async def generate(
        self,
        messages: Sequence[Message],
        *,
        sampling: Sampling = Sampling(),
        max_tokens: int = 2048,
        tools: Sequence[ToolSpec] = (),
        on_text: OnText | None = None,
    ) -> Completion: ...


class MessageConversation:
    """The conversation of a `Generator`: keeps the messages and sends them all."""

    def __init__(self, model: Generator, sampling: Sampling = Sampling()) -> None:
        self._model = model
        self._sampling = sampling
        self._messages: list[Message] = []

    async def send(
        self,
        new_messages: Sequence[Message],
        *,
        max_tokens: int = 2048,
        tools: Sequence[ToolSpec] = (),
        on_text: OnText | None = None,
    ) -> Completion:
        messages = [*self._messages, *new_messages]
        completion = await self._model.generate(
            messages,
            sampling=self._sampling,
            max_tokens=max_tokens,
            tools=tools,
            on_text=on_text,
        )
        self._messages = [*messages, assistant_message(completion)]
        return completion

    async def close(self) -> None:
        self._messages = []


def assistant_message(completion: Completion) -> Message:
    """The reply as part of the conversation. Special tokens spelled out in it are made inert: a server
    will tokenize this text again.
    """
    calls = tuple(
        ToolCall(name=call.name, arguments=_arguments(call), id=call.id) for call in completion.tool_calls
    )
    message = Message.make("assistant", neutralise_special(completion.text))
    return message.model_copy(update={"tool_calls": calls})


def _arguments(call: RawToolCall) -> dict[str, Any]:
    value = read_json(call.arguments)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
