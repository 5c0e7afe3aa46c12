"""Any server that speaks chat completions (vLLM, SGLang, llama.cpp, hosted providers), over plain HTTP.

What always holds: the key is read from the environment when a request is made and appears in no trace, name
or error; busy and failing servers are tried again with growing, jittered waits (or after what their
Retry-After asks, a minute at most); what persists is a `ServerError`, what trying again cannot help (wrong
key, unknown model) a `ModelError`; a parameter that the server does not know is left out from then on. One
request that is refused by a server that has answered others is a failure of that request alone.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

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
from deepeyes.core.retrying import RetryPolicy, TryAgain, retry, retry_after
from deepeyes.core.sampling import Sampling
from deepeyes.models.base import Completion, MessageConversation, OnText
from deepeyes.models.openai_wire import (
    Accumulator,
    Json,
    Unreadable,
    finished,
    read_completion,
    stopped_by,
    wire_message,
    wire_sampling,
    wire_tool,
)

KEY_VARIABLES = ("DEEPEYES_API_KEY", "OPENAI_API_KEY")
_OPTIONAL = ("seed", "logprobs", "stop", "parallel_tool_calls", "stream_options", "temperature")
_DRAWING = ("temperature", "seed")
"""Those of them that change how replies are drawn: a trace tells that they were left out."""
_ASKED_FOR = ("top_p", "top_k", "min_p", "repetition_penalty")
"""Sent only where somebody asked for them, so never left out: a server that does not know them is refused."""
_TOO_LONG = re.compile(
    r"context.{0,20}length|maximum context|context_length|context size|too many tokens", re.I
)
_FILTERED = re.compile(r"content.?(?:filter|management|policy)|moderation|safety system", re.I)
_TOO_MANY_STOPS = re.compile(r"\bstop\b.{0,40}(?:too (?:long|many)|maximum|at most|up to)", re.I | re.S)
"""OpenAI and others take four."""
_UNSUPPORTED = re.compile(r"unsupported|not support|unknown|unrecogni|not permitted|not allowed|extra", re.I)


_SILENCES = 2
"""Attempts without any answer after which a server is held to hang: more would use up an episode's time, and
the failure would look like the model's.
"""


class _Silent(TryAgain):
    """The server took the request and said nothing."""


class OpenAIModel:
    """`seconds` bounds one attempt without any answer; `retries` counts further attempts, of which only one
    follows on silence.
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
    ) -> None:
        self.model = model
        self.name = f"openai:{model}@{_without_credentials(base_url)}"
        self.vision = vision
        self.dialect_name = dialect_name
        self.prompt = prompt
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._place = _without_credentials(base_url)
        self._logprobs = logprobs
        self._seconds = seconds
        self._retry = RetryPolicy(retries, retry_seconds)
        self._extra = dict(extra or {})
        self._transport = transport
        self._unknown: set[str] = set()
        self._other_limit = False
        """Whether the server wants `max_completion_tokens` for `max_tokens`."""
        self._answered = False
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def at(cls, place: str, **settings: Any) -> OpenAIModel:
        """The model of a `place`, written MODEL@BASE_URL."""
        model, _, base_url = place.partition("@")
        return cls(model, base_url, **settings)

    def conversation(self, sampling: Sampling = Sampling()) -> MessageConversation:
        return MessageConversation(self, sampling)

    async def aclose(self) -> None:
        client, self._client = self._client, None
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
        body: Json = {
            "model": self.model,
            "messages": await asyncio.to_thread(lambda: [wire_message(message) for message in messages]),
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
        left_out = [key for key in _DRAWING if key in self._unknown]
        notes = [f"{self.model} was asked without {key}, which its server does not take" for key in left_out]
        return replace(completion, notes=tuple(notes)) if notes else completion

    async def _persist(self, body: Json, stop: Sequence[str], on_text: OnText | None) -> Completion:
        """Attempts until one succeeds or trying again is no use."""
        silences = 0

        def give_up_on_silence(problem: TryAgain) -> None:
            nonlocal silences
            silences += isinstance(problem, _Silent)
            if silences >= _SILENCES:
                raise problem

        try:
            return await retry(
                lambda: self._attempt(body, stop, on_text), self._retry, before_wait=give_up_on_silence
            )
        except TryAgain as problem:
            raise ServerError(
                f"the model server at {self._place} {problem} ({problem.tried})",
                "check that it is running and reachable, or name another with openai:MODEL@BASE_URL",
            ) from problem

    async def _attempt(self, body: Json, stop: Sequence[str], on_text: OnText | None) -> Completion:
        reply = Accumulator()
        sent = self._known(body)
        try:
            with boundary(
                ModelError,
                f"sending a request to {self._place}",
                "check the base URL; it looks like http://127.0.0.1:8000/v1",
                expected=(httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError),
            ):
                async with self._open().stream("POST", self._url, json=sent, headers=_headers()) as response:
                    if response.status_code != 200:
                        await response.aread()
                        if self._learns_from(response, sent):
                            return await self._attempt(body, stop, on_text)
                        return self._refused(response, sent)
                    if "text/event-stream" not in response.headers.get("content-type", ""):
                        await response.aread()
                        completion, mark = self._whole(response)
                        self._answered = True
                        if on_text is not None:
                            on_text(completion.text)
                        return finished(completion, mark, stop)
                    await _listen(response, reply, on_text)
                    self._answered = True
        except httpx.TimeoutException as error:
            kind = _Silent if isinstance(error, httpx.ReadTimeout) else TryAgain
            raise kind(f"did not answer in {self._seconds:g} s") from error
        except (httpx.TransportError, httpx.DecodingError, Unreadable) as error:
            if reply.text and on_text is not None:
                raise InfrastructureError(
                    f"the model server at {self._place} stopped in mid-reply"
                ) from error
            raise TryAgain(_problem(error)) from error
        return finished(reply.completion(), reply.stopped_by, stop)

    def _whole(self, response: httpx.Response) -> tuple[Completion, object]:
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
        completion = read_completion(data)
        return completion, stopped_by(data["choices"][0])

    def _learns_from(self, response: httpx.Response, sent: Json) -> bool:
        """Whether the refusal names a parameter of the request `sent` that is left out, or called otherwise,
        from now on.
        """
        text = response.text
        if response.status_code not in (400, 422) or _TOO_LONG.search(text):
            return False
        if "stop" in sent and _TOO_MANY_STOPS.search(text):
            self._unknown.add("stop")  # `finished` ends the reply there all the same
            return True
        if not _UNSUPPORTED.search(text):
            return False
        if "max_completion_tokens" in text and "max_tokens" in sent:
            self._other_limit = True
            return True
        unknown = [key for key in _OPTIONAL if key in sent and _names(text, key)]
        self._unknown.update(unknown)
        return bool(unknown)

    def _refused(self, response: httpx.Response, sent: Json) -> Completion:
        """Every other answer to `sent` but 200: raises, or is a reply that the provider's filter stopped."""
        status, text = response.status_code, _redacted(response.text)
        if status in (408, 409, 425, 429) or status >= 500:
            asked = retry_after(response.headers.get("retry-after", ""), time.time())
            raise TryAgain(f"answers with status {status}", asked)
        if status in (401, 403):
            raise ModelError(
                f"the model server at {self._place} refuses the key (status {status})",
                f"set {KEY_VARIABLES[0]} or {KEY_VARIABLES[1]} to a key it accepts",
            )
        if status == 404:
            raise ModelError(
                f"the model server at {self._place} has no model {self.model!r} (status 404)",
                f"see {self._place}/models for its models; the base URL usually ends in /v1",
            )
        if status in (400, 413, 422) and _TOO_LONG.search(text):
            raise ContextOverflow("the conversation does not fit the model's context", "lower --limit turns")
        if status == 400 and _FILTERED.search(text):
            return Completion("", finish_reason="content_filter")
        refusal = f"the model server at {self._place} refuses the request (status {status}): {text[:200]}"
        asked = [key for key in _ASKED_FOR if key in sent and _names(text, key)]
        if status in (400, 422) and asked and _UNSUPPORTED.search(text):
            raise ModelError(
                f"the model server at {self._place} does not take {asked[0]} (status {status}): {text[:200]}",
                f"leave {asked[0]} out, or use a server that takes it (vLLM and SGLang do)",
            )
        if self._answered:  # it can be asked, only not this
            raise ServerError(refusal, "see what is special about the question or its pictures")
        raise ModelError(refusal, "check that the model takes pictures and that its context is long enough")

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
            self._client = httpx.AsyncClient(timeout=timeout, limits=limits, transport=self._transport)
        return self._client


async def _listen(response: httpx.Response, reply: Accumulator, on_text: OnText | None) -> None:
    """Read an event stream to its end into `reply`."""
    async for line in response.aiter_lines():
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or not data:
            continue
        if data == "[DONE]":
            return
        piece = reply.add_event(data)
        if piece and on_text is not None:
            on_text(piece)
    if not reply.finish_reason:
        raise Unreadable("a stream that ends in the middle")


def _names(text: str, parameter: str) -> bool:
    """Whether a refusal speaks of this parameter, and not of one whose name holds its name."""
    return re.search(rf"\b{parameter}\b", text) is not None


def _headers() -> dict[str, str]:
    key = _key()
    if not key.isascii() or not key.isprintable():
        raise ModelError("the API key holds characters that no key has", f"set {KEY_VARIABLES[0]} again")
    return {"Authorization": f"Bearer {key}"} if key else {}


def _key() -> str:
    return next((key for name in KEY_VARIABLES if (key := os.environ.get(name, "").strip())), "")


def _redacted(text: str) -> str:
    key = _key()
    flat = " ".join(text.split())
    return flat.replace(key, "***") if key else flat


def _without_credentials(url: str) -> str:
    with boundary(
        ModelError,
        f"reading the base URL {url!r}",
        "write it like http://127.0.0.1:8000/v1",
        expected=ValueError,
    ):
        parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="")).rstrip("/")


def _problem(error: Exception) -> str:
    if isinstance(error, Unreadable):
        return f"sends {error}"
    return "cannot be reached" if isinstance(error, httpx.ConnectError) else "breaks the connection"
