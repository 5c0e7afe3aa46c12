"""Any server that speaks chat completions (vLLM, SGLang, llama.cpp, hosted providers), over plain HTTP.

What always holds: the key is read from the environment when a request is made, goes to its own server and
appears in no trace, name or error; failing servers are tried again with growing, jittered waits, busy ones
when they say (an hour at most) or when it is our turn; what persists is a `ServerError`, what trying again
cannot help (wrong key, unknown model) a `ModelError`; a parameter that the server does not know is left out
from then on. One request that is refused by a server that has answered others is a failure of that request
alone.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx

from deepeyes.core.actions import ToolSpec
from deepeyes.core.errors import (
    ContextOverflow,
    InfrastructureError,
    ModelError,
    ServerError,
    boundary,
)
from deepeyes.core.images import VisionSpec
from deepeyes.core.messages import Message
from deepeyes.core.retrying import RetryPolicy, TryAgain, retry
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Usage
from deepeyes.models.base import Completion, MessageConversation, OnText
from deepeyes.models.openai_images import sent_as
from deepeyes.models.openai_refusal import Refusal, read_refusal
from deepeyes.models.openai_reply import Accumulator, ServerSaid, Unreadable, event_data, read_completion
from deepeyes.models.openai_wire import Json, wire_message, wire_sampling, wire_tool
from deepeyes.models.pacing import BUSY, LONGEST_WAIT, Busy, Patience, asked_wait, pace_of
from deepeyes.models.providers import Provider, provider_at, split_place

_OPTIONAL = ("seed", "logprobs", "stop", "parallel_tool_calls", "stream_options", "temperature")
_UNTOLD = ("stop", "parallel_tool_calls", "stream_options")
"""Those of them that change nothing in what comes back; a trace tells when others were left out."""
_ASKED_FOR = ("top_p", "top_k", "min_p", "repetition_penalty")
"""Sent only where somebody asked for them, so never left out: a server that does not know them is refused."""
_TOO_LONG = re.compile(
    r"context.{0,20}length|maximum context|context_length|context size|too many tokens", re.I
)
_FILTERED = re.compile(r"content.?(?:filter|management|policy)|moderation|safety system", re.I)
_TOO_MANY_STOPS = re.compile(r"\bstop\b.{0,40}(?:too (?:long|many)|maximum|at most|up to)", re.I | re.S)
"""OpenAI and others take four."""


_SILENCES = 2
"""Attempts without any answer after which a server is held to hang: more would use up an episode's time, and
the failure would look like the model's.
"""


class _Silent(TryAgain):
    """The server took the request and said nothing."""


class OpenAIModel:
    """`seconds` bounds one attempt without any answer; `retries` counts further attempts, of which only one
    follows on silence. `provider` says whose the server is; by default it is one that is named by its URL.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        vision: VisionSpec = VisionSpec(),
        dialect_name: str = "deepeyes_v2",
        prompt: str = "full",
        logprobs: bool = False,
        seconds: float = 120.0,
        retries: int = 4,
        retry_seconds: float = 1.0,
        extra: Mapping[str, Any] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        provider: Provider | None = None,
    ) -> None:
        self.model = model
        self._provider = provider or provider_at(base_url)
        self._place = self._provider.place
        self.name = f"openai:{model}@{self._place}"
        self.vision = vision
        self.dialect_name = dialect_name
        self.prompt = prompt
        self._url = self._provider.endpoint
        self._pace = pace_of(self._provider)
        self._logprobs = logprobs
        self._seconds = seconds
        self._retry = RetryPolicy(retries, retry_seconds, longest_asked=LONGEST_WAIT, leave_if_longer=True)
        self._extra = dict(extra or {})
        self._transport = transport
        self._unknown: set[str] = set()
        self._other_limit = False
        """Whether the server wants `max_completion_tokens` for `max_tokens`."""
        self._answered = False
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def at(cls, place: str, provider: Provider, **settings: Any) -> OpenAIModel:
        """The model of a `place`, written MODEL@BASE_URL or MODEL@NAME, at its provider."""
        return cls(split_place(place)[0], provider.base_url, provider=provider, **settings)

    def conversation(self, sampling: Sampling = Sampling()) -> MessageConversation:
        return MessageConversation(self, sampling)

    async def aclose(self) -> None:
        client, self._client = self._client, None
        self._pace.tell_spending(self._provider)
        if client is not None:
            await client.aclose()

    async def generate(
        self,
        messages: Sequence[Message],
        *,
        sampling: Sampling = Sampling(),
        max_tokens: int = 2048,
        tools: Sequence[ToolSpec] = (),
        on_text: OnText | None = None,
    ) -> Completion:
        wired, notes = await asyncio.to_thread(_wired, messages)
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
        completion = await self._persist(body, sampling.stop, on_text)
        self._pace.answered(self._provider, _counted(completion, messages))
        if completion.tool_calls and not tools:
            completion = _written_out(completion)
        left_out = [key for key in _OPTIONAL if key in self._unknown and key not in _UNTOLD and key in body]
        notes += [f"{self.model} was asked without {key}, which its server does not take" for key in left_out]
        return replace(completion, notes=tuple(notes)) if notes else completion

    async def _persist(self, body: Json, stop: Sequence[str], on_text: OnText | None) -> Completion:
        """Attempts until one succeeds or trying again is no use."""
        silences = 0
        patience = Patience(self._pace, self._place)

        def before_wait(problem: TryAgain) -> None:
            nonlocal silences
            silences += isinstance(problem, _Silent)
            if silences >= _SILENCES:
                raise problem
            patience.before_wait(problem)

        async def in_turn() -> Completion:
            async with self._pace.turn(self._provider) as began:
                try:
                    return await self._attempt(body, stop, on_text)
                except Busy as busy:
                    self._pace.refused(began)
                    patience.weigh(busy)
                    raise

        try:
            return await retry(in_turn, self._retry, before_wait, patience.sleep)
        except Busy as busy:
            asked = f" and asks to wait {busy.wait:.0f} s" if busy.wait else ""
            raise ServerError(
                f"the model server at {self._place} {busy}{asked} ({busy.tried})",
                "ask it less often with #requests_per_minute=N or #concurrency=N, or go on later",
            ) from busy
        except TryAgain as problem:
            raise ServerError(
                f"the model server at {self._place} {problem} ({problem.tried})",
                "check that it is running and reachable, or name another with openai:MODEL@BASE_URL",
            ) from problem

    async def _attempt(self, body: Json, stop: Sequence[str], on_text: OnText | None) -> Completion:
        """One request, and as many more as it takes to learn which parameters the server does not take."""
        reply = Accumulator()
        sent = self._known(body)
        try:
            with boundary(
                ModelError,
                f"sending a request to {self._place}",
                "check the base URL; it looks like http://127.0.0.1:8000/v1",
                expected=(httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError),
            ):
                headers = self._provider.request_headers()
                async with self._open().stream("POST", self._url, json=sent, headers=headers) as response:
                    if response.status_code == 200:
                        completion = await self._heard(response, reply, stop, on_text)
                        self._answered = True
                        return completion
                    await response.aread()
                    refusal = read_refusal(response.status_code, self._provider.hide(response.text))
                    asked = asked_wait(response.headers, refusal.text, time.time())
        except (httpx.TimeoutException, TimeoutError) as error:
            silent = isinstance(error, httpx.ReadTimeout | TimeoutError)
            raise (_Silent if silent else TryAgain)(f"did not answer in {self._seconds:g} s") from error
        except ServerSaid as error:
            if reply.text and on_text is not None:
                raise self._broken(f": {self._provider.hide(error.words)}") from error
            refusal, asked = self._refusal_of(error), None
        except (httpx.TransportError, httpx.DecodingError, Unreadable) as error:
            if reply.text and on_text is not None:
                raise self._broken("") from error
            raise TryAgain(_problem(error)) from error
        if self._learns_from(refusal, sent):
            return await self._attempt(body, stop, on_text)
        return self._refused(refusal, asked, sent)

    async def _heard(
        self, response: httpx.Response, reply: Accumulator, stop: Sequence[str], on_text: OnText | None
    ) -> Completion:
        """The reply in an answer with status 200, streamed into `reply` or whole.

        A server may send signs of life for as long as it likes: what counts as an answer is words.
        """
        async with asyncio.timeout(self._seconds) as clock:
            if "text/event-stream" not in response.headers.get("content-type", ""):
                await response.aread()
                completion = self._whole(response, stop)
                if on_text is not None:
                    on_text(completion.text)
                return completion
            loop = asyncio.get_running_loop()
            async for event in event_data(response.aiter_bytes()):
                if event is None:
                    return reply.completion(stop)
                before = (len(reply.text), len(reply.thought), reply.calls[-1:])
                piece = reply.add_event(event)
                if before != (len(reply.text), len(reply.thought), reply.calls[-1:]):
                    clock.reschedule(loop.time() + self._seconds)
                if piece and on_text is not None:
                    on_text(piece)
        if not reply.end:
            raise Unreadable("a stream that ends in the middle")
        return reply.completion(stop)

    def _whole(self, response: httpx.Response, stop: Sequence[str]) -> Completion:
        kind = response.headers.get("content-type", "")
        if "html" in kind or response.text.lstrip()[:1] == "<":
            raise ServerError(
                f"the model server at {self._place} answers with a web page instead of JSON",
                "check the base URL; it usually ends in /v1",
            )
        try:
            data = response.json()
        except (ValueError, RecursionError) as error:
            raise Unreadable("damaged JSON") from error
        return read_completion(data, stop)

    def _refusal_of(self, error: ServerSaid) -> Refusal:
        """What a server says in an answer with status 200; without a status of its own it may pass."""
        words = self._provider.hide(error.words)
        too_long = 400 if _TOO_LONG.search(words) else 500
        return Refusal(error.status or too_long, "", words, "")

    def _broken(self, why: str) -> InfrastructureError:
        return InfrastructureError(f"the model server at {self._place} stopped in mid-reply{why}")

    def _learns_from(self, refusal: Refusal, sent: Json) -> bool:
        """Whether the refusal names a parameter of the request `sent` that is left out, or called otherwise,
        from now on.
        """
        if refusal.status not in (400, 422) or _TOO_LONG.search(refusal.words):
            return False
        if "stop" in sent and _TOO_MANY_STOPS.search(refusal.words):
            self._unknown.add("stop")  # the reply is ended there all the same
            return True
        if refusal.unsupported and "max_completion_tokens" in refusal.words and "max_tokens" in sent:
            self._other_limit = True
            return True
        unknown = refusal.parameter([key for key in sent if key in (*_OPTIONAL, *_ASKED_FOR, "tools")])
        if unknown not in _OPTIONAL:
            return False
        self._unknown.add(unknown)
        return True

    def _refused(self, refusal: Refusal, asked: float | None, sent: Json) -> Completion:
        """Every other answer to `sent`: raises, or is a reply that the provider's filter stopped."""
        status, text = refusal.status, refusal.words
        if status in (408, 409, 425, 429) or status >= 500:
            said = f": {text[:200]}" if text and text != refusal.text else ""
            raise (Busy if status in BUSY else TryAgain)(f"answers with status {status}{said}", asked)
        if status in (401, 403):
            raise ModelError(
                f"the model server at {self._place} refuses the key (status {status})",
                self._provider.key_remedy,
            )
        if status == 404:
            raise ModelError(
                f"the model server at {self._place} has no model {self.model!r} (status 404)",
                f"see {self._place}/models for its models; the base URL usually ends in /v1",
            )
        if status in (400, 413, 422) and _TOO_LONG.search(text):
            raise ContextOverflow("the conversation does not fit the model's context", "lower --limit turns")
        if status == 400 and _FILTERED.search(refusal.text):
            return Completion("", finish_reason="content_filter")
        told = f"the model server at {self._place} refuses the request (status {status}): {text[:200]}"
        unknown = refusal.parameter([key for key in _ASKED_FOR if key in sent])
        if status in (400, 422) and unknown is not None:
            raise ModelError(
                f"the model server at {self._place} does not take {unknown} (status {status}): {text[:200]}",
                f"leave {unknown} out, or use a server that takes it (vLLM and SGLang do)",
            )
        if "tools" in sent and refusal.of_tools:
            raise ModelError(told, "it takes no tool calls: speak to it with --dialect deepeyes_v2")
        if self._answered:  # it can be asked, only not this
            raise ServerError(told, "see what is special about the question or its pictures")
        raise ModelError(told, "check that the model takes pictures and that its context is long enough")

    def _known(self, body: Json) -> Json:
        """`body` as the server is known to want it."""
        known = {key: value for key, value in body.items() if key not in self._unknown}
        if self._other_limit:
            known["max_completion_tokens"] = known.pop("max_tokens")
        return known

    def _open(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:  # connections belong to the loop that made them
            self._loop = loop
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
            timeout = httpx.Timeout(self._seconds, connect=min(10.0, self._seconds))
            with boundary(
                ModelError,
                "reading the proxy settings of the environment",
                "check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY",
                expected=(ValueError, ImportError),
            ):
                self._client = httpx.AsyncClient(timeout=timeout, limits=limits, transport=self._transport)
        return self._client


def _wired(messages: Sequence[Message]) -> tuple[list[Json], list[str]]:
    """The messages as JSON, and what the trace should tell of how their images were sent."""
    notes = [note for message in messages for part in message.images if (note := sent_as(part))]
    return [wire_message(message) for message in messages], notes


def _counted(completion: Completion, messages: Sequence[Message]) -> Usage:
    """The tokens of a reply; where the server tells none, four characters or 750 pixels each."""
    if completion.usage.prompt_tokens or completion.usage.completion_tokens:
        return completion.usage
    views = sum(part.view_width * part.view_height for message in messages for part in message.images)
    read = sum(len(message.text) for message in messages) // 4 + views // 750
    return Usage(prompt_tokens=read, completion_tokens=len(completion.text) // 4 + 1)


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


def _problem(error: Exception) -> str:
    if isinstance(error, Unreadable):
        return f"sends {error}"
    if isinstance(error, httpx.ProxyError):
        return "cannot be reached through the proxy that the environment names"
    return "cannot be reached" if isinstance(error, httpx.ConnectError) else "breaks the connection"
