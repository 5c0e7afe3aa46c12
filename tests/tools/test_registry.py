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
    assert toolset(None, ALL).names == STANDARD == ("python", "search", "image_search", "open_page")
    assert toolset(None, Services()).names == ()
    assert toolset(None, Services(sandbox=ALL.sandbox)).names == ("python",)
    assert toolset(None, Services(text=ENGINE, pages=ALL.pages)).names == ("search", "open_page")
    assert toolset(None, Services(images=ENGINE)).names == ("image_search",)


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
    assert "clock" not in toolset(None, ALL).names
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
        (["serch"], ALL, "there is no tool 'serch'", "the tools are python, search, image_search, open_page"),
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
