"""One chat-completions server as a model finds it: a request is sent when it is our turn, its answer read.

What always holds: every request goes out when the server's pace allows it, with the server's own key, and
its cost is told to the pace; what comes of it is a `Completion`, a `Refused`, a `TryAgain` for what may pass,
or an error that trying again cannot help; a parameter that the server does not know is left out from then on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import httpx

from deepeyes.core.errors import (
    ContextOverflow,
    InfrastructureError,
    ModelError,
    ServerError,
    boundary,
)
from deepeyes.core.retrying import TryAgain
from deepeyes.core.trace import Usage
from deepeyes.models.base import Completion
from deepeyes.models.openai_refusal import Refusal, ServerSaid, read_refusal, read_said
from deepeyes.models.openai_reply import Accumulator, Unreadable, read_completion
from deepeyes.models.openai_stream import event_data
from deepeyes.models.openai_wire import Json, Request
from deepeyes.models.pacing import BUSY, Busy, asked_wait, pace_of
from deepeyes.models.providers import Provider

_OPTIONAL = ("seed", "logprobs", "stop", "parallel_tool_calls", "stream_options", "temperature")
_UNTOLD = ("stop", "parallel_tool_calls", "stream_options")
"""Those of them that change nothing in what comes back; a trace tells when others were left out."""
_ASKED_FOR = ("top_p", "top_k", "min_p", "repetition_penalty")
"""Sent only where somebody asked for them, so never left out: a server that does not know them is refused."""


class Silent(TryAgain):
    """The server took the request and said nothing."""


class Refused(Exception):
    """The server does not do what `request`, which was `sent` so, asks for."""

    def __init__(
        self, refusal: Refusal, request: Request, sent: Json, began: float, wait: float | None
    ) -> None:
        super().__init__(refusal.words)
        self.refusal = refusal
        self.request = request
        self.sent = sent
        self.began = began
        """When it was sent, by its pace."""
        self.wait = wait
        """Seconds that the server asks for."""


class Server:
    """The server of `provider`, asked for `model`; `seconds` bounds one request without any answer."""

    def __init__(
        self,
        provider: Provider,
        model: str,
        seconds: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.provider = provider
        self.pace = pace_of(provider)
        self.place = provider.place
        self._model = model
        self._seconds = seconds
        self._transport = transport
        self._unknown: set[str] = set()
        self._other_limit = False
        """Whether the server wants `max_completion_tokens` for `max_tokens`."""
        self._answered = False
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def aclose(self) -> None:
        client, self._client = self._client, None
        self.pace.tell_spending(self.provider)
        if client is not None:
            await client.aclose()

    async def answer(self, request: Request) -> Completion:
        """As `attempt`, with what a refusal means."""
        try:
            return await self.attempt(request)
        except Refused as refused:
            return self.settle(refused)

    async def attempt(self, request: Request) -> Completion:
        """One request, and as many more as it takes to learn which parameters the server does not take.

        Raises `Refused` where the server does not answer it, `TryAgain` for what may pass.
        """
        while True:
            try:
                return await self._send(request)
            except Refused as refused:
                if not self._learns_from(refused):
                    raise

    async def _send(self, request: Request) -> Completion:
        """One request, when it is our turn."""
        reply = Accumulator()
        async with self.pace.turn(self.provider) as began:
            sent = self._known(request.body)
            try:
                with boundary(
                    ModelError,
                    f"sending a request to {self.place}",
                    "check the base URL; it looks like http://127.0.0.1:8000/v1",
                    expected=(httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError),
                ):
                    headers = self.provider.request_headers()
                    async with self._open().stream(
                        "POST", self.provider.endpoint, json=sent, headers=headers
                    ) as response:
                        if response.status_code == 200:
                            completion = await self._heard(response, reply, request)
                            self._answered = True
                            return self._counted(completion, request)
                        await response.aread()
                        refusal = read_refusal(response.status_code, self.provider.hide(response.text))
                        asked = asked_wait(response.headers, refusal.text, time.time())
            except (httpx.TimeoutException, TimeoutError) as error:
                silent = isinstance(error, httpx.ReadTimeout | TimeoutError)
                raise (Silent if silent else TryAgain)(f"did not answer in {self._seconds:g} s") from error
            except ServerSaid as error:
                words = self.provider.hide(error.words)
                if reply.text and request.on_text is not None:
                    raise self._broken(f": {words}") from error
                refusal, asked = read_said(words, error.status), None
            except (httpx.TransportError, httpx.DecodingError, Unreadable) as error:
                if reply.text and request.on_text is not None:
                    raise self._broken("") from error
                raise TryAgain(_problem(error)) from error
        raise Refused(refusal, request, sent, began, asked)

    async def _heard(self, response: httpx.Response, reply: Accumulator, request: Request) -> Completion:
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
                f"the model server at {self.place} answers with a web page instead of JSON",
                "check the base URL; it usually ends in /v1",
            )
        try:
            data = response.json()
        except (ValueError, RecursionError) as error:
            raise Unreadable("damaged JSON") from error
        return read_completion(data, stop)

    def _counted(self, completion: Completion, request: Request) -> Completion:
        """The completion, once its pace has been told of its cost."""
        usage = completion.usage
        if not (usage.prompt_tokens or usage.completion_tokens):
            usage = Usage(prompt_tokens=request.read, completion_tokens=len(completion.text) // 4 + 1)
        self.pace.answered(self.provider, usage)
        return completion

    def _broken(self, why: str) -> InfrastructureError:
        return InfrastructureError(
            f"the model server at {self.place} stopped in mid-reply{why}",
            "look into its log for why it ended, and ask again",
        )

    def _learns_from(self, refused: Refused) -> bool:
        """Whether the refusal names a parameter of the request that is left out, or called otherwise, from
        now on.
        """
        refusal, sent = refused.refusal, refused.sent
        if refusal.status not in (400, 422) or refusal.too_long:
            return False
        if "stop" in sent and refusal.of_stops:
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

    def settle(self, refused: Refused) -> Completion:
        """What a refusal means: raises, or is a reply that the provider's filter or the limit stopped."""
        refusal, sent = refused.refusal, refused.sent
        status, text = refusal.status, refusal.words
        told = f"the model server at {self.place} refuses the request (status {status}): {text[:200]}"
        if "tools" in sent and refusal.of_tools(sent) and not refusal.too_long:
            raise ModelError(told, "it takes no tool calls: speak to it with --dialect deepeyes_v2/lenient")
        if status in (408, 409, 425, 429) or status >= 500:
            said = f": {text[:200]}" if text and text != refusal.text else ""
            if status in BUSY:
                self.pace.refused(refused.began)
                raise Busy(f"answers with status {status}{said}", refused.wait)
            raise TryAgain(f"answers with status {status}{said}", refused.wait)
        if status in (401, 403):
            raise ModelError(
                f"the model server at {self.place} refuses the key (status {status})",
                self.provider.key_remedy,
            )
        if status == 404:
            raise ModelError(
                f"the model server at {self.place} has no model {self._model!r} (status 404)",
                f"see {self.place}/models for its models; the base URL usually ends in /v1",
            )
        if status in (400, 413, 422) and refusal.too_long:
            raise ContextOverflow("the conversation does not fit the model's context", "lower --limit turns")
        if status == 400 and refusal.filtered:
            return self._counted(Completion("", finish_reason="content_filter"), refused.request)
        if status == 400 and refusal.cut_off:
            return self._counted(Completion("", finish_reason="length"), refused.request)
        unknown = refusal.parameter([key for key in _ASKED_FOR if key in sent])
        if status in (400, 422) and unknown is not None:
            raise ModelError(
                f"the model server at {self.place} does not take {unknown} (status {status}): {text[:200]}",
                f"leave {unknown} out, or use a server that takes it (vLLM and SGLang do)",
            )
        if self._answered:  # it can be asked, only not this
            raise ServerError(told, "see what is special about the question or its pictures")
        raise ModelError(told, "check that the model takes pictures and that its context is long enough")

    def left_out(self, request: Request) -> list[str]:
        """The parameters that the server does not take and whose absence may change a reply."""
        told = [key for key in _OPTIONAL if key in self._unknown and key not in _UNTOLD]
        return [key for key in told if key in request.body]

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


def _problem(error: Exception) -> str:
    if isinstance(error, Unreadable):
        return f"sends {error}"
    if isinstance(error, httpx.ProxyError):
        return "cannot be reached through the proxy that the environment names"
    return "cannot be reached" if isinstance(error, httpx.ConnectError) else "breaks the connection"
