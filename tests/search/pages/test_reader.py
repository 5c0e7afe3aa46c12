"""The page reader: what it may fetch, what it refuses, and what it makes of a page."""

import asyncio
import gzip
import importlib
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.core.errors import ConfigError
from deepeyes.core.retrying import RetryPolicy
from deepeyes.search.base import NOT_READ, Document, SearchUnavailable
from deepeyes.search.pages import reader as reader_module
from deepeyes.search.pages.addresses import is_public
from deepeyes.search.pages.fetching import USER_AGENT, Fetcher, FetchLimits, Problem
from deepeyes.search.pages.passages import Passages, passages
from deepeyes.search.pages.reader import WebReader, not_read

STORY = "The lighthouse was built in 1821 by the harbour board and stands 43 metres above the rocks. " * 6
PAGE = f"""<!doctype html><html><head><title>Old Lighthouse</title>
<meta property="article:published_time" content="2021-05-04T10:00:00Z"></head>
<body><nav><a href="/">Home</a><a href="/buy">Buy tickets now</a></nav>
<script>var stolen = "SCRIPT TEXT";</script><style>.x {{ color: red }}</style>
<article><h1>Old Lighthouse</h1><p>{STORY}</p><p>Its keeper was called Ada. {STORY}</p></article>
<footer>Cookie settings</footer></body></html>"""


@pytest.fixture
def trafilatura() -> Any:
    return pytest.importorskip("trafilatura", exc_type=ImportError)


@pytest.fixture
def any_extractor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for trafilatura, for tests that are not about it."""
    monkeypatch.setattr(reader_module, "_extractor", lambda: lambda data, url: ("Title", "Text", ""))


class Site:
    """A server on loopback: path to (status, headers, body); keeps what was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.heads: list[str] = []
        self.port = 0
        self.delay = 0.0

    def add(self, path: str, body: str | bytes = b"", status: int = 200, **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = (status, {"content-type": "text/html; charset=utf-8", **named}, data)

    async def serve(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await stream.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            await asyncio.sleep(self.delay)
            status, headers, body = self.pages.get(head.split(" ")[1], (404, {}, b""))
            lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in headers.items())]
            writer.write(("\r\n".join([*lines, f"content-length: {len(body)}"]) + "\r\n\r\n").encode() + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    here = Site()
    server = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    here.port = server.sockets[0].getsockname()[1]
    yield here
    server.close()


def names(table: dict[str, Sequence[str]]) -> Callable[[str, int], Any]:
    """A resolver from a table; other names are asked of the system if they are numeric, else unknown."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        if host in table:
            return table[host]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, flags=4)  # AI_NUMERICHOST: no network
        return [str(entry[4][0]) for entry in found]

    return resolve


def open_reader(site: Site, table: dict[str, Sequence[str]] | None = None, **more: Any) -> WebReader:
    """May reach 127.0.0.1 and the site's own port, as if they were public."""
    limits = FetchLimits(ports=(80, 443, site.port), networks=("127.0.0.1/32",), **more.pop("limits", {}))
    return WebReader(limits, resolve=names({"site.test": ["127.0.0.1"], **(table or {})}), **more)


# ---- what is not fetched


def listed(text: str) -> list[str]:
    return text.split()


PRIVATE = listed("""
127.0.0.1 127.8.9.1 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0
255.255.255.255 224.0.0.1 239.1.1.1 240.0.0.1 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1
192.88.99.1 ::1 :: fe80::1 fc00::1 fd12::1 fec0::1 ff02::1 2001:db8::1 100::1 3fff::1 5f00::1 fe80::1%eth0
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 ::7f00:1
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::a00:1 2002:7f00:1:: 2002:a9fe:a9fe::1
2001:0:4136:e378:8000:63bf:80ff:fffe
""")
PUBLIC = listed("8.8.8.8 93.184.215.14 2606:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8 64:ff9b::808:808")
SPELLINGS = listed("""
2130706433 0177.0.0.1 0x7f.0.0.1 0x7f000001 127.1 127.0.1 017700000001 0 0.0.0.0 127.0.0.1.
①②⑦.⓪.⓪.① 127。0。0。1 [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [64:ff9b::7f00:1] [2002:7f00:1::]
""")


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str):
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_ipv6_address_is_no_more_public_than_what_it_carries(inside: Any):
    number = int(inside)
    for carrier in (
        ip_address((0xFFFF << 32) | number),
        ip_address((0x64FF9B << 96) | number),
        ip_address((0x2002 << 112) | (number << 80) | 1),
    ):
        assert is_public(carrier) <= is_public(inside)


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_points_inside_is_not_opened(any_extractor: None, address: str):
    reader = WebReader(resolve=names({"innocent.test": [address]}))
    page = await reader.read("http://innocent.test/")
    assert page is not None and page.source == NOT_READ and "not on the public internet" in page.text


