"""Keys: read from the environment when a search is opened, and shown to nobody.

What always holds: a key is attached to a request in the last step before the socket (`Signed`), so that no
client, log record or exception above it ever holds one; everything a server says is passed through `hide`
before anybody reads it, so that an echoed key reaches no hit, cache, trace or error.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, quote_plus

import httpx

from deepeyes.core.errors import ConfigError

_SHORTEST = 8
"""A shorter key could not be hidden without hiding ordinary words."""


class Secret:
    """A value that prints as stars."""

    def __init__(self, value: str = "", also: Iterable[str] = ()) -> None:
        self._value = value
        forms = {form for text in (value, *also) for form in (text, quote(text, safe=""), quote_plus(text))}
        self._forms = sorted(forms - {""}, key=len, reverse=True)

    def __repr__(self) -> str:
        return "Secret(***)"

    def reveal(self) -> str:
        return self._value

    def hide(self, text: str) -> str:
        """`text` without the secret (and what goes `also` with it), quoted or not."""
        for form in self._forms:
            text = text.replace(form, "***")
        return text


def read_key(name: str, variable: str) -> Secret:
    """The key in the environment variable. Raises `ConfigError`, which never shows it."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigError(f"{name} needs a key and {variable} is not set", f"export {variable}=YOUR_KEY")
    if len(value) < _SHORTEST or not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError(f"{variable} does not hold a key", "set it again, without quotes or line breaks")
    return Secret(value)


class Sign(Protocol):
    """Gives the request with the key attached."""

    def __call__(self, request: httpx.Request, key: str) -> httpx.Request: ...


@dataclass(frozen=True)
class InHeader:
    """The key is a header."""

    name: str
    prefix: str = ""

    def __call__(self, request: httpx.Request, key: str) -> httpx.Request:
        headers = httpx.Headers(request.headers)
        headers[self.name] = self.prefix + key
        return _copy(request, request.url, headers)


@dataclass(frozen=True)
class InQuery:
    """The key is a parameter of the address, where a provider documents no other way."""

    name: str

    def __call__(self, request: httpx.Request, key: str) -> httpx.Request:
        return _copy(request, request.url.copy_merge_params({self.name: key}), request.headers)


def _copy(request: httpx.Request, url: httpx.URL, headers: httpx.Headers) -> httpx.Request:
    return httpx.Request(
        request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
    )


class Signed(httpx.AsyncBaseTransport):
    """Another transport, with the key attached to what goes through."""

    def __init__(self, inner: httpx.AsyncBaseTransport, sign: Sign, key: Secret) -> None:
        self._inner = inner
        self._sign = sign
        self._key = key

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._inner.handle_async_request(self._sign(request, self._key.reveal()))

    async def aclose(self) -> None:
        await self._inner.aclose()
