"""Tools: any call gives a result; sessions belong to episodes."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tools.fake_sandbox import FakeSandbox

from deepeyes.core.actions import ToolCall
from deepeyes.core.errors import InfrastructureError, InputError
from deepeyes.tools.arguments import ArgumentCheck
from deepeyes.tools.base import Episode, ToolResult, ToolSet
from deepeyes.tools.python import PythonTool

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"query": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["query"],
}


class Echo:
    name = "echo"
    description = "says it back"
    parameters: Mapping[str, Any] = SCHEMA

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        return ToolResult(stdout=str(arguments["query"]))


def code(text: str) -> ToolCall:
    return ToolCall(name="python", arguments={"code": text})


# ---- the set


async def test_a_call_reaches_its_tool():
    tools = ToolSet([Echo()])
    result = await tools.run(ToolCall(name="echo", arguments={"query": "hi"}), Episode())
    assert (result.status, result.stdout) == ("ok", "hi")
    assert tools.names == ("echo",) and tools.specs()[0].parameters == SCHEMA


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (ToolCall(name="ecko"), "no tool of that name: you have echo"),
        (ToolCall(name="echo"), "'query' is missing"),
        (ToolCall(name="echo", arguments={"query": 3}), "'query' must be of type string"),
        (ToolCall(name="echo", arguments={"query": "a", "n": True}), "'n' must be of type integer"),
        (ToolCall(name="echo", arguments={"query": "a", "m": 1}), "no such argument (known: query, n)"),
    ],
)
async def test_the_models_mistakes_are_results(call: ToolCall, words: str):
    result = await ToolSet([Echo()]).run(call, Episode())
    assert result.status == "error" and words in result.stderr


async def test_without_tools_the_model_is_told_to_answer():
    result = await ToolSet().run(code("1"), Episode())
    assert "you have none, so answer directly" in result.stderr


def test_two_tools_of_one_name_are_a_bug():
    with pytest.raises(ValueError, match="same name"):
        ToolSet([Echo(), Echo()])


@given(st.dictionaries(st.sampled_from(["query", "n", "x"]), st.one_of(st.none(), st.text(), st.integers())))
def test_the_check_of_arguments_is_total(arguments: dict[str, Any]):
    problem = ArgumentCheck("echo", SCHEMA).problem(arguments)
    fits = isinstance(arguments.get("query"), str) and "x" not in arguments
    assert (problem == "") == (fits and isinstance(arguments.get("n", 0), int))


# ---- python


async def test_one_session_per_episode_opened_late_and_closed_with_it():
    sandbox = FakeSandbox()
    tools = ToolSet([PythonTool(sandbox)])
    async with (first := Episode(seed=7, images={"image_1": Image.new("RGB", (8, 8), "red")})).stack:
        async with (second := Episode(seed=8)).stack:
            assert sandbox.sessions == []
            await tools.run(code("x = 41"), first)
            assert (await tools.run(code("print(x + 1, image_1.size)"), first)).stdout == "42 (8, 8)\n"
            assert "NameError" in (await tools.run(code("print(x)"), second)).stderr
        assert [session.closed for session in sandbox.sessions] == [False, True]
    assert [session.closed for session in sandbox.sessions] == [True, True]
    assert [session.seed for session in sandbox.sessions] == [7, 8]


async def test_code_is_passed_exactly_as_written():
    sandbox, written = FakeSandbox(), "  for x in (1,):\n\ttotal = x\n\n\nprint( total )  "
    await ToolSet([PythonTool(sandbox)]).run(code(written), Episode())
    assert sandbox.codes == [written]


async def test_pictures_come_back_at_full_size_and_new_ones_are_put_in():
    sandbox = FakeSandbox()
    tools, episode = ToolSet([PythonTool(sandbox)]), Episode(images={"image_1": Image.new("RGB", (90, 60))})
    result = await tools.run(code("display(image_1.crop((0, 0, 30, 20)))"), episode)
    assert [image.size for image in result.images] == [(30, 20)]
    episode.images["image_2"] = result.images[0]
    assert (await tools.run(code("print(image_2.size)"), episode)).stdout == "(30, 20)\n"
    await tools.run(code("1"), episode)
    assert sandbox.puts == [("image_2",)], "once"


async def test_the_last_expressions_value_is_output():
    result = await ToolSet([PythonTool(FakeSandbox())]).run(code("print('a'); _result = '42'"), Episode())
    assert result.stdout == "a\n42\n"


async def test_a_lost_session_is_replaced_and_the_model_is_told():
    sandbox = FakeSandbox()
    tools, episode = ToolSet([PythonTool(sandbox)]), Episode(images={"image_1": Image.new("RGB", (4, 4))})
    await tools.run(code("x = 1"), episode)
    assert (await tools.run(code("die()"), episode)).status == "session_lost"
    result = await tools.run(code("print(image_1.size, 'x' in globals())"), episode)
    assert result.stdout == "(4, 4) False\n" and "started again" in result.stderr
    assert "started again" not in (await tools.run(code("1"), episode)).stderr
    assert sandbox.sessions[0].closed


async def test_our_failure_leaves_the_tool_and_the_next_attempt_has_a_new_session():
    sandbox = FakeSandbox()
    tools, episode = ToolSet([PythonTool(sandbox)]), Episode()
    sandbox.failures = 1
    with pytest.raises(InfrastructureError):
        await tools.run(code("1"), episode)
    assert (await tools.run(code("print(1)"), episode)).stdout == "1\n"
    assert len(sandbox.sessions) == 2


async def test_a_session_that_cannot_take_pictures_is_given_up():
    sandbox = FakeSandbox()
    tools, episode = ToolSet([PythonTool(sandbox)]), Episode()
    await tools.run(code("x = 1"), episode)

    async def broken(images: Mapping[str, Image.Image]) -> None:
        raise InfrastructureError("the session is gone", "open a new one")

    sandbox.sessions[0].put_images = broken  # type: ignore[method-assign]
    episode.images["image_1"] = Image.new("RGB", (5, 5))
    with pytest.raises(InfrastructureError):
        await tools.run(code("1"), episode)
    result = await tools.run(code("print(image_1.size)"), episode)
    assert result.stdout == "(5, 5)\n" and "started again" in result.stderr


async def test_a_session_whose_code_refuses_pictures_is_lost_and_the_episode_goes_on():
    sandbox = FakeSandbox()
    tools, episode = ToolSet([PythonTool(sandbox)]), Episode()
    await tools.run(code("x = 1"), episode)

    async def refusing(images: Mapping[str, Image.Image]) -> None:
        raise InputError("the session refused (TypeError)", "check the name, format and size of the file")

    sandbox.sessions[0].put_images = refusing  # type: ignore[method-assign]
    episode.images["image_1"] = Image.new("RGB", (5, 5))
    result = await tools.run(code("print(1)"), episode)
    assert result.status == "session_lost" and "took no more pictures" in result.stderr
    assert sandbox.sessions[0].closed and sandbox.codes[1:] == []
    result = await tools.run(code("print(image_1.size)"), episode)
    assert result.stdout == "(5, 5)\n" and "started again" in result.stderr
