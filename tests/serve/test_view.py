"""The served viewer: what it answers, to whom, and that nothing but entries and images can be reached."""

import gzip
import json
import socket
import sys
from typing import Any

import httpx
import pytest

pytest.importorskip("starlette")

from deepeyes.core.errors import ConfigError, InputError
from deepeyes.serve import view as server
from deepeyes.serve.view import TOKEN_VARIABLE, make_app, serve

NAME = "ab" * 32
PAGE = "<!doctype html><title>The page</title>"


class Shelf:
    """Something to look at."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def fresh_index(self) -> str:
        return json.dumps({"key": ["a#0"] * 500})

    def entry(self, key: str) -> str:
        return self._known(key, json.dumps({"html": "<article></article>", "pieces": []}))

    def raw(self, key: str) -> str:
        return self._known(key, "{}")

    def find(self, query: str) -> str:
        self.asked.append(query)
        return "[0]"

    def image(self, store: int, sha256: str, view: tuple[int, int] | None) -> tuple[bytes, str]:
        self.asked.append((store, sha256, view))
        if sha256 != NAME:
            raise InputError("there is no such image", "load the page again")
        return b"pixels", "image/webp"

    def _known(self, key: str, answer: str) -> str:
        self.asked.append(key)
        if key != "a#0":
            raise InputError("there is no such entry", "load the page again")
        return answer


def client(shelf: Shelf | None = None, token: str | None = None, **more: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(make_app(shelf or Shelf(), PAGE, token=token))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8095", **more)


async def test_the_page_its_index_and_its_entries():
    shelf = Shelf()
    async with client(shelf) as asks:
        page = await asks.get("/")
        assert page.text == PAGE and page.headers["content-type"] == "text/html; charset=utf-8"
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert (await asks.get("/index")).json()["key"][0] == "a#0"
        assert (await asks.get("/entry", params={"key": "a#0"})).json()["html"] == "<article></article>"
        assert (await asks.get("/raw", params={"key": "a#0"})).json() == {}
        assert (await asks.get("/find", params={"q": "ä b&c"})).json() == [0]
    assert shelf.asked == ["a#0", "a#0", "ä b&c"]


async def test_nothing_but_the_page_can_be_shown_as_one():
    async with client() as asks:
        for path in ("/index", "/entry?key=a%230", "/raw?key=a%230", f"/image/0/{NAME}"):
            answer = await asks.get(path)
            assert answer.status_code == 200 and "html" not in answer.headers["content-type"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_texts_are_compressed_for_who_understands_it():
    async with client() as asks:
        for accepted, packed in (("gzip", True), ("identity", False)):
            request = asks.build_request("GET", "/index", headers={"accept-encoding": accepted})
            answer = await asks.send(request, stream=True)
            data = b"".join([part async for part in answer.aiter_raw()])
            assert (answer.headers.get("content-encoding") == "gzip") is packed
            assert json.loads(gzip.decompress(data) if packed else data)["key"]


async def test_images_by_store_hash_and_size():
    shelf = Shelf()
    async with client(shelf) as asks:
        for path in (f"/image/0/{NAME}", f"/image/12/{NAME}/56x28"):
            answer = await asks.get(path)
            assert answer.content == b"pixels" and "immutable" in answer.headers["cache-control"]
    assert shelf.asked == [(0, NAME, None), (12, NAME, (56, 28))]


@pytest.mark.parametrize(
    "path",
    [
        "/image/0/..%2f..%2fetc%2fpasswd", "/image/0/../../etc/passwd", "/image/../traces.jsonl",
        f"/image/x/{NAME}", f"/image/-1/{NAME}", f"/image/٣/{NAME}", f"/image/9999999/{NAME}",
        f"/image/0/{NAME}/56", f"/image/0/{NAME}/axb", f"/image/0/{NAME}/999999x1", f"/image/0/{NAME}/1x1/2",
        f"/image/0/{NAME}/-1x5", "/entry?key=../a", "/raw?key=%00", "/traces.jsonl", "/index.html",
        "//etc/passwd",
    ],
)  # fmt: skip
async def test_what_is_not_there_is_404_as_json(path: str):
    async with client() as asks:
        answer = await asks.get(path)
    assert answer.status_code == 404 and answer.json()["error"]


async def test_what_is_missing_in_a_request_is_named():
    async with client() as asks:
        for path, name in (("/entry", "key"), ("/raw", "key"), ("/find", "q")):
            answer = await asks.get(path)
            assert answer.status_code == 400 and answer.json() == {"error": f"{name}: Field required"}
        assert (await asks.post("/index")).status_code == 405


async def test_only_this_machine_may_ask_without_a_token():
    paths = ("/", "/index", "/entry?key=a%230", "/raw?key=a%230", "/find?q=a", f"/image/0/{NAME}")
    async with client() as asks:
        for path in paths:
            for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"}):
                assert (await asks.get(path, headers=headers)).status_code == 403, path
            assert (await asks.get(path, headers={"host": "localhost:1"})).status_code == 200


async def test_with_a_token_the_page_is_open_and_tells_nothing():
    async with client(token="s3cret") as asks:
        assert (await asks.get("/", headers={"host": "gpu-7.example"})).text == PAGE
        for path in (
            "/index",
            "/entry?key=a%230",
            "/raw?key=a%230",
            "/find?q=a",
            f"/image/0/{NAME}",
            "/other",
        ):
            assert (await asks.get(path)).status_code in (401, 404), path
            wrong = await asks.get(path, headers={"authorization": "Bearer other"})
            assert wrong.status_code in (401, 404)
        headers = {"authorization": "Bearer s3cret", "host": "gpu-7.example"}
        assert (await asks.get("/index", headers=headers)).status_code == 200


async def test_others_than_loopback_need_a_token(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=TOKEN_VARIABLE):
        await serve(Shelf(), PAGE, host="0.0.0.0", port=0, ready=lambda address: None)


async def test_the_address_is_told_when_it_listens_with_the_token_where_no_server_sees_it(
    monkeypatch: pytest.MonkeyPatch,
):
    told: list[str] = []

    async def listen(app: Any, *, on: socket.socket, **more: Any) -> None:
        assert on.getsockname()[1] == int(told[0].split(":")[2].split("/")[0])

    monkeypatch.setattr(server, "listen", listen)
    monkeypatch.setenv(TOKEN_VARIABLE, "a b/c")
    await serve(Shelf(), PAGE, host="127.0.0.1", port=0, ready=told.append)
    assert told[0].startswith("http://127.0.0.1:") and told[0].endswith("/#token=a%20b%2Fc")


async def test_a_port_that_is_taken_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=rf"listening on 127.0.0.1:{port} failed .*choose another --port"
        ):
            await serve(Shelf(), PAGE, host="127.0.0.1", port=port, ready=lambda address: None)


def test_without_its_packages_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "starlette"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    with pytest.raises(ConfigError, match=r"pip install 'deepeyes\[serve\]'"):
        make_app(Shelf(), PAGE)
