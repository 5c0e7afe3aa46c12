"""What all servers do alike: who may ask, bounded bodies, errors as JSON."""

import asyncio
import base64
import io
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from PIL import Image
from pydantic import BaseModel, Field

pytest.importorskip("starlette")

from starlette.requests import Request
from starlette.responses import Response

from deepeyes.core.errors import ConfigError, InputError, SandboxUnavailable, StorageError
from deepeyes.serve import http
from deepeyes.serve.http import HttpError

VARIABLE = "DEEPEYES_TEST_TOKEN"
LIMIT = 1000


class Inner(BaseModel):
    size: int = Field(default=1, ge=1)


class Body(BaseModel):
    name: str = "nobody"
    inner: list[Inner] = []


class Server:
    """Routes that do one thing each; `calls` counts the requests that a handler saw."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception = HttpError(418, "no coffee here", "ask for tea")

    async def length(self, request: Request) -> Response:
        self.calls += 1
        return http.json_answer({"length": len(await http.read_body(request, LIMIT))})

    async def hello(self, request: Request) -> Response:
        body = await http.parsed(request, Body, LIMIT)
        return http.json_answer({"hello": body.name}, 201)

    async def fail(self, request: Request) -> Response:
        raise self.error

    def client(self, token: str | None = None, base: str = "http://127.0.0.1:8080") -> httpx.AsyncClient:
        routes = {"POST /length": self.length, "POST /hello": self.hello, "GET /fail": self.fail}
        app = http.application(routes, token=token, variable=VARIABLE)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


# ---- bodies


async def test_a_body_at_the_limit_passes_and_one_byte_more_is_refused():
    async with Server().client() as client:
        whole = await client.post("/length", content=in_pieces(b"x" * 400, b"x" * 600))
        assert (whole.status_code, whole.json()) == (200, {"length": LIMIT})
        for content in (b"x" * (LIMIT + 1), in_pieces(b"x" * LIMIT, b"x")):
            over = await client.post("/length", content=content)
            assert over.status_code == 413 and over.json()["error"].endswith("MiB: send less")


async def test_a_body_without_end_is_given_up_at_the_limit():
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 100
            yield b"x" * 100

    async with Server().client() as client:
        assert (await client.post("/length", content=endless())).status_code == 413
    assert taken <= LIMIT + 200


async def test_a_limit_is_told_in_megabytes():
    request = Request({"type": "http", "method": "POST", "headers": []}, receive=_sends(b"x" * (2**20 + 1)))
    with pytest.raises(HttpError, match="larger than 1 MiB"):
        await http.read_body(request, 2**20)


def _sends(body: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "body: Invalid JSON"),
        (b"[]", "body: "),
        (b'{"name": 1}', "name: Input should be a valid string"),
        (b'{"inner": [{"size": 1}, {"size": 0}]}', "inner.1.size: Input should be greater than"),
        (b'{"name": "\xff"}', "body: "),
    ],
)
async def test_a_wrong_field_is_told_by_its_name(content: bytes, words: str):
    async with Server().client() as client:
        answer = await client.post("/hello", content=content)
    assert answer.status_code == 400 and answer.json()["error"].startswith(words)


async def test_no_body_is_one_without_fields():
    async with Server().client() as client:
        answer = await client.post("/hello")
    assert (answer.status_code, answer.json()) == (201, {"hello": "nobody"})


# ---- who may ask, without a token


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:1", "127.8.9.1:8080", "[::1]", "[::1]:8080"],
)
async def test_hosts_of_this_machine_are_answered(host: str):
    async with Server().client() as client:
        assert (await client.post("/length", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",  # a page whose name was given the address 127.0.0.1
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8080",
        "localhost@evil.example",
        "evil.example@localhost",
        "evil.example/localhost",
        "192.168.1.7:8080",
        "0.0.0.0:8080",
        "[2001:db8::1]:8080",
        "[::1",
        "::1",
        "127.0.0.1 evil.example",
        "",
    ],
)
async def test_other_hosts_are_refused_before_anything_is_done(host: str):
    server = Server()
    async with server.client() as client:
        answer = await client.post("/length", headers={"host": host}, content=b"x")
    assert answer.status_code == 403 and f"start the server with {VARIABLE}" in answer.json()["error"]
    assert server.calls == 0


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:8080"])
async def test_pages_of_this_machine_are_answered(origin: str):
    async with Server().client() as client:
        assert (await client.post("/length", headers={"origin": origin})).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost.evil.example",
        "http://evil.example:80",
        "null",  # a sandboxed frame, a file
        "",
        "localhost",
        "http://",
        "http://localhost http://evil.example",
        "chrome-extension://abcdefgh",
    ],
)
async def test_pages_from_elsewhere_are_refused_before_anything_is_done(origin: str):
    server = Server()
    async with server.client() as client:
        answer = await client.post("/length", headers={"origin": origin}, content=b"x")
    assert answer.status_code == 403 and f"start the server with {VARIABLE}" in answer.json()["error"]
    assert server.calls == 0


# ---- who may ask, with a token


@pytest.mark.parametrize("base", ["http://127.0.0.1:8080", "http://gpu7.lab.example"])
@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer ", "Bearer righ", "Bearer rights", "Bearer  right", "Basic right"]
)
async def test_a_wrong_token_is_refused_before_anything_is_done(given: str | None, base: str):
    server = Server()
    headers = {} if given is None else {"authorization": given}
    async with server.client("right", base) as client:
        answer = await client.post("/length", headers=headers)
    assert answer.status_code == 401 and server.calls == 0
    assert answer.json()["error"] == f"wrong or missing token: send 'Authorization: Bearer ${VARIABLE}'"


@pytest.mark.parametrize("headers", [{}, {"origin": "https://app.example"}, {"origin": "null"}])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_the_right_token_opens_from_anywhere(headers: dict[str, str], scheme: str):
    headers = {**headers, "authorization": f"{scheme} right"}
    async with Server().client("right", "http://gpu7.lab.example") as client:
        assert (await client.post("/length", headers=headers)).status_code == 200


async def test_a_page_from_elsewhere_needs_the_token_as_well():
    server = Server()
    async with server.client("right") as client:
        answer = await client.post("/length", headers={"origin": "https://evil.example"})
    assert answer.status_code == 401 and server.calls == 0


async def test_a_token_of_any_letters_is_compared_as_bytes():
    async with Server().client("schlüssel") as client:
        good = {b"authorization": "Bearer schlüssel".encode()}
        assert (await client.post("/length", headers=good)).status_code == 200
        assert (await client.post("/length", headers={b"authorization": b"Bearer \xff"})).status_code == 401


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_token(host: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, "")
    assert http.token_for(host, VARIABLE) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.7", "gpu7.lab.example"])
def test_other_addresses_need_one(host: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=f"set {VARIABLE}, or use --host 127.0.0.1"):
        http.token_for(host, VARIABLE)
    monkeypatch.setenv(VARIABLE, "right")
    assert http.token_for(host, VARIABLE) == "right"


# ---- errors


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (HttpError(418, "no coffee here", "ask for tea"), 418),
        (InputError("the picture is empty", "give another"), 400),
        (SandboxUnavailable("no sandbox here", "see deepeyes sandbox check"), 503),
        (StorageError("the disk is full", "free some space"), 503),
    ],
)
async def test_our_errors_are_answers_with_their_remedy(error: Exception, status: int):
    server = Server()
    server.error = error
    async with server.client() as client:
        answer = await client.get("/fail")
    assert (answer.status_code, answer.json()) == (status, {"error": str(error)})


async def test_a_bug_is_no_answer_of_ours():
    server = Server()
    server.error = ZeroDivisionError("a bug")
    async with server.client() as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/fail")


async def test_routes_that_do_not_exist_are_errors_as_json():
    async with Server().client() as client:
        nowhere, wrong = await client.get("/nowhere"), await client.get("/length")
    assert (nowhere.status_code, nowhere.json()) == (404, {"error": "Not Found"})
    assert (wrong.status_code, wrong.json()) == (405, {"error": "Method Not Allowed"})
    assert wrong.headers["allow"] == "POST"


# ---- pictures


@pytest.mark.parametrize("head", ["", "data:image/png;base64,", "data:,"])
def test_base64_with_and_without_a_data_url(head: str):
    assert http.from_base64(head + base64.b64encode(b"file").decode(), "image") == b"file"


@pytest.mark.parametrize("text", ["no base64!", "AAA", "schlüssel", "QUJD\n"])
def test_what_is_not_base64_is_told_by_its_field(text: str):
    with pytest.raises(HttpError, match=r"^images\.cat: not base64") as caught:
        http.from_base64(text, "images.cat")
    assert caught.value.status == 400


def test_an_image_comes_back_as_it_was():
    image = Image.effect_noise((30, 20), 40).convert("RGB")
    again = Image.open(io.BytesIO(base64.b64decode(http.png_base64(image))))
    assert (again.format, again.tobytes()) == ("PNG", image.tobytes())


# ---- the server itself


async def test_it_listens_and_says_nothing_of_itself():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    app = http.application({"POST /length": Server().length}, token=None, variable=VARIABLE)
    serving = asyncio.create_task(http.listen(app, host="127.0.0.1", port=port))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            answer = await _once_up(client, serving)
            rebound = await client.post("/length", headers={"host": f"evil.example:{port}"})
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert answer.json() == {"length": 3} and "server" not in answer.headers
    assert rebound.status_code == 403


async def _once_up(client: httpx.AsyncClient, serving: "asyncio.Task[None]") -> httpx.Response:
    async with asyncio.timeout(30):
        while not serving.done():
            try:
                return await client.post("/length", content=b"abc")
            except httpx.ConnectError:
                await asyncio.sleep(0.05)
    raise AssertionError(f"the server has ended: {serving}")


@pytest.mark.parametrize("missing", ["starlette.applications", "uvicorn"])
async def test_missing_packages_are_named(missing: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigError, match=r"pip install 'deepeyes\[serve\]'"):
        app = http.application({}, token=None, variable=VARIABLE)
        await http.listen(app, host="127.0.0.1", port=0)