@pytest.mark.parametrize("host", SPELLINGS)
async def test_numeric_hosts_in_every_spelling(any_extractor: None, host: str):
    async def system(name: str, port: int) -> list[str]:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, flags=4)
        return [str(entry[4][0]) for entry in found]

    page = await WebReader(resolve=system).read(f"http://{host}/")
    assert page is None or page.source == NOT_READ


async def test_one_private_address_among_public_ones_is_enough(any_extractor: None):
    reader = WebReader(resolve=names({"mixed.test": ["93.184.215.14", "127.0.0.1"]}))
    page = await reader.read("http://mixed.test/")
    assert page is not None and "not on the public internet" in page.text


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///etc/passwd", "only http and https"),
        ("ftp://example.org/", "only http and https"),
        ("gopher://example.org:70/_x", "only http and https"),
        ("javascript:alert(1)", "only http and https"),
        ("data:text/html,hi", "only http and https"),
        ("/etc/passwd", "only http and https"),
        ("example.org/page", "only http and https"),
        ("", "only http and https"),
        ("http://", "only http and https"),
        ("http://user:pw@example.org/", "user name or password"),
        ("http://user@example.org/", "user name or password"),
        ("http://example.org@127.0.0.1/", "user name or password"),
        ("http://example.org:22/", "port 22 is not opened"),
        ("http://example.org:6379/", "port 6379 is not opened"),
        ("http://example.org\\@127.0.0.1/", "characters that no address has"),
        ("http://example.org/a b", "characters that no address has"),
        ("http://example.org/\r\nHost: x", "characters that no address has"),
        ("http://exa\u202emple.org/", "characters that no address has"),
        ("http://example.org:99999/", "port 99999 is not opened"),
        ("http://example.org/" + "a" * 3000, "longer than 2048"),
    ],
)
async def test_addresses_that_are_refused(any_extractor: None, url: str, words: str):
    async def never(host: str, port: int) -> list[str]:
        raise AssertionError("nothing is looked up")

    page = await WebReader(resolve=never).read(url)
    assert page is not None and page.source == NOT_READ and words in page.text, page


@given(st.text(max_size=60).map(lambda tail: "http://" + tail) | st.text(max_size=60))
def test_any_address_has_an_answer(url: str):
    async def nobody(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    async def fetch() -> None:
        with pytest.raises(Problem):
            await Fetcher(resolve=nobody).get(url)

    asyncio.run(fetch())


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2:{port}/secret",
        "http://inside.test/secret",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "http://user:pw@site.test:{port}/secret",
        "//127.0.0.2:{port}/secret",
        "http://[bad",
        "http://site.test:22/",
    ],
)
async def test_every_redirect_is_judged(any_extractor: None, site: Site, target: str):
    site.add("/start", status=302, location=target.format(port=site.port))
    site.add("/secret", PAGE)
    page = await open_reader(site, {"inside.test": ["10.1.2.3"]}).read(f"http://site.test:{site.port}/start")
    assert page is None or page.source == NOT_READ
    assert len(site.heads) == 1, "nothing was asked after the redirect"


