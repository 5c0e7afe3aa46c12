"""The adapters of the online providers against what they document, and against what goes wrong."""

import asyncio
import base64
import io
import json
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from search.web_answers import (
    BRAVE_BUSY,
    EMPTY,
    FULL,
    KEY,
    LENS,
    LENS_EMPTY,
    REFUSED,
    SPENT,
    VARIABLES,
)
from search.web_answers import NAMES as TEXT_NAMES

from deepeyes.core.errors import ConfigError
from deepeyes.search.base import Hit, SearchUnavailable
from deepeyes.search.pages.fetching import Fetcher
from deepeyes.search.providers.adapter import Ask, Declined, Unreadable, iso_date, ranked
from deepeyes.search.providers.brave import Brave
from deepeyes.search.providers.limits import SpendingCap, TokenBucket
from deepeyes.search.providers.online import tidy_query
from deepeyes.search.providers.registry import adapter_class, names, resolve, resolve_images, resolve_text
from deepeyes.search.providers.searxng import Searxng

BASIC = base64.b64encode(f"user:{KEY}".encode()).decode()
Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Server:
    """Gives its replies in turn, the last one for ever, and keeps the requests as they would leave."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []
        self.bodies: list[Any] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self.requests.append(request)
        is_json = request.headers.get("content-type") == "application/json"
        self.bodies.append(json.loads(body) if is_json else body)
        reply = self.replies[min(len(self.requests), len(self.replies)) - 1]
        if isinstance(reply, Exception):
            raise reply
        if callable(reply):
            return reply(request)
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.setenv(variable, KEY)
    monkeypatch.setenv("SEARXNG_URL", f"http://user:{quote(KEY, safe='')}@127.0.0.1:8080/")


def opened(name: str, server: Server, settings: str = ""):
    return resolve_text(f"{name}?rate=1000{settings}", transport=server.transport)


def page() -> httpx.Response:
    return httpx.Response(200, text="<!doctype html><p>Hi</p>", headers={"content-type": "text/html"})


def picture(size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert("RGB")


# ---- what they answer


@pytest.mark.parametrize("name", TEXT_NAMES)
async def test_hits_as_documented(name: str):
    server = Server(httpx.Response(200, json=FULL[name]))
    search = opened(name, server)
    hits = await search.search("tallest tower", k=5)
    first, second = hits
    assert (first.title, first.url) == ("Tower & heights", "https://example.org/tower")
    assert first.snippet == "The tower is 330 m tall." and first.date == "2024-03-03"
    assert first.source == name and first.score > second.score > 0
    assert second.date == "" and search.name == name
    assert len(server.requests) == 1
    await search.aclose()


@pytest.mark.parametrize("name", TEXT_NAMES)
async def test_fewer_hits_than_given(name: str):
    server = Server(httpx.Response(200, json=FULL[name]))
    assert len(await opened(name, server).search("tower", k=1)) == 1
    assert await opened(name, server).search("tower", k=0) == ()


@pytest.mark.parametrize("name", TEXT_NAMES)
async def test_finding_nothing_is_an_answer(name: str):
    server = Server(httpx.Response(200, json=EMPTY[name]))
    assert await opened(name, server).search("zzz") == ()
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", TEXT_NAMES)
async def test_an_empty_query_costs_nothing(name: str):
    server = Server(httpx.Response(200, json=FULL[name]))
    for query in ("", "  \n", "\x00\u200b"):
        assert await opened(name, server).search(query) == ()
    assert server.requests == []


@pytest.mark.parametrize("name", TEXT_NAMES)
@pytest.mark.parametrize(
    "query", ["x" * 100_000, "word " * 20_000, "a\x00b\x1bc\nd", "برج", "最高的塔", "🗼🗼"]
)
async def test_odd_queries_are_made_askable(name: str, query: str):
    server = Server(httpx.Response(200, json=EMPTY[name]))
    search = opened(name, server)
    assert await search.search(query) == ()
    request, body = server.requests[0], server.bodies[0]
    sent = body.get("q") or body.get("query") if isinstance(body, dict) else request.url.params["q"]
    assert 0 < len(sent) <= 2000 and sent.isprintable()


def test_keys_go_where_they_are_documented():
    def sent(name: str, settings: str = "") -> tuple[httpx.Request, Any]:
        server = Server(httpx.Response(200, json=EMPTY[name]))
        asyncio.run(opened(name, server, settings).search("q"))
        return server.requests[0], server.bodies[0]

    request, body = sent("serper", "&freshness=week&domains=a.org,b.org&exclude=c.org&k=7")
    assert request.method == "POST" and str(request.url) == "https://google.serper.dev/search"
    assert request.headers["X-API-KEY"] == KEY
    assert body == {"q": "q (site:a.org OR site:b.org) -site:c.org", "num": 7, "tbs": "qdr:w"}

    request, _ = sent("serpapi", "&freshness=day")
    assert request.method == "GET" and request.url.host == "serpapi.com" and request.url.path == "/search"
    params = {"engine": "google", "q": "q", "num": "10", "output": "json", "tbs": "qdr:d", "api_key": KEY}
    assert dict(request.url.params) == params

    request, body = sent("tavily", "&freshness=month&domains=a.org&exclude=c.org")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert body["time_range"] == "month" and body["include_domains"] == ["a.org"]
    assert body["exclude_domains"] == ["c.org"] and body["max_results"] == 10 and body["query"] == "q"

    request, _ = sent("brave", "&freshness=year&k=50")
    assert request.headers["X-Subscription-Token"] == KEY
    assert request.url.params["freshness"] == "py" and request.url.params["count"] == "20"

    request, body = sent("exa", "&freshness=day&domains=a.org")
    assert request.headers["x-api-key"] == KEY and body["contents"] == {"highlights": True}
    day = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    assert body["startPublishedDate"].startswith(day) and body["includeDomains"] == ["a.org"]

    request, _ = sent("searxng", "&freshness=week")
    assert str(request.url) == "http://127.0.0.1:8080/search?q=q&format=json&time_range=month"
    assert request.headers["Authorization"] == f"Basic {BASIC}"


@pytest.mark.parametrize("name", TEXT_NAMES)
async def test_domain_filters_hold_whatever_comes_back(name: str):
    server = Server(httpx.Response(200, json=FULL[name]))
    only = await opened(name, server, "&domains=example.com").search("tower")
    assert [hit.url for hit in only] == ["https://other.example.com/a"]
    rest = await opened(name, server, "&exclude=example.com").search("tower")
    assert [hit.url for hit in rest] == ["https://example.org/tower"]


# ---- what goes wrong


@pytest.mark.parametrize("name", TEXT_NAMES)
@pytest.mark.parametrize(
    "first",
    [
        httpx.Response(429, headers={"retry-after": "0"}),
        httpx.Response(500, text="<html>oops</html>"),
        httpx.Response(503),
        httpx.Response(200, text='{"results": [{"ti'),
        httpx.Response(200, text="[1]"),
        httpx.Response(200, text='{"unexpected": 1}'),
        httpx.Response(200, text=""),
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("rubbish"),
    ],
)
async def test_what_may_pass_is_tried_again(name: str, first: Reply, waits: list[float]):
    server = Server(first, httpx.Response(200, json=FULL[name]))
    assert len(await opened(name, server).search("tower")) == 2
    assert len(server.requests) == 2


@pytest.mark.parametrize("name", TEXT_NAMES)
@pytest.mark.parametrize(
    ("reply", "words", "tries"),
    [
        (httpx.Response(500, text="<html>" + KEY), "answers with status 500 (tried 4 times)", 4),
        (httpx.Response(429, headers={"retry-after": "1"}), "answers with status 429", 4),
        (httpx.Response(429, headers={"retry-after": "7200"}), "asks to wait 7200 s (tried once)", 1),
        (httpx.ConnectError(KEY), "cannot be reached", 4),
        (httpx.ReadTimeout(KEY), "did not answer in 20 s", 4),
        (httpx.ReadError(KEY), "breaks the connection", 4),
        (httpx.Response(200, text='{"' + KEY), "sends damaged JSON", 4),
        (httpx.Response(200, text='{"x": 1}'), "sends an answer without", 4),
        (page(), "answers with a web page instead of JSON", 1),
        (httpx.Response(200, text="  <html>"), "answers with a web page instead of JSON", 1),
        (
            httpx.Response(302, headers={"location": "http://elsewhere/"}),
            "sends us elsewhere (status 302)",
            1,
        ),
        (
            httpx.Response(404, json={"message": "gone " + KEY}),
            "refuses the request (status 404): gone ***",
            1,
        ),
        (httpx.Response(402), "has no calls left on this plan", 1),
    ],
)
async def test_what_persists_is_ours(name: str, reply: Reply, words: str, tries: int, waits: list[float]):
    server = Server(reply)
    with pytest.raises(SearchUnavailable) as caught:
        await opened(name, server).search("tower")
    assert words in str(caught.value) and caught.value.remedy and name in str(caught.value)
    assert len(server.requests) == tries


@pytest.mark.parametrize("name", TEXT_NAMES)
async def test_refused_keys_and_spent_plans_are_final(name: str):
    status, body = REFUSED[name]
    server = Server(httpx.Response(status, json=body))
    with pytest.raises(SearchUnavailable) as caught:
        await opened(name, server).search("tower")
    assert f"status {status}" in str(caught.value) and len(server.requests) == 1
    if status in (401, 403):
        assert VARIABLES.get(name, "SEARXNG_URL") in caught.value.remedy
    if name in SPENT:
        status, body = SPENT[name]
        server = Server(httpx.Response(status, json=body))
        with pytest.raises(SearchUnavailable, match="has no calls left on this plan"):
            await opened(name, server).search("tower")
        assert len(server.requests) == 1


async def test_searxng_whose_engines_failed_has_not_found_nothing():
    answer = EMPTY["searxng"] | {"unresponsive_engines": [["brave", "Suspended: too many requests"]]}
    server = Server(httpx.Response(200, json=answer))
    with pytest.raises(SearchUnavailable, match="its engines failed: brave Suspended") as caught:
        await opened("searxng", server).search("tower")
    assert "status page" in caught.value.remedy
    assert len(server.requests) == 1


async def test_serpapi_tells_failure_from_finding_nothing(waits: list[float]):
    failed = {
        "search_metadata": {"status": "Error"},
        "error": "We couldn't get valid results for this search.",
    }
    server = Server(httpx.Response(200, json=failed), httpx.Response(200, json=EMPTY["serpapi"]))
    assert await opened("serpapi", server).search("x") == ()
    assert len(server.requests) == 2
    with pytest.raises(SearchUnavailable, match="couldn't get valid results"):
        await opened("serpapi", Server(httpx.Response(200, json=failed))).search("x")


async def test_waits_grow_and_obey_the_server(waits: list[float]):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server = Server(
        httpx.Response(503),
        httpx.Response(503),
        httpx.Response(429, headers={"retry-after": "7"}),
        httpx.Response(429, headers={"retry-after": later}),
        httpx.Response(200, json=EMPTY["serper"]),
    )
    await opened("serper", server, "&retries=9").search("x")
    asked = [wait for wait in waits if wait > 0.01]
    assert 0.5 <= asked[0] <= 1.5 and 1 <= asked[1] <= 3 and asked[2] == 7 and 25 <= asked[3] <= 30


async def test_brave_names_its_windows_in_headers(waits: list[float]):
    second = {"x-ratelimit-remaining": "0, 1000", "x-ratelimit-reset": "1, 1419704"}
    month = {"x-ratelimit-remaining": "0, 0", "x-ratelimit-reset": "1, 1419704"}
    server = Server(
        httpx.Response(429, headers=second, json=BRAVE_BUSY), httpx.Response(200, json=EMPTY["brave"])
    )
    await opened("brave", server).search("x")
    assert 1.0 in waits
    with pytest.raises(SearchUnavailable, match="asks to wait 1419704 s"):
        await opened("brave", Server(httpx.Response(429, headers=month, json=BRAVE_BUSY))).search("x")
    assert Brave().patience(httpx.Headers({"x-ratelimit-remaining": "x"})) is None


# ---- rates, caps, concurrency


def test_a_bucket_lets_through_its_rate_and_no_more():
    now = [100.0]
    bucket = TokenBucket(2.0, burst=3, clock=lambda: now[0])
    assert [bucket.reserve() for _ in range(5)] == [0.0, 0.0, 0.0, 0.5, 1.0]
    now[0] = 101.0
    assert bucket.reserve() == pytest.approx(0.5)
    now[0] = 200.0
    assert [bucket.reserve() for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


@given(st.lists(st.floats(0, 3), max_size=40), st.integers(1, 5), st.sampled_from([0.5, 1.0, 3.0]))
def test_no_span_holds_more_than_burst_and_rate(gaps: list[float], burst: int, rate: float):
    now = [0.0]
    bucket = TokenBucket(rate, burst, clock=lambda: now[0])
    leaves: list[float] = []
    for gap in gaps:
        now[0] += gap
        leaves.append(now[0] + bucket.reserve())
    for i, first in enumerate(leaves):
        for j in range(i, len(leaves)):
            assert j - i + 1 <= burst + rate * (leaves[j] - first) + 1e-6


async def test_requests_keep_to_the_rate():
    server = Server(httpx.Response(200, json=EMPTY["exa"]))
    search = resolve_text("exa?rate=20&concurrency=50", transport=server.transport)
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(search.search(f"q{i}") for i in range(25)))
    assert asyncio.get_running_loop().time() - started >= 0.2  # 20 at once, 5 more at 20 a second


async def test_the_cap_holds_and_says_so(waits: list[float]):
    server = Server(httpx.Response(200, json=EMPTY["serper"]))
    search = opened("serper", server, "&cap=3")
    for i in range(3):
        await search.search(f"q{i}")
    with pytest.raises(
        SpendingCap, match=r"serper: all 3 calls of this run are spent: raise the cap"
    ) as caught:
        await search.search("q4")
    assert isinstance(caught.value, SearchUnavailable) and len(server.requests) == 3

    failing = Server(httpx.Response(500))
    with pytest.raises(SpendingCap):
        await opened("serper", failing, "&cap=2").search("x")
    assert len(failing.requests) == 2, "retries count too"


async def test_only_so_many_at_once():
    now, most = 0, 0

    async def slow(request: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1
        return httpx.Response(200, json=EMPTY["serper"])

    search = resolve_text("serper?rate=1000&concurrency=3", transport=lambda: httpx.MockTransport(slow))
    await asyncio.gather(*(search.search(f"q{i}") for i in range(20)))
    assert most == 3


def test_a_search_can_be_used_from_one_event_loop_after_another():
    server = Server(httpx.Response(200, json=FULL["serper"]))
    search = opened("serper", server)
    for _ in range(2):
        assert len(asyncio.run(search.search("tower"))) == 2


# ---- Google Lens


def lens_server(*more: Reply) -> Server:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/image":
            return httpx.Response(200, json={"message": "Image uploaded successfully.", "image_id": "xokJ"})
        return httpx.Response(200, json=LENS)

    return Server(*(more or (reply,)))


def lens(server: Server, settings: str = "&upload=true"):
    async def nobody(host: str, port: int) -> list[str]:
        raise OSError("no network")

    return resolve_images(
        f"google_lens?rate=1000{settings}", transport=server.transport, fetcher=Fetcher(resolve=nobody)
    )


async def test_lens_uploads_then_searches():
    server = lens_server()
    search = lens(server)
    hits = await search.search(picture(), k=5)
    assert [(hit.title, hit.url, hit.source) for hit in hits] == [
        ("A red shoe", "https://shop.example.org/shoe", "Shop"),
        ("Laces", "https://laces.example.org/", "Laces"),
    ]
    assert all(hit.image is None for hit in hits), "a thumbnail that cannot be had costs no hit"
    upload, query = server.requests
    assert upload.method == "POST" and str(upload.url) == "https://serpapi.com/image"
    assert b'name="image"; filename="image.jpg"' in server.bodies[0] and b'name="api_key"' in server.bodies[0]
    asked = {"engine": "google_lens", "type": "visual_matches", "image_id": "xokJ", "output": "json"}
    assert dict(query.url.params) == {**asked, "api_key": KEY}
    assert search.inner.spent == 1, "the upload is free"  # type: ignore[attr-defined]


async def test_lens_says_what_it_sent_and_sends_pixels_alone(caplog: pytest.LogCaptureFixture):
    exif = Image.Exif()
    exif[0x010F] = "SECRET-CAMERA"
    buffer = io.BytesIO()
    picture((3000, 2000)).save(buffer, "JPEG", exif=exif, comment=b"SECRET-COMMENT")
    photo = Image.open(buffer)
    server = lens_server()
    search = lens(server)
    with caplog.at_level(logging.INFO, "deepeyes.search"):
        await search.search(photo)
    body = server.bodies[0]
    assert b"SECRET" not in body.replace(KEY.encode(), b"")
    jpeg = body[body.index(b"\xff\xd8") :]
    assert Image.open(io.BytesIO(jpeg)).size == (1024, 683)
    (upload,) = search.inner.uploads  # type: ignore[attr-defined]
    assert (upload.to, upload.width, upload.height) == ("serpapi.com", 1024, 683)
    assert "sent a 1024x683 JPEG of" in caplog.text and "serpapi.com" in caplog.text


async def test_lens_keeps_below_the_size_limit():
    noise = Image.effect_noise((1500, 1500), 255).convert("RGB")
    server = lens_server()
    await lens(server).search(noise)
    assert len(server.bodies[0]) < 500_000


def test_lens_needs_permission():
    with pytest.raises(ConfigError, match=r"sends your pictures to serpapi.com.*google_lens\?upload=true"):
        lens(lens_server(), settings="")


async def test_lens_finds_nothing_and_fails_like_the_others(waits: list[float]):
    image_id = httpx.Response(200, json={"image_id": "x"})
    assert await lens(lens_server(image_id, httpx.Response(200, json=LENS_EMPTY))).search(picture()) == ()
    assert (
        len(await lens(lens_server(image_id, httpx.Response(200, json=LENS))).search(Image.new("1", (1, 1))))
        == 2
    )
    for reply in (
        httpx.Response(500),
        page(),
        httpx.Response(200, text='{"im'),
        httpx.Response(200, json={}),
    ):
        with pytest.raises(SearchUnavailable):
            await lens(lens_server(reply)).search(picture())
        with pytest.raises(SearchUnavailable):
            await lens(lens_server(image_id, reply)).search(picture())
    capped = lens(lens_server(), "&upload=true&cap=0")
    with pytest.raises(SpendingCap):
        await capped.search(picture())
    assert capped.inner.uploads == []  # type: ignore[attr-defined]


# ---- keys are in nothing

FAILURES: list[Reply] = [
    httpx.Response(401, json={"error": f"bad key {KEY}", "message": KEY, "detail": {"error": KEY}}),
    httpx.Response(403, text=KEY),
    httpx.Response(400, json={"message": ["x", KEY]}),
    httpx.Response(422, text="long " * 30 + KEY),
    httpx.Response(429, text=KEY, headers={"retry-after": "9999", "x-echo": KEY}),
    httpx.Response(500, text=f"Traceback: https://host/search?api_key={KEY}"),
    httpx.Response(302, headers={"location": f"http://evil/?api_key={KEY}"}),
    httpx.Response(200, text=f"<html>{KEY}</html>"),
    httpx.Response(200, text='{"truncated": "' + KEY),
    httpx.Response(200, json={"error": f"failed for {KEY}", "search_metadata": {"status": "Error"}}),
    httpx.ConnectError(f"cannot connect with {KEY}"),
    httpx.ReadTimeout(KEY),
    httpx.RemoteProtocolError(KEY),
    httpx.InvalidURL(KEY),
]

SECRETS = (KEY, "SECRET%2B42%2Fzz", BASIC)


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("name", [*TEXT_NAMES, "google_lens"])
async def test_no_failure_shows_a_key(
    name: str, waits: list[float], caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    caplog.set_level(logging.DEBUG)
    for number, reply in enumerate(FAILURES):
        settings = f"?rate=1000&upload=true&cache={tmp_path / str(number)}&mode=record"
        search = resolve(name + settings, transport=Server(reply).transport)
        with pytest.raises(SearchUnavailable) as caught:
            if name == "google_lens":
                await search.search(picture())  # type: ignore[arg-type]
            else:
                await search.search("tower")  # type: ignore[arg-type]
        shown = (
            "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.args)
        )
        assert not leaks(shown), (name, number)
        assert not leaks(repr(vars(search)) + repr(search)), (name, number)
        await search.aclose()
    assert not leaks(caplog.text)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert not leaks(path.read_bytes().decode("latin-1")), path


@pytest.mark.parametrize("name", TEXT_NAMES)
async def test_an_echoed_key_reaches_no_hit_and_no_cache(
    name: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    caplog.set_level(logging.DEBUG)
    echo = json.loads(json.dumps(FULL[name]).replace("330 m", f"330 m {KEY}"))
    server = Server(httpx.Response(200, json=echo))
    search = opened(name, server, f"&cache={tmp_path}")
    hits = await search.search("tower")
    await search.aclose()
    assert "330 m" in hits[0].snippet and "***" in hits[0].snippet
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).decode("latin-1")
    assert not leaks(repr(hits) + caplog.text + stored)
    assert "tower is 330 m" in stored, "the test looks where the answer is"


# ---- opening


def test_a_missing_or_odd_key_is_told_when_opening(monkeypatch: pytest.MonkeyPatch):
    for name in TEXT_NAMES:
        variable = VARIABLES.get(name, "SEARXNG_URL")
        monkeypatch.delenv(variable)
        with pytest.raises(ConfigError, match=f"{variable} is not set"):
            resolve(name)
        for odd in ("a key\nwith more", "kéy-kéy-kéy", "short"):
            monkeypatch.setenv(variable, odd)
            with pytest.raises(ConfigError) as caught:
                resolve(name)
            assert odd not in str(caught.value)
    for odd in ("ftp://host/", "https://", "http://\x01/"):
        monkeypatch.setenv("SEARXNG_URL", odd)
        with pytest.raises(ConfigError, match="SEARXNG_URL is not an"):
            resolve("searxng")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("goggle", "there is no search 'goggle': known are"),
        ("", "there is no search ''"),
        ("serper?freshnes=week", "serper has no setting 'freshnes': did you mean freshness?"),
        ("serper?key=abc", "serper has no setting 'key'"),
        ("serper?k=many", "the setting k of serper is not valid"),
        ("serper?k=0", "the setting k of serper is not valid"),
        ("serper?freshness=decade", "the setting freshness of serper is not valid"),
        ("serper?domains=a.org) OR (x", "the setting domains of serper is not valid"),
        ("serper?mode=replay", "mode=replay needs a folder: add cache=DIR"),
        ("serper?mode=later&cache=x", "the setting mode of serper is not valid"),
        ("serper?k", "the settings of serper cannot be read"),
    ],
)
def test_bad_specs_are_told(spec: str, words: str):
    with pytest.raises(ConfigError) as caught:
        resolve(spec)
    assert words in str(caught.value) and caught.value.remedy


def test_text_and_pictures_are_not_confused():
    with pytest.raises(ConfigError, match="not a search of this kind"):
        resolve_text("google_lens?upload=true")
    with pytest.raises(ConfigError, match="not a search of this kind"):
        resolve_images("serper")
    assert set(names()) == {*TEXT_NAMES, "google_lens"}
    assert resolve(" Serper ").name == "serper"


# ---- reading is total


FIELDS = (
    *("organic", "organic_results", "results", "web", "title", "url", "link", "date", "highlights", "score"),
    *("error", "search_metadata", "status", "type", "unresponsive_engines", "snippet"),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(st.sampled_from(TEXT_NAMES), JSON)
def test_any_json_is_hits_or_unreadable(name: str, data: Any):
    adapter = Searxng("http://h/search") if name == "searxng" else adapter_class(name)()
    for value in (
        data,
        {"results": [data], "organic": [data], "organic_results": [data], "web": {"results": [data]}},
    ):
        if isinstance(value, dict):
            try:
                hits = ranked(adapter.read(value, date(2026, 1, 1)))
                assert all(isinstance(hit, Hit) and hit.url.startswith("http") for hit in hits)
            except (Unreadable, Declined):
                pass


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-03-03T10:00:00Z", "2024-03-03"),
        ("Mar 3, 2024", "2024-03-03"),
        ("3 March 2024", "2024-03-03"),
        ("2 days ago", "2025-12-30"),
        ("5 hours ago", "2026-01-01"),
        ("1 week ago", "2025-12-25"),
        ("2019", "2019"),
        ("Sun, 03 Mar 2024 10:00:00 GMT", "2024-03-03"),
        ("yesterday-ish", ""),
        ("9999 years ago", "1925-05-11"),
        (None, ""),
        (7, ""),
    ],
)
def test_dates(text: object, iso: str):
    found = iso_date(text, date(2026, 1, 1))
    assert found == iso or (text == "9999 years ago" and found.startswith("19"))


def test_queries_are_cut_at_words():
    assert tidy_query("one two three", 8) == "one two"
    assert tidy_query("x" * 50, 10) == "x" * 10
    assert Ask("q", domains=("a.org",)).with_operators() == "q site:a.org"
