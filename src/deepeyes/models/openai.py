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
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

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
from deepeyes.dialects.deepeyes_v2_parse import holds_action
from deepeyes.dialects.registry import AUTO
from deepeyes.models.base import Completion, Fit, MessageConversation, OnText
from deepeyes.models.openai_images import sent_as
from deepeyes.models.openai_refusal import Refusal, read_refusal
from deepeyes.models.openai_reply import Accumulator, ServerSaid, Unreadable, event_data, read_completion
from deepeyes.models.openai_wire import Json, wire_message, wire_sampling, wire_tool
from deepeyes.models.pacing import BUSY, LONGEST_WAIT, Busy, Patience, asked_wait, pace_of
from deepeyes.models.providers import Provider, provider_at, split_place

T = TypeVar("T")

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
_CUT = re.compile(r"could not finish the message|output limit was reached", re.I)
"""What OpenAI says of a reply that was cut off before its first word."""
_OURS = re.compile(r"deep[-_ ]?eyes", re.I)
"""Checkpoints that were trained on the tags."""
_GREETING = (Message.make("user", "Reply with the one word OK."),)
_GREETING_TOKENS = 64
_TOOL = ToolSpec(name="look_closer", description="Shows a part of a picture larger.")
_NOT_OF_TOOLS = (401, 403, 408, 409, 425, 429, 502, 503, 504, 529)
"""What a server that refuses a request because of its tools does not answer with."""
_SILENCES = 2
"""Attempts without any answer after which a server is held to hang: more would use up an episode's time, and
the failure would look like the model's.
"""


class _Silent(TryAgain):
    """The server took the request and said nothing."""


@dataclass(frozen=True)
class _Request:
    """What is asked for, before it is known what the server takes."""

    body: Json
    read: int
    """Tokens in it, by a guess, for a server that tells none: four characters or 750 pixels each."""
    stop: Sequence[str] = ()
    on_text: OnText | None = None
    notes: tuple[str, ...] = ()
    """What the trace should tell of how its images are sent."""


class _Refused(Exception):
    """The server does not do what `request`, which was `sent` so, asks for."""

    def __init__(
        self, refusal: Refusal, request: _Request, sent: Json, began: float, wait: float | None
    ) -> None:
        super().__init__(refusal.words)
        self.refusal = refusal
        self.request = request
        self.sent = sent
        self.began = began
        """When it was sent, by its pace."""
        self.wait = wait
        """Seconds that the server asks for."""