async def test_no_rebinding(any_extractor: None, site: Site):
    """A name that points elsewhere a moment after it was judged is connected to where it was judged."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    asked: list[str] = []

    async def turning(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), 2) - 1]

    site.add("/", PAGE)
    limits = FetchLimits(ports=(site.port,), networks=("127.0.0.1/32",))
    page = await WebReader(limits, resolve=turning).read(f"http://turning.test:{site.port}/")
    assert page is not None and page.text == "Text"
    assert asked == ["turning.test"], "the name was looked up once, by us, and never again"
    assert f"host: turning.test:{site.port}" in site.heads[0].lower()


async def test_https_is_never_spoken_in_the_clear(any_extractor: None, site: Site):
    reader = open_reader(site, limits={"seconds": 0.5})
    with pytest.raises(SearchUnavailable):
        await reader.read(f"https://site.test:{site.port}/")
    assert site.heads == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_certificates_are_checked_against_the_name(
    any_extractor: None, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=site.test",
    ]
    more = ["-addext", "subjectAltName=DNS:site.test", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*make, *more], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    site.add("/", PAGE)
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    reader = WebReader(
        FetchLimits(ports=(port,), networks=("127.0.0.1/32",)),
        resolve=names({"site.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]}),
    )
    page = await reader.read(f"https://site.test:{port}/")
    assert page is not None and page.text == "Text"
    page = await reader.read(f"https://other.test:{port}/")
    assert page is not None and "certificate is not valid" in page.text
    assert len(site.heads) == 1, "nothing was asked of the impostor"
    server.close()


async def test_a_wrong_certificate_is_a_refusal(any_extractor: None, monkeypatch: pytest.MonkeyPatch):
    async def refuse(self: Any, request: httpx.Request) -> httpx.Response:
        assert request.extensions["sni_hostname"] == "site.test" and request.url.host == "93.184.215.14"
        raise httpx.ConnectError(str(ssl.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] hostname mismatch")))

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", refuse)
    page = await WebReader(resolve=names({"site.test": ["93.184.215.14"]})).read("https://site.test/")
    assert page is not None and "certificate is not valid" in page.text


# ---- what is fetched


async def test_a_page_is_read(trafilatura: Any, site: Site):
    site.add("/a", status=301, location="/b?x=1#part")
    site.add("/b?x=1", PAGE, set_cookie="id=1")
    page = await open_reader(site).read(f" http://site.test:{site.port}/a ")
    assert page is not None and page.title == "Old Lighthouse" and page.date == "2021-05-04"
    assert "keeper was called Ada" in page.text and page.source == f"http://site.test:{site.port}/b?x=1"
    for hidden in ("SCRIPT TEXT", "color: red", "Buy tickets", "Cookie settings"):
        assert hidden not in page.text
    assert page.url == f" http://site.test:{site.port}/a "


async def test_what_is_sent_is_little(any_extractor: None, site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    site.add("/a", status=302, location="/b", set_cookie="id=SECRET; Path=/")
    site.add("/b", PAGE)
    page = await open_reader(site).read(f"http://site.test:{site.port}/a")
    assert page is not None and page.text == "Text"
    first, second = site.heads
    assert f"user-agent: {USER_AGENT.lower()}" in first.lower()
    for head in (first, second):
        fields = {line.partition(":")[0].lower() for line in head.split("\r\n")[1:] if line}
        assert fields == {"host", "user-agent", "accept", "accept-encoding", "accept-language"}


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("Grüße, 你好", "text/plain; charset=utf-8", "Grüße, 你好"),
        ("Grüße".encode("latin-1"), "text/plain; charset=iso-8859-1", "Grüße"),
        (b"abc\xff", "text/plain", "abc\ufffd"),
        ("x", "text/plain; charset=hex", "x"),
        ("x", "text/plain; charset=no-such", "x"),
        ('{"a": 1}', "application/json", '{"a": 1}'),
        ("# Head", "text/markdown", "# Head"),
    ],
)
async def test_plain_text(any_extractor: None, site: Site, body: str | bytes, kind: str, text: str):
    site.add("/t", body, content_type=kind)
    page = await open_reader(site).read(f"http://site.test:{site.port}/t")
    assert page is not None and page.text == text


async def test_the_charset_of_the_header_counts(trafilatura: Any, site: Site):
    html = PAGE.replace("Ada", "Ædä").encode("latin-1")
    site.add("/l", html, content_type="text/html; charset=iso-8859-1")
    page = await open_reader(site).read(f"http://site.test:{site.port}/l")
    assert page is not None and "keeper was called Ædä" in page.text


async def test_compressed_pages(any_extractor: None, site: Site):
    site.add("/z", gzip.compress(b"hello " * 100), content_type="text/plain", content_encoding="gzip")
    page = await open_reader(site).read(f"http://site.test:{site.port}/z")
    assert page is not None and page.text.startswith("hello hello")


BOMB = gzip.compress(b"\0" * 50_000_000)


@pytest.mark.parametrize(
    ("status", "body", "kind", "encoding", "words"),
    [
        (403, b"", "text/html", "", "the site refuses (status 403)"),
        (401, b"", "text/html", "", "the site refuses (status 401)"),
        (304, b"", "text/html", "", "the site refuses (status 304)"),
        (200, b"%PDF-1.7", "application/pdf", "", "not a page of text but application/pdf"),
        (200, b"x", "", "", "not a page of text but of unknown kind"),
        (200, b"x" * 300_000, "text/plain", "", "larger than 0.25 MB"),
        (200, BOMB, "text/plain", "gzip", "larger than 0.25 MB"),
        (200, b"junk", "text/plain", "gzip", "damaged"),
        (200, b"junk", "text/plain", "br", "compressed in a way"),
        (200, b"junk", "text/plain", "gzip, gzip", "compressed in a way"),
        (200, b"  ", "text/plain", "", "it is empty"),
    ],
)
async def test_pages_that_cannot_be_read_say_why(
    any_extractor: None, site: Site, status: int, body: bytes, kind: str, encoding: str, words: str
):
    site.add("/x", body, status, content_type=kind, content_encoding=encoding)
    reader = open_reader(site, limits={"max_bytes": 2**18})
    page = await reader.read(f"http://site.test:{site.port}/x")
    assert page is not None and page.source == NOT_READ and words in page.text, page


async def test_a_page_and_an_address_at_their_limit_are_read(any_extractor: None, site: Site):
    start = f"http://site.test:{site.port}/"
    path = "/".ljust(2048 - len(start) + 1, "a")
    site.add(path, b"x" * 2**18, content_type="text/plain")
    page = await open_reader(site, limits={"max_bytes": 2**18}).read(start + path[1:])
    assert page is not None and page.text == "x" * 2**18
    longer = await open_reader(site).read(start + path[1:] + "a")
    assert longer is not None and "longer than 2048 characters" in longer.text


@pytest.mark.parametrize(
    "html", ["<html></html>", "<html>" + "<div>" * 5000, "<!doctype html>\x00\xff", "<html><script>x"]
)
async def test_odd_html_is_no_exception(trafilatura: Any, site: Site, html: str):
    site.add("/x", html.encode("latin-1"))
    page = await open_reader(site).read(f"http://site.test:{site.port}/x")
    assert page is not None and isinstance(page, Document)


async def test_a_page_that_breaks_the_extractor_is_not_read(
    monkeypatch: pytest.MonkeyPatch, any_extractor: None, site: Site
):
    def explode(data: object, url: str) -> Any:
        raise RecursionError("deep")

    monkeypatch.setattr(reader_module, "_extractor", lambda: explode)
    site.add("/x", PAGE)
    page = await open_reader(site).read(f"http://site.test:{site.port}/x")
    assert page is not None and "no readable text" in page.text


async def test_no_such_page_and_no_such_host(any_extractor: None, site: Site):
    site.add("/gone", status=410)
    reader = open_reader(site)
    assert await reader.read(f"http://site.test:{site.port}/none") is None
    assert await reader.read(f"http://site.test:{site.port}/gone") is None
    assert await reader.read("http://no-such-name.invalid/") is None
    assert await reader.read(f"http://{'a' * 70}.test/") is None


async def test_too_many_redirects(any_extractor: None, site: Site):
    site.add("/r", status=302, location="/r")
    page = await open_reader(site).read(f"http://site.test:{site.port}/r")
    assert page is not None and "redirects more than 5 times" in page.text and len(site.heads) == 6


@pytest.mark.parametrize("tell", [False, True])
@pytest.mark.parametrize("way", ["503", "429", "hang", "refused", "lookup"])
async def test_what_may_pass(
    any_extractor: None, site: Site, tell: bool, way: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reader_module, "_RETRY", RetryPolicy(retries=1, first_wait=0.0))
    table: dict[str, Sequence[str]] = {}
    url = f"http://site.test:{site.port}/x"
    if way in ("503", "429"):
        site.add("/x", status=int(way))
    elif way == "hang":
        site.delay = 5.0
    elif way == "refused":
        url = "http://site.test:80/x"
    reader = open_reader(site, table, tell=tell, limits={"seconds": 0.2} if way == "hang" else {})
    if way == "lookup":

        async def busy(host: str, port: int) -> list[str]:
            raise OSError(-3, "Temporary failure in name resolution")

        reader, url = WebReader(resolve=busy, tell=tell), "http://site.test/x"
    if tell:
        page = await reader.read(url)
        assert page is not None and page.source == NOT_READ
    else:
        with pytest.raises(SearchUnavailable, match="a page could not be opened") as caught:
            await reader.read(url)
        assert caught.value.remedy
    if way == "503":
        assert len(site.heads) == 2


@pytest.mark.parametrize(("seconds", "asked"), [(15, 2), (3600, 1)])
async def test_a_site_that_says_when_is_opened_then_or_not_again(
    any_extractor: None, site: Site, seconds: int, asked: int, waits: list[float]
):
    """A page is not worth an hour, and a site that asks for one is not asked again half a second later."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    site.add("/x", status=503, retry_after=date)
    with pytest.raises(SearchUnavailable, match="status 503"):
        await open_reader(site).read(f"http://site.test:{site.port}/x")
    assert len(site.heads) == asked
    assert [10 < wait <= 15 for wait in waits if wait] == [True] * (asked - 1)


