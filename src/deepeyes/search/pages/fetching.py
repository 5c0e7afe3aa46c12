"""Fetching one thing from the public web, for the page reader and for thumbnails.

What always holds: http and https only, no user or password in the address, the usual ports only; every hop
is judged by `addresses.py` and connected to at the judged address, certificates checked against the name;
nothing is sent beyond the request itself (no cookies, no credentials, no proxy, no referrer); size, time
and number of redirects are bounded, decompressed size included. What cannot be had is a `Problem` that says
whether it may pass.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_network
from urllib.parse import urljoin

import httpx

from deepeyes import __version__
from deepeyes.core.retrying import retry_after
from deepeyes.search.pages.addresses import Blocked, Network, Resolver, judge, system_resolver

USER_AGENT = f"deepeyes/{__version__} (reads single pages that a person or an agent asked for; no crawling)"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
_PAGES = "text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.5"


class Problem(Exception):
    """Nothing was fetched. `passing` if that may change by itself, `wait` seconds if the site says when;
    `missing` if there is no such page.
    """

    def __init__(
        self, what: str, *, passing: bool = False, missing: bool = False, wait: float | None = None
    ) -> None:
        super().__init__(what)
        self.passing = passing
        self.missing = missing
        self.wait = wait


@dataclass(frozen=True)
class FetchLimits:
    seconds: float = 15.0
    """For everything: names, redirects and the whole body."""
    max_bytes: int = 4 * 2**20
    """After decompression."""
    redirects: int = 5
    max_url: int = 2048
    ports: tuple[int, ...] = (80, 443, 8080, 8443)
    networks: tuple[str, ...] = ()
    """Networks that may be reached although they are not public, such as "10.1.0.0/16"."""


@dataclass(frozen=True)
class Fetched:
    url: str
    """Where the last redirect led."""
    kind: str
    """Media type, lower case, without parameters."""
    charset: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class _Wanted:
    """What a caller takes: media types, in words, and as a header says it."""

    kinds: tuple[str, ...]
    what: str
    accept: str


class Fetcher:
    """Holds no connection and no state but its limits, so it can be shared by everything."""

    def __init__(self, limits: FetchLimits | None = None, *, resolve: Resolver = system_resolver) -> None:
        self.limits = limits or FetchLimits()
        self._resolve = resolve
        self._networks: list[Network] = [ip_network(network) for network in self.limits.networks]

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()

    async def get(
        self, url: str, kinds: Sequence[str] = ("",), *, what: str = "a page of text", accept: str = _PAGES
    ) -> Fetched:
        """What is behind `url`, if its media type starts with one of `kinds`, which are those of `what`.
        Raises `Problem`.
        """
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await self._follow(url, _Wanted(tuple(kinds), what, accept))
        except TimeoutError:
            raise Problem(f"the site did not answer in {self.limits.seconds:g} s", passing=True) from None

    async def _follow(self, url: str, wanted: _Wanted) -> Fetched:
        for _ in range(self.limits.redirects + 1):
            target = self._checked(url)
            result = await self._hop(target, wanted)
            if isinstance(result, Fetched):
                return result
            try:
                url = urljoin(str(target), result)
            except ValueError:
                raise Problem("the site redirects to an address that is none") from None
        raise Problem(f"the site redirects more than {self.limits.redirects} times")

    def _checked(self, url: str) -> httpx.URL:
        if len(url) > self.limits.max_url:
            raise Problem(f"the address is longer than {self.limits.max_url} characters")
        if any(c.isspace() or not c.isprintable() or c == "\\" for c in url):
            raise Problem("the address holds characters that no address has")
        try:
            target = httpx.URL(url).copy_with(fragment=None)
        except (httpx.InvalidURL, ValueError):
            raise Problem("the address cannot be understood") from None
        if target.scheme not in ("http", "https") or not target.host:
            raise Problem("only http and https addresses can be opened")
        if target.userinfo:
            raise Problem("an address with a user name or password is not opened")
        if (target.port or _port(target)) not in self.limits.ports:
            raise Problem(f"port {target.port} is not opened")
        return target

    async def _hop(self, target: httpx.URL, wanted: _Wanted) -> Fetched | str:
        """One request: what came, or where it redirects to."""
        port = target.port or _port(target)
        try:
            addresses = await judge(target.raw_host.decode("ascii"), port, self._resolve, self._networks)
        except Blocked as problem:
            raise Problem(f"the host is not opened: {problem}") from None
        except (OSError, UnicodeError) as error:
            raise _unresolved(error) from None
        # A connection is never kept: two names on one address must not share one (and its certificate).
        verify = self._tls if target.scheme == "https" else False
        async with httpx.AsyncHTTPTransport(
            verify=verify, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        ) as transport:
            for last, address in enumerate(addresses, 1 - len(addresses)):
                request = self._request(target, address, wanted.accept)
                try:
                    response = await transport.handle_async_request(request)
                    try:
                        return await self._read(target, response, wanted)
                    finally:
                        await response.aclose()
                except httpx.ConnectError as error:
                    if "CERTIFICATE_VERIFY_FAILED" in str(error):
                        raise Problem("the site's certificate is not valid") from None
                    if last == 0:
                        raise Problem("the site cannot be reached", passing=True) from None
                except httpx.TimeoutException:
                    raise Problem("the site did not answer in time", passing=True) from None
                except httpx.TransportError:
                    raise Problem("the site broke the connection", passing=True) from None
        raise Problem("the site cannot be reached", passing=True)

    def _request(self, target: httpx.URL, address: str, accept: str) -> httpx.Request:
        """A request to the judged address, under the site's own name."""
        headers = {
            "Host": target.netloc.decode("ascii"),
            "User-Agent": USER_AGENT,
            "Accept": accept,
            "Accept-Encoding": "gzip",
            "Accept-Language": "en,*;q=0.5",
        }
        each = min(10.0, self.limits.seconds)
        timeout = {"connect": each, "read": each, "write": each, "pool": each}
        extensions = {"timeout": timeout, "sni_hostname": target.raw_host.decode("ascii")}
        return httpx.Request(
            "GET", target.copy_with(host=address.partition("%")[0]), headers=headers, extensions=extensions
        )

    async def _read(self, target: httpx.URL, response: httpx.Response, wanted: _Wanted) -> Fetched | str:
        status = response.status_code
        if status in _REDIRECTS and (location := response.headers.get("location")):
            return location
        if status in _GONE:
            raise Problem(f"there is no such page (status {status})", missing=True)
        if status == 429 or status >= 500:
            wait = retry_after(response.headers.get("retry-after", ""), time.time())
            raise Problem(f"the site is busy or broken (status {status})", passing=True, wait=wait)
        if status != 200:
            raise Problem(f"the site refuses (status {status})")
        encoding = response.headers.get("content-encoding", "").lower()
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            raise Problem("it is compressed in a way that is not read")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not kind.startswith(wanted.kinds):
            raise Problem(f"it is not {wanted.what} but {kind or 'of unknown kind'}")
        unpack = zlib.decompressobj(31).decompress if encoding.endswith("gzip") else None
        data = await self._body(response, unpack)
        return Fetched(str(target), kind, response.charset_encoding or "", data)

    async def _body(self, response: httpx.Response, unpack: Callable[[bytes, int], bytes] | None) -> bytes:
        """The body, never holding more than the limit: a bomb is not unpacked to see how large it is."""
        most = self.limits.max_bytes
        data = bytearray()
        async for chunk in response.aiter_raw():
            try:
                data += chunk if unpack is None else unpack(chunk, most + 1 - len(data))
            except zlib.error:
                raise Problem("the site's answer is damaged") from None
            if len(data) > most:
                raise Problem(f"it is larger than {most / 2**20:g} MB")
        return bytes(data)


def _port(target: httpx.URL) -> int:
    return 443 if target.scheme == "https" else 80


def _unresolved(error: Exception) -> Problem:
    if isinstance(error, OSError) and error.errno == socket.EAI_AGAIN:
        return Problem("the host's name cannot be looked up just now", passing=True)
    return Problem("there is no such host", missing=True)
