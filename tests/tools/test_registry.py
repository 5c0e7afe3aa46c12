"""Tools by name: one line a tool, made of what is open, refused with a remedy."""

import sys
from types import ModuleType

import pytest
from tools.fake_sandbox import FakeSandbox
from tools.fake_tools import ENGINE, Clock

from deepeyes.core.actions import ToolCall
from deepeyes.core.errors import ConfigError
from deepeyes.search.pages.passages import Passages
from deepeyes.tools.base import Episode, Tool
from deepeyes.tools.registry import STANDARD, TOOLS, check_tools, services_for, tool_class, tool_spec, toolset
from deepeyes.tools.services import NEEDS, Services

ALL = Services(FakeSandbox(), ENGINE, ENGINE, Passages(ENGINE))


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one new file and one new line are."""
    module = ModuleType("somebodys_clock")
    module.Clock = Clock  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "somebodys_clock", module)
    monkeypatch.setitem(TOOLS, "clock", "somebodys_clock:Clock")


def test_the_standard_tools_are_there_as_far_as_there_is_what_they_need():
    assert toolset(["standard"], ALL).names == STANDARD == ("python", "search", "image_search", "open_page")
    assert toolset(["standard"], Services()).names == ()
    assert toolset(["standard"], Services(sandbox=ALL.sandbox)).names == ("python",)
    assert toolset(["standard"], Services(text=ENGINE, pages=ALL.pages)).names == ("search", "open_page")
    assert toolset(["standard"], Services(images=ENGINE)).names == ("image_search",)


def test_every_name_leads_to_a_tool_of_that_name_that_says_what_it_needs():
    for name in TOOLS:
        assert tool_class(name).name == name and set(tool_class(name).needs) <= set(NEEDS)
        (tool,) = toolset([name], ALL).specs()
        assert tool == tool_spec(name) and tool.name == name and tool.description


def test_tools_come_in_the_order_in_which_they_are_named():
    mine = Clock(None)
    assert toolset(["open_page", mine, "python"], ALL).names == ("open_page", "clock", "python")


@pytest.mark.usefixtures("registered")
async def test_a_registered_tool_is_had_by_name_and_is_no_standard_tool():
    assert "clock" not in toolset(["standard"], ALL).names
    tools = toolset(["clock"], ALL)
    assert (await tools.run(ToolCall(name="clock"), Episode())).stdout == "noon\n"
    assert services_for(["clock", "search"]) == {"sandbox", "text"}


def test_tools_that_are_made_need_nothing():
    assert services_for([Clock(None)]) == frozenset() and toolset([Clock(None)], Services()).names == (
        "clock",
    )


@pytest.mark.parametrize(
    ("tools", "services", "message", "remedy"),
    [
        (
            ["serch"],
            ALL,
            "there is no tool 'serch'",
            "the tools are python, search, image_search, open_page, standard for what is usual, or "
            "MODULE:FUNCTION for your own",
        ),
        (["search", "search"], ALL, "the tool 'search' is named twice", "name it once"),
        ([Clock(None), Clock(None)], ALL, "the tool 'clock' is named twice", "name it once"),
        (["python"], Services(), "python needs a sandbox", "start one, and give it as Services(sandbox=...)"),
        (
            ["search"],
            Services(sandbox=ALL.sandbox),
            "search needs something to search",
            "give --search world, an index folder or a provider",
        ),
        (
            ["python", "image_search"],
            Services(sandbox=ALL.sandbox, text=ENGINE),
            "image_search needs images to search",
            "give --search world or google_lens?upload=true",
        ),
        (
            ["open_page"],
            Services(text=ENGINE),
            "open_page needs pages to read",
            "give --search world, an index folder or a provider",
        ),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_remedy(
    tools: list[str | Tool], services: Services, message: str, remedy: str
):
    with pytest.raises(ConfigError) as error:
        toolset(tools, services)
    assert (error.value.message, error.value.remedy) == (message, remedy)


def test_names_are_checked_without_any_service():
    check_tools(["python", "search"], {"sandbox", "text"})
    with pytest.raises(ConfigError, match="something to search"):
        check_tools(["python", "search"], {"sandbox"})


async def test_image_search_finds_variables_only_where_there_is_a_sandbox():
    call = ToolCall(name="image_search", arguments={"image": "crop"})
    alone = await toolset(["image_search"], Services(images=ENGINE)).run(call, Episode())
    assert alone.status == "error" and "Python variable" not in alone.stderr
    beside = await toolset(["image_search"], ALL).run(call, Episode())
    assert beside.status == "error" and "a Python variable must hold a PIL image" in beside.stderr


def test_standard_stands_for_what_there_is_beside_ones_own():
    mine = Clock(None)
    assert toolset(["standard", mine], Services(sandbox=ALL.sandbox)).names == ("python", "clock")
    assert toolset([mine, "standard"], ALL).names == ("clock", *STANDARD)
    assert services_for(["standard"]) == {"sandbox", "text", "images", "pages"}
    with pytest.raises(ConfigError, match="the tool 'python' is named twice"):
        toolset(["standard", "python"], ALL)
    check_tools(["standard"], set())


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("tools.own_tools:everything", "everything"),
        ("tools.own_tools:measured", "sizes"),
        ("tools.own_tools:plain", "plain"),
        ("tools.fake_tools:Clock", "clock"),
    ],
)
async def test_a_tool_of_ones_own_is_had_by_its_place(place: str, name: str):
    assert tool_spec(place).name == name and tool_spec(place).description
    tools = toolset(["open_page", place], ALL)
    assert tools.names == ("open_page", name)
    with pytest.raises(ConfigError, match=f"the tool '{name}' is named twice"):
        toolset([place, place], ALL)


async def test_a_function_at_a_place_runs():
    call = ToolCall(name="plain", arguments={"word": "aye"})
    assert (await toolset(["tools.own_tools:plain"], Services()).run(call, Episode())).stdout == "aye"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere_at_all:ships", "loading the tool nowhere_at_all:ships failed (No module named"),
        ("tools.own_tools:nothing_such", "loading the tool tools.own_tools:nothing_such failed (module"),
        ("tools.own_tools:no_tool", "tools.own_tools:no_tool is no tool: name a function with type hints"),
        ("os:sep", "os:sep is no tool"),
        ("os:getcwd", "os:getcwd is no tool"),
        ("json:dumps", "the tool 'dumps' does not say of which type 'obj' is"),
        (":ships", "loading the tool :ships failed"),
        ("a b:c", "loading the tool a b:c failed"),
    ],
)
def test_a_place_without_a_tool_is_refused(place: str, message: str):
    with pytest.raises(ConfigError) as error:
        tool_class(place)
    assert str(error.value).startswith(message) and error.value.remedy