async def test_what_passes_is_read(any_extractor: None, site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reader_module, "_RETRY", RetryPolicy(retries=1, first_wait=0.0))
    down = ["127.0.0.3"]  # nobody listens there
    limits = FetchLimits(ports=(site.port,), networks=("127.0.0.0/30",))
    site.add("/", PAGE)
    reader = WebReader(limits, resolve=names({"two.test": [*down, "127.0.0.1"]}))
    page = await reader.read(f"http://two.test:{site.port}/")
    assert page is not None and page.text == "Text", "the second address is tried"


def test_without_trafilatura(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"pip install 'deepeyes\[search\]'"):
        WebReader()


# ---- passages


def test_passages_find_the_place():
    filler = "Nothing of note happened in the village that year and the weather was mild. " * 10
    text = "\n".join([filler] * 20 + ["The treaty was signed by Queen Amara in 1456."] + [filler] * 20)
    found = passages(text, "who signed the treaty", 600)
    assert "Queen Amara in 1456" in found and len(found) <= 600 and "[...]" in found


def test_passages_keep_order_and_short_texts():
    assert passages("short text", "anything") == "short text"
    lines = [f"Line {i} speaks of {'gold' if i in (3, 30) else 'sand'} only." for i in range(60)]
    found = passages("\n".join(lines), "gold", 200)
    assert found.index("Line 3 ") < found.index("Line 30 ")


