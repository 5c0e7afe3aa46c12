"""The providers over real sockets: one local server that answers, breaks off, drips and hangs."""

import asyncio
import base64
import io
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from PIL import Image
from search.web_answers import EMPTY, FULL, KEY

from deepeyes.search.base import Hit, SearchUnavailable
from deepeyes.search.pages.fetching import Fetcher, FetchLimits
from deepeyes.search.providers.adapter import Adapter
from deepeyes.search.providers.brave import Brave
from deepeyes.search.providers.calling import MAX_ANSWER_BYTES, ClientPolicy, HttpClient
from deepeyes.search.providers.exa import Exa
from deepeyes.search.providers.online import OnlineText
from deepeyes.search.providers.registry import resolve_text
from deepeyes.search.providers.secrets import Secret
from deepeyes.search.providers.serpapi import SerpApi
from deepeyes.search.providers.serper import Serper
from deepeyes.search.providers.tavily import Tavily
from deepeyes.search.providers.thumbnails import with_thumbnails

Start = Callable[[list[bytes]], Any]
ADAPTERS = (Brave, Exa, SerpApi, Serper, Tavily)
CALM = ClientPolicy(seconds=20.0, retries=1, retry_seconds=0.0, rate=1000)
FAST = ClientPolicy(seconds=0.3, retries=1, retry_seconds=0.0, rate=1000)


class Local:
    """Answers requests in turn with raw bytes; `connections` counts the sockets, `requests` holds heads."""

    def __init__(self, replies: list[bytes]) -> None:
        self.replies = replies
        self.connections = 0
        self.requests: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (line for line in head.lower().split(b"\r\n") if b"content-length" in line), b":0"
                )
                body = await reader.readexactly(int(length.partition(b":")[2]))
                self.requests.append(head + body)
                reply = self.replies[min(len(self.requests), len(self.replies)) - 1]
                if reply == b"HANG":
                    await asyncio.sleep(30)
                if reply == b"DRIP":
                    writer.write(
                        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n"
                    )
                    for _ in range(300):
                        writer.write(b" ")
                        await writer.drain()
                        await asyncio.sleep(0.05)
                writer.write(reply)
                await writer.drain()
                if b"connection: close" in reply:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def local() -> AsyncIterator[Start]:
    servers: list[asyncio.Server] = []

    async def start(replies: list[bytes]) -> Local:
        here = Local(replies)
        server = await asyncio.start_server(here.serve, "127.0.0.1", 0)
        servers.append(server)
        here.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return here

    yield start
    for server in servers:
        server.close()


def reply(status: str, body: object, *headers: str, kind: str = "application/json") -> bytes:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(data)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def opened(adapter: Adapter, here: Local, policy: ClientPolicy = FAST) -> OnlineText:
    adapter.url = here.url + "/search"  # type: ignore[attr-defined]
    return OnlineText(adapter, Secret(KEY), policy=policy)


@pytest.mark.parametrize("kind", ADAPTERS)
async def test_each_over_a_socket(kind: type[Any], local: Start, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    name = kind.name
    busy = reply("429 Too Many Requests", {"error": "slow down"}, "retry-after: 0")
    broken = reply("500 Internal Server Error", "<html>oops", kind="text/html")
    cut = reply("200 OK", FULL[name])[:-30] + b"connection: close"
    full, empty = reply("200 OK", FULL[name]), reply("200 OK", EMPTY[name])
    here = await local([full, empty, busy, full, broken, full])
    search = opened(kind(), here, CALM)
    assert len(await search.search("tower")) == 2
    assert await search.search("nothing") == ()
    assert len(await search.search("again")) == 2
    assert len(await search.search("more")) == 2
    assert here.connections == 1, "one connection is used again and again"
    assert KEY.encode() in here.requests[0] or b"SECRET%2B42" in here.requests[0]
    assert KEY not in caplog.text and "SECRET%2B42" not in caplog.text
    assert "HTTP Request" in caplog.text, "the client does log addresses"
    await search.aclose()

    here = await local([cut])
    search = opened(kind(), here, CALM)
    with pytest.raises(SearchUnavailable, match=r"damaged JSON|breaks the connection|did not answer"):
        await search.search("tower")
    assert len(here.requests) == 2
    await search.aclose()


@pytest.mark.parametrize("way", [b"HANG", b"DRIP"])
async def test_hangs_and_drips_end_in_time(way: bytes, local: Start):
    search = opened(Serper(), await local([way]))
    started = asyncio.get_running_loop().time()
    with pytest.raises(SearchUnavailable, match=r"serper did not answer in 0.3 s \(tried 2 times\)"):
        await search.search("tower")
    assert asyncio.get_running_loop().time() - started < 2
    await search.aclose()


async def test_nobody_there():
    adapter = Serper()
    adapter.url = "http://127.0.0.1:1/search"
    search = OnlineText(adapter, Secret(KEY), policy=FAST)
    with pytest.raises(SearchUnavailable, match=r"serper cannot be reached \(tried 2 times\)"):
        await search.search("tower")
    await search.aclose()


async def test_rubbish_instead_of_http(local: Start):
    search = opened(Serper(), await local([b"\x00\xff not http\r\n\r\n"]), CALM)
    with pytest.raises(SearchUnavailable, match="breaks the connection"):
        await search.search("tower")
    await search.aclose()


async def test_an_answer_without_end(local: Start):
    big = b" " * (MAX_ANSWER_BYTES + 1)
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(big)}\r\n\r\n".encode()
    search = opened(Serper(), await local([head + big]), ClientPolicy(seconds=10, retries=0, rate=1000))
    with pytest.raises(SearchUnavailable, match="sends more than 8 MB"):
        await search.search("tower")
    await search.aclose()


