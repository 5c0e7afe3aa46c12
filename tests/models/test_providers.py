"""Keys, tables and settings of servers: a key goes to its own server only."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deepeyes.core.errors import ConfigError, DeepEyesError, ModelError, ServerError
from deepeyes.core.messages import Message
from deepeyes.models import pacing, providers
from deepeyes.models.openai import OpenAIModel
from deepeyes.models.providers import split_place
from deepeyes.models.registry import check_model, check_models, resolve_model

HELLO = [Message.make("user", "hello")]
TABLE = """
[providers.gemini]
base_url = "https://generativelanguage.googleapis.com/v1beta/openai/"
key_env = "GEMINI_KEY"
concurrency = 4

[providers.azure]
base_url = "https://mine.openai.azure.com/openai/deployments/d?api-version=2024-10-21"
key_env = "AZURE_KEY"
key_header = "api-key"
headers = { "X-Gateway" = "gate-secret-1", "X-Small" = "on" }

[providers.here]
base_url = "http://127.0.0.1:9/v1"
"""
KEYS = {"DEEPEYES_API_KEY", "OPENAI_API_KEY", "GEMINI_KEY", "AZURE_KEY"}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in (*KEYS, "DEEPEYES_PROVIDERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pacing, "_paces", {})
    monkeypatch.setattr(providers, "_owners", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deepeyes.toml").write_text(TABLE)
    yield


class Listening:
    """Answers everything, and keeps what came."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)
        return httpx.Response(200, json={"choices": [{"message": {"content": "hi"}}]})

    @property
    def heard(self) -> str:
        """Everything that came with the last request."""
        last = self.requests[-1]
        return f"{last.url}\n{last.headers.raw!r}\n{last.content.decode()}"


async def ask(spec: str, server: Listening | None = None) -> Listening:
    server = server or Listening()
    model: Any = resolve_model(spec, transport=httpx.MockTransport(server), retries=0)
    await model.generate(HELLO)
    await model.aclose()
    return server


# ---- keys


async def test_each_server_gets_its_own_key_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {name: f"sk-{name.lower()}-1" for name in KEYS}
    for name, secret in secrets.items():
        monkeypatch.setenv(name, secret)
    meant = {
        "openai:m@https://api.openai.com/v1": "OPENAI_API_KEY",
        "openai:m@http://10.0.0.1:8000/v1": "DEEPEYES_API_KEY",
        "openai:m@http://10.0.0.2:8000/v1": None,
        "openai:m@http://10.0.0.2:8000/v1#key_env=GEMINI_KEY": "GEMINI_KEY",
        "openai:m@gemini": "GEMINI_KEY",
        "openai:m@azure": "AZURE_KEY",
        "openai:m@here": None,
    }
    for spec, variable in meant.items():
        heard = (await ask(spec)).heard
        assert {name for name, secret in secrets.items() if secret in heard} == ({variable} - {None}), spec


async def test_one_host_keeps_the_common_key_on_all_its_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_API_KEY", "sk-common-1")
    for spec in ("openai:a@http://first:1/v1", "openai:b@http://first:2/v1", "openai:a@http://FIRST:1/v1"):
        assert "sk-common-1" in (await ask(spec)).heard
    assert "sk-common-1" not in (await ask("openai:a@http://second:1/v1")).heard
    monkeypatch.setenv("DEEPEYES_API_KEY", "sk-common-2")
    assert "sk-common-2" in (await ask("openai:a@http://second:1/v1")).heard, (
        "another key is another server's"
    )


async def test_openai_takes_the_common_key_where_its_own_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_API_KEY", "sk-common-1")
    assert "Bearer sk-common-1" in (await ask("openai:m@https://api.openai.com/v1")).heard
    for lookalike in ("https://api.openai.com.example.org/v1", "https://api.openai.com@example.org/v1"):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-1")
        assert "sk-openai-1" not in (await ask(f"openai:m@{lookalike}")).heard


async def test_a_run_whose_servers_would_share_the_common_key_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two = ["openai:m@http://first/v1", "openai:m@http://second/v1"]
    check_models(two)
    monkeypatch.setenv("DEEPEYES_API_KEY", "sk-common-1")
    with pytest.raises(ModelError, match="could be of http://first/v1 or of http://second/v1: name each"):
        check_models(two)
    check_models(["openai:m@http://first/v1", "openai:n@http://first:2/v1", "openai:m@gemini", "nano"])
    check_models([two[0], f"{two[1]}#key_env=GEMINI_KEY"])


async def test_a_server_of_the_table_without_a_variable_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPEYES_API_KEY", "sk-common-1")
    assert "sk-common-1" not in (await ask("openai:m@here")).heard
    assert "sk-common-1" in (await ask("openai:m@http://127.0.0.1:9/v1")).heard


async def test_a_key_that_is_named_and_not_set() -> None:
    with pytest.raises(ModelError, match="needs a key and GEMINI_KEY is not set: export GEMINI_KEY=KEY"):
        await ask("openai:m@gemini")


async def test_azure_is_asked_as_azure_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_KEY", "sk-azure-1")
    request = (await ask("openai:m@azure")).requests[0]
    base = "https://mine.openai.azure.com/openai/deployments/d"
    assert str(request.url) == f"{base}/chat/completions?api-version=2024-10-21"
    assert request.headers["api-key"] == "sk-azure-1" and "authorization" not in request.headers
    assert request.headers["x-gateway"] == "gate-secret-1"
    assert resolve_model("openai:m@azure").name == f"openai:m@{base}"


