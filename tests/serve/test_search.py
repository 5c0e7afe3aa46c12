"""The search server: what trainers send, our own routes, and what it refuses."""

import asyncio
import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image
from search.text_helpers import Concepts, places

pytest.importorskip("starlette")

from deepeyes.core.errors import ConfigError
from deepeyes.search.base import Hit, SearchUnavailable
from deepeyes.search.text.build import build
from deepeyes.search.text.index import TextIndex
from deepeyes.serve import search as server
from deepeyes.serve.search import TOKEN_VARIABLE, Served, make_app


class Gallery:
    name = "gallery"

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    async def search(self, image: Image.Image, k: int = 5) -> tuple[Hit, ...]:
        self.sizes.append(image.size)
        return (
            Hit("A flag", "world://x", image=Image.new("RGB", (4, 3), "red")),
            Hit("No picture", "world://y"),
        )[:k]


class Slow:
    """Counts how many search at once."""

    name = "slow"

    def __init__(self, down: bool = False) -> None:
        self.now = self.most = 0
        self.order: list[str] = []
        self.down = down

    async def search(self, query: str, k: int = 5) -> tuple[Hit, ...]:
        if self.down:
            raise SearchUnavailable("the provider is down", "try later")
        self.now += 1
        self.most = max(self.most, self.now)
        self.order.append(query)
        await asyncio.sleep(0.002)
        self.now -= 1
        return (Hit(query, "u"),)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> TextIndex:
    folder = tmp_path_factory.mktemp("index")
    build(places(), folder, encoder=Concepts())
    return TextIndex.open(folder, encoder=Concepts(), snippet_chars=1000)


def client(served: Served, **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(make_app(served, **options))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=30)


async def post(served: Served, path: str, **given: Any) -> httpx.Response:
    async with client(served) as opened:
        return await opened.post(path, **given)


