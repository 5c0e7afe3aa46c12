"""`open_agent`: everything is checked before it is opened, and closed however the block ends."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tools.fake_sandbox import FakeSandbox

from deepeyes.agent.agent import Agent
from deepeyes.core.errors import ConfigError, DeepEyesError, ModelError, SandboxUnavailable
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.harness.search import Engines
from deepeyes.harness.setup import open_agent
from deepeyes.models.scripted import ScriptedModel
from deepeyes.search.base import Hit


class Watched(ScriptedModel):
    def __init__(self, happened: list[str], **options: Any) -> None:
        super().__init__(["<answer>red</answer>"], **options)
        self.happened = happened

    async def aclose(self) -> None:
        self.happened.append("model closed")


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is opened and closed, in order; the model is named "m"."""
    told: list[str] = []

    def resolve(spec: str) -> ScriptedModel:
        told.append("model opened")
        if spec != "m":
            raise ModelError(f"there is no model {spec!r}", "use m")
        return Watched(told)

    @asynccontextmanager
    async def start() -> AsyncGenerator[FakeSandbox]:
        told.append("sandbox opened")
        try:
            yield FakeSandbox()
        finally:
            told.append("sandbox closed")

    monkeypatch.setattr("deepeyes.harness.setup.resolve_model", resolve)
    monkeypatch.setattr("deepeyes.sandbox.Sandbox.start", start)
    return told


ALL = ["model opened", "sandbox opened", "sandbox closed", "model closed"]


async def test_what_was_opened_is_closed_after_the_block(happened: list[str]) -> None:
    limits, sampling = Limits(turns=3), Sampling(temperature=0.5)
    async with open_agent("m", limits=limits, sampling=sampling, dialect="native") as agent:
        assert happened == ALL[:2]
        assert (agent.limits, agent.sampling, agent.speech.name) == (limits, sampling, "native")
        assert agent.tools.names == ("python",)
    assert happened == ALL


async def test_what_was_opened_is_closed_after_an_error(happened: list[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_agent("m"):
            raise ZeroDivisionError
    assert happened == ALL


async def test_what_was_opened_is_closed_when_cancelled(happened: list[str]) -> None:
    inside = asyncio.Event()

    async def work() -> None:
        async with open_agent("m"):
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert happened == ALL


async def test_a_model_that_was_given_stays_open(happened: list[str]) -> None:
    model = Watched(happened)
    async with open_agent(model) as agent:
        assert agent.model is model and agent.dialect is None
    assert happened == ["sandbox opened", "sandbox closed"]


async def test_without_tools_no_sandbox_is_started_and_nothing_opened_to_search_in(
    happened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("something to search in was opened")

    monkeypatch.setattr("deepeyes.harness.setup.open_engines", refuse)
    async with open_agent("m", tools=False, search="world") as agent:
        assert agent.tools.names == ()
    assert happened == ["model opened", "model closed"]


@pytest.mark.parametrize(
    ("options", "kind", "words", "opened"),
    [
        ({"dialect": "klingon"}, ConfigError, "klingon", []),
        ({"dialect": "klingon", "tools": False}, ConfigError, "klingon", []),
        ({"search": "nowhere"}, ConfigError, "nowhere", []),
        ({"search": ["off", "nowhere"]}, ConfigError, "nowhere", []),
        ({"model": "other"}, ModelError, "other", ["model opened"]),
    ],
)
async def test_what_there_is_not_is_refused_before_a_sandbox_starts(
    happened: list[str], options: dict[str, Any], kind: type[DeepEyesError], words: str, opened: list[str]
) -> None:
    with pytest.raises(kind, match=words) as caught:
        async with open_agent(**{"model": "m", **options}):
            raise AssertionError
    assert happened == opened and caught.value.remedy


async def test_a_machine_without_a_sandbox_is_told_of_doing_without(
    happened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def start() -> AsyncGenerator[FakeSandbox]:
        raise SandboxUnavailable("no namespaces here", "ask for them")
        yield FakeSandbox()

    monkeypatch.setattr("deepeyes.sandbox.Sandbox.start", start)
    with pytest.raises(SandboxUnavailable) as caught:
        async with open_agent("m"):
            raise AssertionError
    assert str(caught.value) == "no namespaces here: ask for them; or do without tools"
    assert happened == ["model opened", "model closed"]


class Text:
    async def search(self, query: str, k: int) -> list[Hit]:
        return []


async def test_there_is_a_search_tool_only_where_it_was_asked_for(
    happened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, Any]] = []

    @asynccontextmanager
    async def engines(specs: Any, *, snippet_chars: int, tell: Any) -> AsyncGenerator[Engines]:
        asked.append((tuple(specs), snippet_chars))
        yield Engines(text=Text() if specs else None, notes=("no vectors here",))

    monkeypatch.setattr("deepeyes.harness.setup.open_engines", engines)
    told: list[str] = []
    async with open_agent("m", search="world", tell=told.append) as agent:
        assert agent.tools.names == ("python", "search") and told == ["no vectors here"]
    async with open_agent("m", tell=told.append) as agent:
        assert agent.tools.names == ("python",)
    async with open_agent(Watched(happened, prompt="brief"), search=("off", "world"), tell=told.append):
        pass
    async with open_agent("m", dialect="deepeyes_v2/brief", search="world", tell=told.append):
        pass
    assert asked == [(("world",), 300), ((), 300), (("off", "world"), 200), (("world",), 200)]


async def test_one_agent_asks_many_times(happened: list[str]) -> None:
    async with open_agent("m", tools=False) as agent:
        assert isinstance(agent, Agent)
        traces = [await agent.ask(None, f"{n}?") for n in range(2)]
    assert [trace.answer for trace in traces] == ["red", "red"]