async def test_the_longest_answer_is_read(local: Start):
    whole = b"{}".ljust(MAX_ANSWER_BYTES)
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(whole)}\r\n\r\n".encode()
    )
    here = await local([head + whole])
    client = HttpClient("x", ClientPolicy(seconds=10, retries=0, rate=1000))
    assert await client.call("GET", here.url, dict) == {}
    await client.aclose()


async def test_an_address_that_is_none_of_ours():
    client = HttpClient("x", ClientPolicy(retries=3, rate=1000))
    with pytest.raises(SearchUnavailable, match="not http or https: correct its address"):
        await client.call("GET", "ftp://127.0.0.1/", dict)
    await client.aclose()


async def test_keys_do_not_follow_a_redirect(local: Start):
    trap = await local([reply("200 OK", FULL["serper"])])
    here = await local([reply("307 Temporary Redirect", "", f"location: {trap.url}/steal")])
    search = opened(Serper(), here, CALM)
    with pytest.raises(SearchUnavailable, match="sends us elsewhere"):
        await search.search("tower")
    assert trap.requests == []
    await search.aclose()


async def test_searxng_as_resolved(local: Start, monkeypatch: pytest.MonkeyPatch):
    here = await local([reply("200 OK", FULL["searxng"]), reply("403 Forbidden", "")])
    monkeypatch.setenv("SEARXNG_URL", here.url)
    search = resolve_text("searxng?rate=100")
    assert len(await search.search("tower")) == 2
    with pytest.raises(SearchUnavailable, match="refuses access") as caught:
        await search.search("tower")
    assert "SEARXNG_URL" in caught.value.remedy
    await search.aclose()


async def test_a_cancelled_search_leaves_nothing_behind(local: Start):
    here = await local([b"HANG"])
    client = HttpClient("x", ClientPolicy(seconds=30, rate=1000, concurrency=1))
    for _ in range(2):
        task = asyncio.create_task(client.call("GET", here.url, lambda data: data))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert here.connections == 2, "the slot was free again"
    await client.aclose()


def png(size: tuple[int, int], colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB" if max(size) < 2000 else "1", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


async def test_thumbnails_are_fetched_small_and_may_fail(local: Start):
    def raw(data: bytes, kind: str = "image/png") -> bytes:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\nconnection: close"
        return head.encode() + b"\r\n\r\n" + data

    red = await local([raw(png((900, 300), "red"))])
    page = await local([raw(b"<html>", "text/html")])
    junk = await local([raw(b"\x89PNG junk")])
    huge = await local([raw(png((5000, 5000), "white"))])
    inline = "data:image/png;base64," + base64.b64encode(png((8, 8), "blue")).decode()
    inside = "http://127.0.0.2:80/x.png"
    ports = tuple(int(server.url.rpartition(":")[2]) for server in (red, page, junk, huge))
    fetcher = Fetcher(FetchLimits(ports=(80, *ports), networks=("127.0.0.1/32",)))
    urls = [
        red.url + "/a",
        page.url,
        junk.url,
        huge.url,
        inline,
        "data:,x",
        "data:image/png;base64,!",
        "",
        inside,
    ]
    hits = await with_thumbnails(
        [(Hit(str(i), "https://e.org/"), url) for i, url in enumerate(urls)], fetcher
    )
    assert [hit.title for hit in hits] == [str(i) for i in range(len(urls))]
    assert [hit.image and hit.image.size for hit in hits] == [(256, 85), *[None] * 3, (8, 8), *[None] * 4]