def png(size: tuple[int, int] = (6, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return file.getvalue()


# ---- what trainers send


async def test_the_retrieve_contract(index: TextIndex):
    body = {"queries": ["exports of Chad", "climate of Peru"], "topk": 2, "return_scores": True}
    result = (await post(Served(index), "/retrieve", json=body)).json()["result"]
    assert [len(hits) for hits in result] == [2, 2]
    first = result[0][0]
    assert set(first) == {"document", "score"} and first["score"] > result[0][1]["score"]
    assert first["document"]["contents"].startswith('"Chad: Trade"\nExports: Chad sold')
    assert result[1][0]["document"]["id"] == "world://country/peru/land"


async def test_retrieve_variants(index: TextIndex):
    async with client(Served(index), topk=3) as opened:
        bare = (await opened.post("/retrieve", json={"queries": ["exports of Chad"]})).json()["result"]
        assert len(bare[0]) == 3 and set(bare[0][0]) == {"id", "contents"}
        one = (await opened.post("/retrieve", json={"query": "exports of Chad", "topk": 1})).json()["result"]
        assert one == [bare[0][:1]]
        many = await opened.post("/retrieve", json={"query": ["exports of Chad"], "topk": None, "extra": 1})
        assert many.json()["result"] == bare
        odd = await opened.post("/retrieve", json={"queries": ["", "x" * 100_000, "\x00", "中文"], "topk": 1})
        assert odd.status_code == 200 and odd.json()["result"][0] == []
        assert (await opened.post("/retrieve", json={"queries": []})).json() == {"result": []}


# ---- our own


async def test_search_page_and_health(index: TextIndex):
    async with client(Served(index, None, index, ("a note",))) as opened:
        hits = (await opened.post("/search", json={"query": "faiths of Peru", "k": 1})).json()["hits"]
        assert set(hits[0]) == {"title", "url", "snippet", "date", "source", "score"}
        page = (await opened.post("/page", json={"url": hits[0]["url"], "query": "church"})).json()
        assert page["title"] == "Peru: People" and "Religions:" in page["text"]
        assert (await opened.post("/page", json={"url": "world://nowhere"})).status_code == 404
        health = (await opened.get("/health")).json()
        assert (
            health["text"].startswith("index:") and health["images"] is None and health["notes"] == ["a note"]
        )


async def test_pictures_come_in_three_ways():
    gallery = Gallery()
    async with client(Served(images=gallery)) as opened:
        coded = base64.b64encode(png()).decode()
        ways = [
            await opened.post("/image_search", json={"image": coded, "k": 2}),
            await opened.post("/image_search", json={"image": f"data:image/png;base64,{coded}"}),
            await opened.post("/image_search?k=2", files={"image": ("a.png", png(), "image/png")}),
            await opened.post("/image_search", content=png(), headers={"content-type": "image/png"}),
        ]
    assert [way.status_code for way in ways] == [200] * 4 and gallery.sizes == [(6, 4)] * 4
    hits = ways[0].json()["hits"]
    assert (
        Image.open(io.BytesIO(base64.b64decode(hits[0]["image"]))).size == (4, 3) and hits[1]["image"] is None
    )


# ---- what it refuses


@pytest.mark.parametrize(
    ("path", "given", "status", "words"),
    [
        ("/retrieve", {"content": b"{"}, 400, "Invalid JSON"),
        ("/retrieve", {"json": {}}, 400, "queries: Field required"),
        ("/retrieve", {"json": {"queries": [1]}}, 400, "queries.0"),
        ("/retrieve", {"json": {"queries": ["a"], "topk": 0}}, 400, "topk"),
        ("/retrieve", {"json": {"queries": ["a"] * 2000}}, 400, "queries"),
        ("/retrieve", {"content": b"x" * (5 << 20)}, 413, "larger than 4 MiB"),
        ("/search", {"json": {"query": " "}}, 400, "empty"),
        ("/image_search", {"json": {"image": "no base64!"}}, 400, "not base64"),
        ("/image_search", {"json": {"image": base64.b64encode(b"no picture").decode()}}, 400, "as a picture"),
        *(
            (
                f"/image_search?k={k}",
                {"content": png(), "headers": {"content-type": "image/png"}},
                400,
                "k: give",
            )
            for k in ("x", "0", "101", "9" * 5000)
        ),
        ("/image_search", {"files": {"image": ("a", b"", "image/png")}}, 400, "empty"),
        (
            "/image_search",
            {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
            400,
            "no file",
        ),
        ("/page", {"json": {"url": "x"}}, 404, "no pages are served"),
    ],
)
async def test_bad_requests(index: TextIndex, path: str, given: dict[str, Any], status: int, words: str):
    answer = await post(Served(index, Gallery()), path, **given)
    assert answer.status_code == status and words in answer.json()["error"]


async def test_what_is_not_served_is_404():
    for path, body in (
        ("/search", {"query": "x"}),
        ("/retrieve", {"query": "x"}),
        ("/image_search", {"image": ""}),
    ):
        assert (await post(Served(), path, json=body)).status_code == 404


@pytest.mark.parametrize(
    ("path", "given", "error"),
    [
        ("/search", {"json": {"query": " "}}, "the query is empty: say what to look for"),
        ("/search", {"json": {"query": "x"}}, "no texts are served here: start the server with an index"),
        ("/page", {"json": {"url": "x"}}, "no pages are served here: start the server with an index"),
        (
            "/image_search",
            {"json": {"image": ""}},
            "no pictures are served here: start the server with a gallery",
        ),
    ],
)
async def test_what_is_refused_says_what_to_do(path: str, given: dict[str, Any], error: str):
    assert (await post(Served(), path, **given)).json() == {"error": error}


async def test_a_page_and_a_file_that_are_not_there_say_what_to_do(index: TextIndex):
    served = Served(index, Gallery(), index)
    page = await post(served, "/page", json={"url": "world://nowhere"})
    assert page.json() == {"error": "there is no page 'world://nowhere': take the url of a hit"}
    form = await post(
        served, "/image_search", data={"k": "3"}, headers={"content-type": "multipart/form-data"}
    )
    assert form.json() == {"error": "there is no file in the form: send it as the field image"}


async def test_counts_at_their_limits():
    async with client(Served(Slow(), Gallery())) as opened:

        async def status(path: str, **given: Any) -> int:
            return (await opened.post(path, **given)).status_code

        as_png = {"content": png(), "headers": {"content-type": "image/png"}}
        assert await status("/image_search?k=100", **as_png) == 200
        assert await status("/image_search?k=1", **as_png) == 200
        for k, expected in ((0, 400), (1, 200), (100, 200), (101, 400)):
            assert await status("/search", json={"query": "x", "k": k}) == expected
            assert await status("/retrieve", json={"query": "x", "topk": k}) == expected
        for name in ("queries", "query"):
            assert await status("/retrieve", json={name: ["x"] * 1024}) == 200
            assert await status("/retrieve", json={name: ["x"] * 1025}) == 400


async def test_a_search_that_is_down_is_503():
    answer = await post(Served(Slow(down=True)), "/retrieve", json={"query": "x"})
    assert answer.status_code == 503 and "try later" in answer.json()["error"]


async def test_a_token_is_asked_for():
    async with client(Served(Slow()), token="right") as opened:
        assert (await opened.get("/health")).status_code == 401
        assert (await opened.get("/health", headers={"authorization": "Bearer wrong"})).status_code == 401
        good = {"authorization": "Bearer right"}
        assert (await opened.post("/search", json={"query": "x"}, headers=good)).status_code == 200


async def test_without_a_token_it_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=TOKEN_VARIABLE):
        await server.serve(Served(), host="0.0.0.0", port=0)


# ---- many at once


async def test_searches_are_bounded_and_a_long_batch_does_not_block_others():
    engine = Slow()
    async with client(Served(engine), at_once=2) as opened:
        batch = asyncio.create_task(opened.post("/retrieve", json={"queries": [f"b{n}" for n in range(60)]}))
        await asyncio.sleep(0.01)
        singles = await asyncio.gather(*(opened.post("/search", json={"query": f"s{n}"}) for n in range(8)))
        assert not batch.done(), "eight short requests overtook a long one"
        assert all(single.status_code == 200 for single in singles)
        assert (await batch).status_code == 200
    assert engine.most == 2


async def test_sixty_four_clients_get_their_own_answers(index: TextIndex):
    names = ["Chad", "Peru", "Japan", "Oman"] * 16
    async with client(Served(index), at_once=2) as opened:
        bodies = [{"query": f"climate of {name}", "k": 1} for name in names]
        answers = await asyncio.gather(*(opened.post("/search", json=body) for body in bodies))
    assert [a.json()["hits"][0]["title"] for a in answers] == [f"{name}: Land" for name in names]


async def test_too_many_waiting_are_sent_away():
    async with client(Served(Slow()), at_once=1, waiting=3) as opened:
        answers = await asyncio.gather(*(opened.post("/search", json={"query": "x"}) for _ in range(20)))
    codes = [answer.status_code for answer in answers]
    full = next(answer for answer in answers if answer.status_code == 503)
    assert full.json() == {"error": "too many searches are waiting: try again in a second"}
    assert codes.count(200) == 4 and codes.count(503) == 16
