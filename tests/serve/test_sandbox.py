"""The HTTP server: its own API, the reference's contract, and what it refuses."""

import base64
import io
from collections.abc import AsyncGenerator

import httpx
import pytest
import pytest_asyncio
from PIL import Image

from deepeyes.core.errors import ConfigError
from deepeyes.sandbox import Sandbox
from deepeyes.serve import sandbox as server

pytest.importorskip("starlette")


def client_of(sandbox: Sandbox, address: str = "10.0.0.1", **settings: object) -> httpx.AsyncClient:
    app = server.make_app(sandbox, **settings)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=120)


@pytest_asyncio.fixture(loop_scope="session")
async def client(sandbox: Sandbox) -> AsyncGenerator[httpx.AsyncClient, None]:
    async with client_of(sandbox, sessions_per_client=2) as opened:
        yield opened


def picture_file(kind: str = "PNG") -> str:
    file = io.BytesIO()
    Image.new("RGB", (6, 4), "red").save(file, format=kind)
    return base64.b64encode(file.getvalue()).decode()


async def test_a_session_from_opening_to_closing(client: httpx.AsyncClient) -> None:
    opened = await client.post("/sessions", json={"images": {"image_1": picture_file()}, "seed": 1})
    assert opened.status_code == 201
    place = f"/sessions/{opened.json()['session']}"
    body = {"code": "print(image_1.size)\nimage_1.crop((0, 0, 2, 3))", "timeout": 60}
    result = (await client.post(f"{place}/run", json=body)).json()
    assert (result["status"], result["stdout"], result["dropped"]) == ("ok", "(6, 4)\n", 0)
    assert Image.open(io.BytesIO(base64.b64decode(result["images"][0]))).size == (2, 3)
    assert (await client.put(f"{place}/files/a/b.txt", content=b"text")).status_code == 200
    assert (await client.get(f"{place}/files/a/b.txt")).content == b"text"
    assert (await client.get(f"{place}/files/missing")).status_code == 400
    await client.post(f"{place}/run", json={"code": "crop = image_1.crop((0, 0, 2, 3))", "timeout": 60})
    crop = await client.get(f"{place}/images/crop")
    assert crop.headers["content-type"] == "image/png" and Image.open(io.BytesIO(crop.content)).size == (2, 3)
    assert (await client.get(f"{place}/images/__import__")).status_code == 404
    assert (await client.get("/health")).json()["tier"]
    assert (await client.delete(place)).status_code == 200
    assert (await client.post(f"{place}/run", json={"code": "1"})).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"images": {"image_1": "not base64!"}}, 400),
        ({"images": {"image_1": base64.b64encode(b"not an image").decode()}}, 400),
        ({"images": {"1mage": picture_file()}}, 400),
        ({"imagse": {}}, 400),
        ({"seed": "x"}, 400),
    ],
)
async def test_bad_openings_are_refused(
    client: httpx.AsyncClient, body: dict[str, object], status: int
) -> None:
    answer = await client.post("/sessions", json=body)
    assert answer.status_code == status and answer.json()["error"]


async def test_broken_requests_are_refused(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await client.post("/sessions", content=b"{")).status_code == 400
    assert (await client.post("/run_jupyter", json={"code": "1"})).status_code == 400
    assert (
        await client.post("/run_jupyter", json={"session_id": "a", "code": "1", "timeout": 1e9})
    ).status_code == 400
    monkeypatch.setattr(server, "MAX_BODY", 1000)
    assert (await client.post("/sessions", content=b"x" * 2000)).status_code == 413


async def test_refusals_say_what_to_do(client: httpx.AsyncClient) -> None:
    def error(answer: httpx.Response, status: int) -> str:
        assert answer.status_code == status
        return answer.json()["error"]

    keys = [(await client.post("/sessions")).json()["session"] for _ in range(2)]
    full = await client.post("/sessions")
    assert error(full, 429) == "2 sessions are open already: close some with DELETE /sessions/ID"
    image = await client.get(f"/sessions/{keys[0]}/images/nothing")
    assert error(image, 404) == "no variable of that name is a picture: bind a PIL image to it first"
    none = await client.post("/sessions/none/run", json={"code": "1"})
    assert error(none, 404) == "there is no such session: open one with POST /sessions"
    for key in keys:
        await client.delete(f"/sessions/{key}")


async def test_the_longest_timeout_is_allowed_and_one_second_more_is_not(client: httpx.AsyncClient) -> None:
    key = (await client.post("/sessions")).json()["session"]
    for path, more in ((f"/sessions/{key}/run", {}), ("/run_jupyter", {"session_id": "longest"})):
        for seconds, status in ((600, 200), (601, 400)):
            answer = await client.post(path, json={"code": "1", "timeout": seconds, **more})
            assert answer.status_code == status
    await client.delete(f"/sessions/{key}")


async def test_clients_are_bounded_and_apart(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    keys = [(await client.post("/sessions")).json()["session"] for _ in range(2)]
    assert (await client.post("/sessions")).status_code == 429
    async with client_of(sandbox, "10.0.0.2") as other:
        assert (await other.post(f"/sessions/{keys[0]}/run", json={"code": "1"})).status_code == 404
    for key in keys:
        await client.delete(f"/sessions/{key}")


async def test_a_token_is_asked_for(sandbox: Sandbox) -> None:
    async with client_of(sandbox, token="right") as client:
        assert (await client.get("/health")).status_code == 401
        assert (await client.get("/health", headers={"authorization": "Bearer wrong"})).status_code == 401
        assert (await client.get("/health", headers={"authorization": "Bearer right"})).status_code == 200


@pytest.mark.parametrize("route", ["/jupyter_sandbox", "/run_jupyter"])
async def test_the_references_contract(client: httpx.AsyncClient, route: str) -> None:
    async def cell(code: str, session: str = "a", timeout: float = 60) -> dict[str, object]:
        body = {"session_id": f"{route}{session}", "code": code, "timeout": timeout}
        return (await client.post(route, json=body)).json()

    answer = await cell("import sys\nx = 1\nprint('out')\nprint('err', file=sys.stderr)\nx")
    assert set(answer) == {"status", "execution_time", "output"} and answer["status"] == "success"
    assert answer["output"] == {"result": "1", "stdout": "out\n", "stderr": "err\n", "images": []}
    answer = await cell("from PIL import Image\ndisplay(Image.new('RGB', (x, 2)))")
    pictures = answer["output"]["images"]  # type: ignore[index]
    assert Image.open(io.BytesIO(base64.b64decode(pictures[0]))).size == (1, 2)
    assert "NameError" in (await cell("x", "b"))["output"]["stderr"]  # type: ignore[index]
    answer = await cell("while True: pass", "b", 0.3)
    assert answer["output"]["stderr"].startswith("TimeOutError: code execution timed out")  # type: ignore[index]
    await cell("1", "c")  # the third session of a client that may have two: the one used longest ago goes
    assert "NameError" in (await cell("x", "a"))["output"]["stderr"]  # type: ignore[index]


def test_other_addresses_need_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(server.TOKEN_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=server.TOKEN_VARIABLE):
        server.run(host="0.0.0.0", port=0, preload="slim", sessions_per_client=1)
