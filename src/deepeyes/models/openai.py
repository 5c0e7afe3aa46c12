"""Any server that speaks chat completions (vLLM, SGLang, llama.cpp, hosted providers), over plain HTTP.

What always holds: the key is read from the environment when a request is made, goes to its own server and
appears in no trace, name or error; failing servers are tried again with growing, jittered waits, busy ones
when they say (an hour at most) or when it is our turn; what persists is a `ServerError`, what trying again
cannot help (wrong key, unknown model) a `ModelError`; a parameter that the server does not know is left out
from then on. One request that is refused by a server that has answered others is a failure of that request
alone. Whether a server takes tool calls is tried once, in turn like every request: no two servers refuse them
in the same words.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import httpx

from deepeyes.core.actions import ToolSpec
from deepeyes.core.errors import ServerError
from deepeyes.core.images import VisionSpec
from deepeyes.core.messages import Message
from deepeyes.core.retrying import RetryPolicy, TryAgain, retry
from deepeyes.core.sampling import Sampling
from deepeyes.dialects.registry import AUTO
from deepeyes.models.base import Completion, Fit, MessageConversation, OnText
from deepeyes.models.openai_fitting import GREETING, GREETING_TOKENS, TOOL, known_fit, try_tools
from deepeyes.models.openai_server import Server, Silent
from deepeyes.models.openai_wire import (
    Json,
    Request,
    guessed_tokens,
    wire_messages,
    wire_sampling,
    wire_tool,
)
from deepeyes.models.pacing import LONGEST_WAIT, Busy, Patience
from deepeyes.models.providers import Provider, provider_at, split_place

T = TypeVar("T")

_SILENCES = 2
"""Attempts without any answer after which a server is held to hang: more would use up an episode's time, and
the failure would look like the model's.
"""


class OpenAIModel:
    """`seconds` bounds one attempt without any answer; `retries` counts further attempts, of which only one
    follows on silence. `dialect_name` is `auto` where nothing is said about the model's words, else, with a
    `prompt`, `deepeyes_v2`. `provider` says whose the server is; by default it is the one at `base_url`.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        vision: VisionSpec = VisionSpec(),
        dialect_name: str = "",
        prompt: str = "",
        logprobs: bool = False,
        seconds: float = 120.0,
        retries: int = 4,
        retry_seconds: float = 1.0,
        extra: Mapping[str, Any] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        provider: Provider | None = None,
    ) -> None:
        self.model = model
        self._server = Server(provider or provider_at(base_url), model, seconds, transport)
        self.name = f"openai:{model}@{self._server.place}"
        self.vision = vision
        self.dialect_name = dialect_name or ("deepeyes_v2" if prompt else AUTO)
        self.prompt = prompt or "full"
        self._logprobs = logprobs
        self._retry = RetryPolicy(retries, retry_seconds, longest_asked=LONGEST_WAIT, leave_if_longer=True)
        self._extra = dict(extra or {})
        self._fit: Fit | None = None
        """The dialect that was found when tools were tried."""

    @classmethod
    def at(cls, place: str, provider: Provider, **settings: Any) -> OpenAIModel:
        """The model of a `place`, written MODEL@BASE_URL or MODEL@NAME, at its provider."""
        return cls(split_place(place)[0], provider.base_url, provider=provider, **settings)

    def conversation(self, sampling: Sampling = Sampling()) -> MessageConversation:
        return MessageConversation(self, sampling)

    async def aclose(self) -> None:
        await self._server.aclose()

    async def generate(
        self,
        messages: Sequence[Message],
        *,
        sampling: Sampling = Sampling(),
        max_tokens: int = 2048,
        tools: Sequence[ToolSpec] = (),
        on_text: OnText | None = None,
    ) -> Completion:
        request = await self._request(messages, sampling, max_tokens, tools, on_text)
        completion = await self._persist(lambda: self._server.answer(request))
        if completion.tool_calls and not tools:
            completion = _written_out(completion)
        left_out = [
            f"{self.model} was asked without {key}, which its server does not take"
            for key in self._server.left_out(request)
        ]
        notes = (*request.notes, *left_out)
        return replace(completion, notes=notes) if notes else completion

    async def fitting_dialect(self, *, tools: bool) -> Fit:
        """The dialect that model and server can speak; with tools it takes a short request to know, once.

        Raises `ServerError` and `ModelError` as any request does.
        """
        known = known_fit(self.model, tools=tools)
        if known is not None:
            return known
        if self._fit is None:
            self._fit = await self._persist(self._try_tools)
        return self._fit

    async def _try_tools(self) -> Fit:
        plain = await self._request(GREETING, Sampling(), GREETING_TOKENS, ())
        with_tool = await self._request(GREETING, Sampling(), GREETING_TOKENS, (TOOL,))
        return await try_tools(self._server, plain, with_tool)

    async def _request(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        max_tokens: int,
        tools: Sequence[ToolSpec],
        on_text: OnText | None = None,
    ) -> Request:
        wired, notes = await asyncio.to_thread(wire_messages, messages)
        body: Json = {
            "model": self.model,
            "messages": wired,
            "max_tokens": max_tokens,
            **wire_sampling(sampling),
            **self._extra,
        }
        if tools:
            body["tools"] = [wire_tool(tool) for tool in tools]
            body["parallel_tool_calls"] = False
        if self._logprobs:
            body["logprobs"] = True
        if on_text is not None:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return Request(body, guessed_tokens(messages), sampling.stop, on_text, notes)

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Attempts until one succeeds or trying again is no use."""
        silences = 0
        patience = Patience(self._server.pace, self._server.place)

        def before_wait(problem: TryAgain) -> None:
            nonlocal silences
            silences += isinstance(problem, Silent)
            if silences >= _SILENCES:
                raise problem
            patience.before_wait(problem)

        async def weighed() -> T:
            try:
                return await attempt()
            except Busy as busy:
                patience.weigh(busy)
                raise

        try:
            return await retry(weighed, self._retry, before_wait, patience.sleep)
        except Busy as busy:
            asked = f" and asks to wait {busy.wait:.0f} s" if busy.wait else ""
            raise ServerError(
                f"the model server at {self._server.place} {busy}{asked} ({busy.tried})",
                "ask it less often with #requests_per_minute=N or #concurrency=N, or go on later",
            ) from busy
        except TryAgain as problem:
            raise ServerError(
                f"the model server at {self._server.place} {problem} ({problem.tried})",
                "check that it is running and reachable, or name another with openai:MODEL@BASE_URL",
            ) from problem


def _written_out(completion: Completion) -> Completion:
    """The reply with its calls as text, as the model wrote them: the server read them though no tools were
    given to it, and a dialect of tags looks for them there.
    """
    written = [completion.text.rstrip()] if completion.text.strip() else []
    for call in completion.tool_calls:
        inside = f'{{"name": {json.dumps(call.name)}, "arguments": {call.arguments or "{}"}}}'
        written.append(f"<tool_call>\n{inside}\n</tool_call>")
    text = "\n".join(written)
    return replace(completion, text=text, tool_calls=(), logprobs=None)