class OpenAIModel:
    """`seconds` bounds one attempt without any answer; `retries` counts further attempts, of which only one
    follows on silence. `dialect_name` is `auto` where nothing is said about the model's words, else, with a
    `prompt`, `deepeyes_v2`. `provider` says whose the server is; by default it is named
    by its URL.
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
        self._provider = provider or provider_at(base_url)
        self._place = self._provider.place
        self.name = f"openai:{model}@{self._place}"
        self.vision = vision
        self.dialect_name = dialect_name or ("deepeyes_v2" if prompt else AUTO)
        self.prompt = prompt or "full"
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
        self._fit: Fit | None = None
        """The dialect that was found when tools were tried."""
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
        request = await self._request(messages, sampling, max_tokens, tools, on_text)
        completion = await self._persist(lambda: self._answer(request))
        if completion.tool_calls and not tools:
            completion = _written_out(completion)
        told = [key for key in _OPTIONAL if key in self._unknown and key not in _UNTOLD]
        left_out = [
            f"{self.model} was asked without {key}, which its server does not take"
            for key in told
            if key in request.body
        ]
        notes = (*request.notes, *left_out)
        return replace(completion, notes=notes) if notes else completion

    async def fitting_dialect(self, *, tools: bool) -> Fit:
        """The dialect that model and server can speak; with tools it takes a short request to know, once.

        Raises `ServerError` and `ModelError` as any request does.
        """
        if _OURS.search(self.model):
            return Fit("deepeyes_v2/lenient")
        if not tools:
            return Fit("native")
        if self._fit is None:
            self._fit = await self._persist(self._greet)
        return self._fit

    async def _greet(self) -> Fit:
        """Send a greeting with a tool, and if that is refused without one: the difference is the tool."""
        plain = await self._request(_GREETING, Sampling(), _GREETING_TOKENS, ())
        with_tool = await self._request(_GREETING, Sampling(), _GREETING_TOKENS, (_TOOL,))
        try:
            reply = await self._attempt(with_tool)
        except _Refused as refused:
            if refused.refusal.status not in _NOT_OF_TOOLS and await self._answers(plain):
                return Fit("deepeyes_v2/lenient", "its server takes no tool calls")
            reply = self._settle(refused)
        return Fit("deepeyes_v2/lenient" if holds_action(reply.text) else "native")

    async def _answers(self, request: _Request) -> bool:
        try:
            await self._attempt(request)
        except _Refused as refused:
            if refused.refusal.status in _NOT_OF_TOOLS:
                self._settle(refused)
            return False
        return True

    async def _request(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        max_tokens: int,
        tools: Sequence[ToolSpec],
        on_text: OnText | None = None,
    ) -> _Request:
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
        return _Request(body, _guessed_tokens(messages), sampling.stop, on_text, tuple(notes))

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Attempts until one succeeds or trying again is no use."""
        silences = 0
        patience = Patience(self._pace, self._place)

        def before_wait(problem: TryAgain) -> None:
            nonlocal silences
            silences += isinstance(problem, _Silent)
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
                f"the model server at {self._place} {busy}{asked} ({busy.tried})",
                "ask it less often with #requests_per_minute=N or #concurrency=N, or go on later",
            ) from busy
        except TryAgain as problem:
            raise ServerError(
                f"the model server at {self._place} {problem} ({problem.tried})",
                "check that it is running and reachable, or name another with openai:MODEL@BASE_URL",
            ) from problem

    async def _answer(self, request: _Request) -> Completion:
        try:
            return await self._attempt(request)
        except _Refused as refused:
            return self._settle(refused)

    async def _attempt(self, request: _Request) -> Completion:
        """One request, and as many more as it takes to learn which parameters the server does not take.

        Raises `_Refused` where the server does not answer it, `TryAgain` for what may pass.
        """
        while True:
            try:
                return await self._send(request)
            except _Refused as refused:
                if not self._learns_from(refused):
                    raise

    async def _send(self, request: _Request) -> Completion:
        """One request, when it is our turn."""
        reply = Accumulator()
        async with self._pace.turn(self._provider) as began:
            sent = self._known(request.body)
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
                            completion = await self._heard(response, reply, request)
                            self._answered = True
                            return self._counted(completion, request)
                        await response.aread()
                        refusal = read_refusal(response.status_code, self._provider.hide(response.text))
                        asked = asked_wait(response.headers, refusal.text, time.time())
            except (httpx.TimeoutException, TimeoutError) as error:
                silent = isinstance(error, httpx.ReadTimeout | TimeoutError)
                raise (_Silent if silent else TryAgain)(f"did not answer in {self._seconds:g} s") from error
            except ServerSaid as error:
                words = self._provider.hide(error.words)
                if reply.text and request.on_text is not None:
                    raise self._broken(f": {words}") from error
                refusal, asked = _refusal_of(words, error.status), None
            except (httpx.TransportError, httpx.DecodingError, Unreadable) as error:
                if reply.text and request.on_text is not None:
                    raise self._broken("") from error
                raise TryAgain(_problem(error)) from error
        raise _Refused(refusal, request, sent, began, asked)

    async def _heard(self, response: httpx.Response, reply: Accumulator, request: _Request) -> Completion:
        """The reply in an answer with status 200, streamed into `reply` or whole.

        A server may send signs of life for as long as it likes: what counts as an answer is words.
        """
        async with asyncio.timeout(self._seconds) as clock:
            if "text/event-stream" not in response.headers.get("content-type", ""):
                await response.aread()
                completion = self._whole(response, request.stop)
                if request.on_text is not None:
                    request.on_text(completion.text)
                return completion
            loop = asyncio.get_running_loop()
            async for event in event_data(response.aiter_bytes()):
                if event is None:
                    return reply.completion(request.stop)
                before = (len(reply.text), len(reply.thought), reply.calls[-1:])
                piece = reply.add_event(event)
                if before != (len(reply.text), len(reply.thought), reply.calls[-1:]):
                    clock.reschedule(loop.time() + self._seconds)
                if piece and request.on_text is not None:
                    request.on_text(piece)
        if not reply.end:
            raise Unreadable("a stream that ends in the middle")
        return reply.completion(request.stop)

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

    def _counted(self, completion: Completion, request: _Request) -> Completion:
        """The completion, once its pace has been told of its cost."""
        usage = completion.usage
        if not (usage.prompt_tokens or usage.completion_tokens):
            usage = Usage(prompt_tokens=request.read, completion_tokens=len(completion.text) // 4 + 1)
        self._pace.answered(self._provider, usage)
        return completion

    def _broken(self, why: str) -> InfrastructureError:
        return InfrastructureError(f"the model server at {self._place} stopped in mid-reply{why}")

    def _learns_from(self, refused: _Refused) -> bool:
        """Whether the refusal names a parameter of the request that is left out, or called otherwise, from
        now on.
        """
        refusal, sent = refused.refusal, refused.sent
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

    def _settle(self, refused: _Refused) -> Completion:
        """What a refusal means: raises, or is a reply that the provider's filter or the limit stopped."""
        refusal, sent = refused.refusal, refused.sent
        status, text = refusal.status, refusal.words
        told = f"the model server at {self._place} refuses the request (status {status}): {text[:200]}"
        if "tools" in sent and refusal.of_tools(sent) and not _TOO_LONG.search(text):
            raise ModelError(told, "it takes no tool calls: speak to it with --dialect deepeyes_v2/lenient")
        if status in (408, 409, 425, 429) or status >= 500:
            said = f": {text[:200]}" if text and text != refusal.text else ""
            if status in BUSY:
                self._pace.refused(refused.began)
                raise Busy(f"answers with status {status}{said}", refused.wait)
            raise TryAgain(f"answers with status {status}{said}", refused.wait)
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
            return self._counted(Completion("", finish_reason="content_filter"), refused.request)
        if status == 400 and _CUT.search(text):
            return self._counted(Completion("", finish_reason="length"), refused.request)
        unknown = refusal.parameter([key for key in _ASKED_FOR if key in sent])
        if status in (400, 422) and unknown is not None:
            raise ModelError(
                f"the model server at {self._place} does not take {unknown} (status {status}): {text[:200]}",
                f"leave {unknown} out, or use a server that takes it (vLLM and SGLang do)",
            )
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


def _guessed_tokens(messages: Sequence[Message]) -> int:
    views = sum(part.view_width * part.view_height for message in messages for part in message.images)
    return sum(len(message.text) for message in messages) // 4 + views // 750


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


def _refusal_of(words: str, status: int) -> Refusal:
    """What a server says in an answer with status 200; without a status of its own it may pass."""
    return Refusal(status or (400 if _TOO_LONG.search(words) else 500), "", words, "")


def _problem(error: Exception) -> str:
    if isinstance(error, Unreadable):
        return f"sends {error}"
    if isinstance(error, httpx.ProxyError):
        return "cannot be reached through the proxy that the environment names"
    return "cannot be reached" if isinstance(error, httpx.ConnectError) else "breaks the connection"