def test_passages_without_a_match_give_the_beginning():
    text = "alpha beta gamma. " * 500
    assert passages(text, "zzz", 100).startswith("alpha beta") and len(passages(text, "zzz", 100)) <= 100
    assert passages(text, "", 100).startswith("alpha")


def test_passages_in_other_scripts():
    text = "天气很好。" * 500 + "这座塔高三百三十米。" + "天气很好。" * 500
    assert "三百三十米" in passages(text, "塔高", 500)


@given(st.text(max_size=2000), st.text(max_size=30), st.integers(0, 300))
def test_passages_keep_to_the_budget(text: str, query: str, budget: int):
    assert len(passages(text, query, budget)) <= max(budget, 0)


def test_passages_of_a_long_text_are_quick():
    text = "word " * 100_000 + "needle here"
    started = time.perf_counter()
    assert "needle here" in passages(text, "needle", 500)
    assert time.perf_counter() - started < 10


class Pages:
    def __init__(self, page: Document | None) -> None:
        self.page = page

    async def read(self, url: str) -> Document | None:
        return self.page


async def test_pages_come_with_the_parts_that_are_asked_for():
    page = Document("https://a", "T", "alpha " * 200 + "\nthe needle is here\n" + "omega " * 200, "2024", "s")
    read = await Passages(Pages(page)).passages("https://a", "needle", 300)
    assert read is not None and read == replace(page, text=passages(page.text, "needle", 300))
    assert "the needle is here" in read.text and len(read.text) <= 300
    unread = not_read("https://a", "why " * 200)
    assert await Passages(Pages(unread)).passages("https://a", "", 10) is unread
    assert await Passages(Pages(None)).passages("https://a", "", 10) is None
