"""Asking a provider over HTTP, for all of them alike.

What always holds: a call ends within `seconds` per attempt and `retries` further attempts, a hang and a
drip included; what may pass (429, 5xx, a broken connection, damaged JSON) is tried again with growing,
jittered waits or the server's own Retry-After; any other status is final; nothing but `SearchUnavailable`
leaves, and no message holds a key, a full address or a page of HTML. At most `concurrency` requests are
under way, over kept connections.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import httpx

from deepeyes.core.retrying import RetryPolicy, TryAgain, retry, retry_after
from deepeyes.search.base import SearchUnavailable
from deepeyes.search.providers.adapter import Declined, Json, Unreadable
from deepeyes.search.providers.limits import Budget, TokenBucket
from deepeyes.search.providers.secrets import Secret, Sign, Signed

MAX_ANSWER_BYTES = 8 * 2**20
_MAX_WAIT = 60.0
_BUSY = frozenset({408, 409, 425, 429})
_KEY_REFUSED = frozenset({401, 403})
_QUOTA_SPENT = frozenset({402, 432, 433})

_T = TypeVar("_T")


@dataclass(frozen=True)
class ClientPolicy:
    """How a provider is treated."""

    seconds: float = 20.0
    """Longest an attempt may take, from the first byte sent to the last received."""
    retries: int = 3
    retry_seconds: float = 1.0
    rate: float = 1.0
    concurrency: int = 8


class HttpClient:
    """Asks one provider. Usable from one event loop after another; close it with `aclose`."""

    def __init__(
        self,
        name: str,
        policy: ClientPolicy,
        *,
        key: Secret | None = None,
        sign: Sign | None = None,
        variable: str = "",
        cap: int | None = None,
        patience: Callable[[httpx.Headers], float | None] | None = None,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
    ) -> None:
        self.name = name
        self.budget = Budget(name, cap)
        self.secret = key or Secret()
        self._policy = policy
        self._retry = RetryPolicy(policy.retries, policy.retry_seconds, _MAX_WAIT, leave_if_longer=True)
        self._sign = sign
        self._variable = variable
        self._patience = patience
        self._transport = transport
        self._bucket = TokenBucket(policy.rate, burst=max(1, round(policy.rate)))
        self._client: httpx.AsyncClient | None = None
        self._slots = asyncio.Semaphore(policy.concurrency)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def aclose(self) -> None:
        client, self._client, loop = self._client, None, self._loop
        if client is not None and loop is asyncio.get_running_loop():
            await client.aclose()

    async def call(
        self,
        method: str,
        url: str,
        read: Callable[[Json], _T],
        *,
        costs: bool = True,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
        form: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> _T:
        """What `read` makes of the answer. Raises `SearchUnavailable` (and its child `SpendingCap`).

        `read` may raise `Unreadable` (tried again) or `Declined` (tried again if that may help). A call that
        `costs` counts against the cap, each attempt of it.
        """

        async def attempt() -> _T:
            client = self._open()
            async with self._slots:
                await self._bucket.wait()
                if costs:
                    self.budget.spend()
                request = client.build_request(method, url, params=params, json=body, data=form, files=files)
                return await self._attempt(client, request, read)

        try:
            return await retry(attempt, self._retry)
        except TryAgain as problem:
            asked = problem.wait or 0.0
            later = f", asks to wait {asked:.0f} s" if asked > _MAX_WAIT else ""
            raise SearchUnavailable(
                f"{self.name} {problem}{later} ({problem.tried})",
                "try again later, use another provider, or replay a recording",
            ) from None

    async def _attempt(
        self, client: httpx.AsyncClient, request: httpx.Request, read: Callable[[Json], _T]
    ) -> _T:
        # Errors of the transport are named, not quoted and not chained: their text can hold addresses.
        try:
            async with asyncio.timeout(self._policy.seconds):
                response = await client.send(request, stream=True)
                try:
                    text = self.secret.hide(await _text(response))
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise TryAgain(f"did not answer in {self._policy.seconds:g} s") from None
        except httpx.ConnectError:
            raise TryAgain("cannot be reached") from None
        except httpx.UnsupportedProtocol:
            raise self._final("has an address that is not http or https", "correct its address") from None
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL):
            raise TryAgain("breaks the connection") from None
        if response.status_code != 200:
            raise self._refused(response, text)
        return self._read(response, text, read)

    def _read(self, response: httpx.Response, text: str, read: Callable[[Json], _T]) -> _T:
        if "html" in response.headers.get("content-type", "") or text.lstrip()[:1] == "<":
            raise self._final("answers with a web page instead of JSON", self._check_access())
        try:
            data: Any = json.loads(text)
        except (ValueError, RecursionError):
            raise TryAgain("sends damaged JSON") from None
        if not isinstance(data, Mapping):
            raise TryAgain("sends an answer that is not a JSON object")
        try:
            return read(cast("Json", data))
        except Unreadable as problem:
            raise TryAgain(f"sends {problem}") from None
        except Declined as problem:
            if problem.passing:
                raise TryAgain(f"says: {_brief(str(problem))}") from None
            raise self._final(f"says: {_brief(str(problem))}", "see the provider's status page") from None

    def _refused(self, response: httpx.Response, text: str) -> Exception:
        status, said = response.status_code, _said(text)
        spent = _out_of_quota(said)
        if status in _KEY_REFUSED:
            return self._final(f"refuses access (status {status}){_quoted(said)}", self._check_access())
        if status in _QUOTA_SPENT or (status in (400, 429) and spent):
            return self._final(
                f"has no calls left on this plan (status {status}){_quoted(said)}",
                "extend the plan, use another provider, or replay a recording",
            )
        if status in _BUSY or status >= 500:
            own = self._patience(response.headers) if self._patience and status == 429 else None
            asked = retry_after(response.headers.get("retry-after", ""), time.time())
            return TryAgain(f"answers with status {status}{_quoted(said)}", asked or own)
        if 300 <= status < 400:
            return self._final(f"sends us elsewhere (status {status})", "check its address")
        return self._final(
            f"refuses the request (status {status}){_quoted(said)}", "see the provider's documentation"
        )

    def _final(self, what: str, remedy: str) -> SearchUnavailable:
        return SearchUnavailable(f"{self.name} {what}", remedy)

    def _check_access(self) -> str:
        return f"check {self._variable}" if self._variable else "check its address"

    def _open(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:  # connections and slots belong to one loop
            self._loop = loop
            self._slots = asyncio.Semaphore(self._policy.concurrency)
            limits = httpx.Limits(
                max_connections=self._policy.concurrency, max_keepalive_connections=self._policy.concurrency
            )
            inner = self._transport() if self._transport else httpx.AsyncHTTPTransport(limits=limits)
            transport = Signed(inner, self._sign, self.secret) if self._sign else inner
            timeout = httpx.Timeout(self._policy.seconds, connect=min(10.0, self._policy.seconds))
            self._client = httpx.AsyncClient(timeout=timeout, transport=transport)
        return self._client


def _out_of_quota(said: str) -> bool:
    """Whether an error's words mean that the account is used up, where the status does not tell."""
    return any(
        words in said.lower() for words in ("run out of searches", "not enough credits", "exceeds your plan")
    )


async def _text(response: httpx.Response) -> str:
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > MAX_ANSWER_BYTES:
            raise TryAgain(f"sends more than {MAX_ANSWER_BYTES // 2**20} MB")
    return data.decode("utf-8", "replace")


def _said(text: str) -> str:
    """The words of an error answer: from its JSON where there is some, nothing from a web page."""
    try:
        here: Any = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip()[:1] == "<" else text
    for _ in range(4):
        if not isinstance(here, Mapping):
            break
        found = cast("Mapping[str, Any]", here)
        here = next((found[key] for key in ("error", "detail", "message") if found.get(key)), "")
    return here if isinstance(here, str) else ""


def _quoted(said: str) -> str:
    brief = _brief(said)
    return f": {brief}" if brief else ""


def _brief(said: str) -> str:
    flat = "".join(c if c.isprintable() else " " for c in said)
    return " ".join(flat.split())[:160]