async def test_no_secret_comes_back_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_KEY", "sk-azure-1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-1")
    said = "you sent sk-azure-1, gate-secret-1 and on; sk-openai-1"
    for status in (400, 401, 500):
        with pytest.raises(DeepEyesError) as caught:
            await ask("openai:m@azure", Listening(httpx.Response(status, json={"error": {"message": said}})))
        text = str(caught.value)
        assert (
            not any(one in text for one in ("sk-azure-1", "gate-secret", "sk-openai-1")) and "\n" not in text
        )
        assert status != 401 or "set AZURE_KEY to a key it accepts" in text
        assert status == 401 or "*** and on" in text, "a short value is a word"


# ---- the table and the string


async def test_settings_in_the_string_take_the_place_of_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "sk-other-1")
    model: Any = resolve_model("openai:m@gemini#key_env=OTHER_KEY,requests_per_minute=30,prompt=brief")
    place = model._server.provider
    assert (place.concurrency, place.requests_per_minute, place.key_env) == (4, 30, "OTHER_KEY")
    assert model.name == "openai:m@https://generativelanguage.googleapis.com/v1beta/openai"
    assert model.prompt == "brief"


def test_the_table_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "others.toml"
    other.write_text('[providers.far]\nbase_url = "https://far/v1"\n')
    monkeypatch.setenv("DEEPEYES_PROVIDERS", str(other))
    assert resolve_model("openai:m@far").name == "openai:m@https://far/v1"
    with pytest.raises(ModelError, match="names no server"):
        check_model("openai:m@gemini")
    monkeypatch.setenv("DEEPEYES_PROVIDERS", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match=r"reading .*none.toml failed \(no such file"):
        check_model("openai:m@far")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            '[providers.x]\nbase_url = "http://h"\nkey_enw = "K"',
            "unknown key .*key_enw: did you mean key_env",
        ),
        ('[providers.x]\nkey_env = "K"', "providers.x.base_url is missing"),
        ('[providers.x]\nbase_url = "h/v1"', "no address: write it like https://HOST/v1"),
        ('[providers.x]\nbase_url = "http://h"\nconcurrency = 0', "concurrency = 0 is not valid"),
        ("[providers.x", "give a TOML file"),
    ],
)
def test_a_table_that_cannot_be(table: str, words: str) -> None:
    Path("deepeyes.toml").write_text(table)
    with pytest.raises(ConfigError, match=words) as caught:
        check_model("openai:m@x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("concurrency=0", "concurrency = 0 is not valid"),
        ("requests_per_minute=-1", "requests_per_minute = -1.0 is not valid"),
        ("budget=nan", "budget = nan is not valid"),
        ("price_in=cheap", "give a number"),
        ("headers=x", "is not a setting .*known are prompt, .*key_env, concurrency"),
    ],
)
def test_settings_that_cannot_be(settings: str, words: str) -> None:
    for server in ("http://h/v1", "gemini"):
        with pytest.raises(ModelError, match=words) as caught:
            check_model(f"openai:m@{server}#{settings}")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "parts"),
    [
        ("org/m@http://h/v1", ("org/m", "http://h/v1")),
        ("m@http://me:pw@h/v1", ("m", "http://me:pw@h/v1")),
        ("claude@20240620@vertex-eu.1", ("claude@20240620", "vertex-eu.1")),
        ("claude@20240620@https://h/v1", ("claude@20240620", "https://h/v1")),
        ("@http://h/v1", ("", "")),
        ("m", ("", "")),
        ("m@", ("", "")),
        ("m@localhost:8000", ("", "")),
    ],
)
def test_model_and_server(place: str, parts: tuple[str, str]) -> None:
    assert split_place(place) == parts


# ---- proxies, over real sockets


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Takes what is sent through it, answers as it is told, and keeps the first lines and all bytes."""
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    heard: list[bytes] = []
    body = json.dumps({"choices": [{"message": {"content": "through"}}]}).encode()
    answers = {
        b"POST": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        % len(body)
        + body,
        b"CONNECT": b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n",
    }

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heard.append(head)
        writer.write(answers[head.split(b" ")[0]])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
    server.close()


async def test_a_proxy_is_used(proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url, heard = proxy
    monkeypatch.setenv("HTTP_PROXY", url)
    monkeypatch.setenv("HTTPS_PROXY", url)
    monkeypatch.setenv("DEEPEYES_API_KEY", "sk-common-1")
    model = OpenAIModel("m", "http://models.invalid/v1", retries=0)
    assert (await model.generate(HELLO)).text == "through"
    await model.aclose()
    assert heard[0].startswith(b"POST http://models.invalid/v1/chat/completions ")
    monkeypatch.setenv("DEEPEYES_API_KEY", "sk-common-2")
    safe = OpenAIModel("m", "https://safe.invalid/v1", retries=0)
    with pytest.raises(ServerError, match="cannot be reached through the proxy"):
        await safe.generate(HELLO)
    await safe.aclose()
    assert heard[1].startswith(b"CONNECT safe.invalid:443 ") and b"sk-common" not in heard[1]


async def test_a_proxy_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://x")
    with pytest.raises(ModelError, match=r"proxy settings .*: check HTTPS_PROXY"):
        await OpenAIModel("m", "https://safe.invalid/v1").generate(HELLO)
