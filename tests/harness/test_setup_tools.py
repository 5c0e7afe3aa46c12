"""`open_agent`: which tools it opens, what for, and what it refuses before anything is opened."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tools.fake_sandbox import FakeSandbox
from tools.fake_tools import ENGINE, Clock

from deepeyes.core.errors import ConfigError
from deepeyes.dialects.native import Native
from deepeyes.harness import setup
from deepeyes.harness.search import Engines
from deepeyes.harness.setup import open_agent
from deepeyes.models.scripted import ScriptedModel


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was opened, in order; nothing is for real."""
    log: list[object] = []

    @asynccontextmanager
    async def engines(
        specs: Sequence[str], *, snippet_chars: int, tell: Any = None
    ) -> AsyncGenerator[Engines]:
        log.append(("search", tuple(specs), snippet_chars))
        there = [spec for spec in specs if spec not in ("", "off")]
        yield Engines(ENGINE, ENGINE, ENGINE, ("a note",)) if there else Engines()

    class Sandbox:
        @staticmethod
        @asynccontextmanager
        async def start() -> AsyncGenerator[FakeSandbox]:
            log.append("sandbox")
            yield FakeSandbox()

    def resolve(name: str) -> ScriptedModel:
        log.append(name)
        return ScriptedModel([])

    monkeypatch.setattr(setup, "open_engines", engines)
    monkeypatch.setattr("deepeyes.sandbox.Sandbox", Sandbox)
    monkeypatch.setattr(setup, "resolve_model", resolve)
    return log


@pytest.mark.parametrize(
    ("tools", "search", "names", "starts"),
    [
        (True, (), ("python",), ["search", "sandbox"]),
        (True, "world", ("python", "search", "image_search", "open_page"), ["search", "sandbox"]),
        (False, "world", (), []),
        ((), "world", (), []),
        ("python", "world", ("python",), ["sandbox"]),
        (("open_page", "search"), "world", ("open_page", "search"), ["search"]),
        (["image_search", "python"], ["off", "world"], ("image_search", "python"), ["search", "sandbox"]),
        ([Clock(None)], (), ("clock",), []),
        (["python", Clock(None)], (), ("python", "clock"), ["sandbox"]),
    ],
)
async def test_an_agent_has_the_tools_that_are_named_and_opens_no_more_than_they_need(
    opened: list[Any], tools: Any, search: Any, names: tuple[str, ...], starts: list[str]
):
    async with open_agent("some", tools=tools, search=search) as agent:
        assert agent.tools.names == names
    assert [one if isinstance(one, str) else one[0] for one in opened] == ["some", *starts]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tools": ["serch"]}, "there is no tool 'serch': the tools are python"),
        ({"tools": "pythn"}, "there is no tool 'pythn': the tools are python"),
        ({"tools": ["search"]}, "search needs something to search: give --search world"),
        ({"tools": ["open_page"], "search": "off"}, "open_page needs pages to read: give --search world"),
        ({"tools": ["python", "python"]}, "the tool 'python' is named twice: name it once"),
        ({"search": "wrld"}, "there is no search 'wrld': give off, world"),
        ({"dialect": "klingon"}, "there is no dialect 'klingon': use deepeyes_v2 or native"),
    ],
)
async def test_what_cannot_be_had_is_refused_before_anything_is_opened(
    opened: list[object], wrong: dict[str, Any], message: str
):
    with pytest.raises(ConfigError) as error:
        async with open_agent("some", **wrong):
            raise AssertionError
    assert str(error.value).startswith(message) and opened == []


async def test_a_tool_whose_service_the_search_did_not_bring_is_refused(
    opened: list[object], monkeypatch: pytest.MonkeyPatch
):
    @asynccontextmanager
    async def only_text(*_: Any, **__: Any) -> AsyncGenerator[Engines]:
        yield Engines(text=ENGINE)

    monkeypatch.setattr(setup, "open_engines", only_text)
    with pytest.raises(ConfigError, match="image_search needs images to search: give --search world"):
        async with open_agent("some", tools=["image_search"], search="world"):
            raise AssertionError


class Terse(Native):
    @property
    def snippet_chars(self) -> int:
        return 70


@pytest.mark.parametrize(
    ("model", "dialect", "chars"),
    [
        (ScriptedModel([]), "", 300),
        (ScriptedModel([], prompt="brief"), "", 200),
        (ScriptedModel([], prompt="brief"), "deepeyes_v2", 300),
        (ScriptedModel([]), "deepeyes_v2/brief", 200),
        (ScriptedModel([]), Terse(), 70),
    ],
)
async def test_snippets_are_as_long_as_the_spoken_dialect_wants_them(
    opened: list[Any], model: ScriptedModel, dialect: Any, chars: int
):
    async with open_agent(model, dialect=dialect, search="world") as agent:
        assert agent.dialect is None or agent.speech.snippet_chars == chars
    assert opened[0] == ("search", ("world",), chars)


async def test_notes_of_a_search_are_told(opened: list[object]):
    heard: list[str] = []
    async with open_agent("some", search="world", tell=heard.append):
        assert heard == ["a note"]
