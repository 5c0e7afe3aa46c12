"""Whatever a model behind a server speaks, by default it is asked in words that it understands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tools.fake_sandbox import FakeSandbox

from deepeyes.agent.agent import Agent
from deepeyes.agent.events import Event
from deepeyes.core.errors import ServerError
from deepeyes.core.limits import Limits, StopReason
from deepeyes.core.trace import Trace, read_traces
from deepeyes.harness.setup import open_agent
from deepeyes.models.openai import OpenAIModel
from deepeyes.models.scripted import ScriptedModel
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool

Speak = Callable[[dict[str, Any]], dict[str, Any]]
"""A request's body to the message that answers it."""
QUESTION = "What does the sign say?"
CODE = "print(image_1.size)"


def plain(body: dict[str, Any]) -> dict[str, Any]:
    return {"content": "EXIT"}


def calls(body: dict[str, Any]) -> dict[str, Any]:
    asked = body["messages"][-1]
    if "tools" not in body or asked["role"] == "tool" or len(body["messages"]) > 2:
        return {"content": "EXIT"}
    function = {"name": body["tools"][0]["function"]["name"], "arguments": json.dumps({"code": CODE})}
    return {"content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]}


def tags(body: dict[str, Any]) -> dict[str, Any]:
    """Looks first where it is told how, and stops where it is told to; else it makes up what comes."""
    told = any("<code>" in str(message["content"]) for message in body["messages"][:1])
    look = f"<think>Closer.</think>\n<code>\n```python\n{CODE}\n```\n</code>\nOutput:\n<answer>NO</answer>"
    text = look if told and len(body["messages"]) == 2 else "<think>Clear.</think>\n<answer>EXIT</answer> and"
    ends = [text.find(stop) for stop in body.get("stop", ()) if stop in text]
    return {"content": text[: min(ends)] if ends else text.removesuffix(" and")}


def unclosed(body: dict[str, Any]) -> dict[str, Any]:
    """A server with stop strings of its own."""
    return {"content": "<think>Clear.</think>\n<answer>EXIT"}


def hermes(body: dict[str, Any]) -> dict[str, Any]:
    """A model that calls in its own template's way, on a server that does not read it."""
    told = "tools" in body or "Python" in str(body["messages"][0]["content"])
    if not told or len(body["messages"]) != 2:
        return {"content": "EXIT"}
    call = json.dumps({"name": "python", "arguments": {"code": CODE}})
    return {"content": f"<tool_call>\n{call}\n</tool_call>"}


SPEAKERS: dict[str, Speak] = {
    "plain": plain,
    "calls": calls,
    "tags": tags,
    "unclosed": unclosed,
    "hermes": hermes,
}
REFUSALS = {
    "vllm": (
        400,
        {
            "object": "error",
            "message": '"auto" tool choice requires --enable-auto-tool-choice and '
            "--tool-call-parser to be set",
            "type": "BadRequestError",
            "code": 400,
        },
    ),
    "ollama": (400, {"error": {"message": "registry.ollama.ai/library/llava:latest does not support tools"}}),
    "openrouter": (404, {"error": {"message": "No endpoints found that support tool use.", "code": 404}}),
    "llama.cpp": (500, {"error": {"code": 500, "message": "tools param requires --jinja flag"}}),
    "fastapi": (
        422,
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "tools"], "msg": "Extra inputs"}]},
    ),
    "silent": (400, {"error": {"message": "Bad request"}}),
}


def serve(server: Any, speak: Speak, refusal: str = "") -> None:
    """Let `server` speak so, streamed where it is asked to, and refuse tools in the words of `refusal`."""

    def reply(number: int) -> tuple[int, str, str]:
        body = server.bodies[number]
        if refusal and "tools" in body:
            status, words = REFUSALS[refusal]
            return status, "application/json", json.dumps(words)
        message = {"role": "assistant", **speak(body)}
        end = "tool_calls" if "tool_calls" in message else "stop"
        if not body.get("stream"):
            choice = {"message": message, "finish_reason": end}
            return 200, "application/json", json.dumps({"choices": [choice]})
        events = [{"delta": message, "finish_reason": None}, {"delta": {}, "finish_reason": end}]
        lines = [f"data: {json.dumps({'choices': [event]})}\n\n" for event in events]
        return 200, "text/event-stream", "".join([*lines, "data: [DONE]\n\n"])

    server.reply = reply


async def episode(
    server: Any, picture: Path, *, tools: bool = True, heard: list[Event] | None = None
) -> Trace:
    limits = Limits(retries=0)
    async with open_agent(server.model, tools=tools, limits=limits, tell=lambda _: None) as agent:
        return await agent.ask(picture, QUESTION, on_event=heard.append if heard is not None else None)


@pytest.mark.parametrize("tools", [True, False])
@pytest.mark.parametrize("refusal", ["", "vllm", "ollama"])
@pytest.mark.parametrize("speaker", SPEAKERS)
def test_every_kind_of_server_answers_by_default(
    speaker: str, refusal: str, tools: bool, cli, server, picture: Path, tmp_path: Path
) -> None:
    serve(server, SPEAKERS[speaker], refusal)
    given = (
        ()
        if tools
        else (
            "--tools",
            "off",
        )
    )
    ran = cli("ask", picture, QUESTION, "--model", server.model, "--trace", tmp_path / "t", *given)
    assert (ran.code, ran.out) == (0, "EXIT\n"), ran.err
    (trace,) = read_traces(tmp_path / "t")
    in_words = refusal or speaker in ("tags", "unclosed")
    assert trace.dialect == ("deepeyes_v2/lenient" if tools and in_words else "native")
    looks = tools and (speaker in ("tags", "hermes") or (speaker == "calls" and not refusal))
    assert [turn.observation.status for turn in trace.tool_turns if turn.observation] == ["ok"] * looks


@pytest.mark.parametrize("refusal", ["", "vllm"])
@pytest.mark.parametrize("speaker", SPEAKERS)
async def test_every_kind_of_server_answers_when_it_streams(
    speaker: str, refusal: str, server, picture: Path
) -> None:
    serve(server, SPEAKERS[speaker], refusal)
    heard: list[Event] = []
    trace = await episode(server, picture, heard=heard)
    assert (trace.answer, trace.stop_reason) == ("EXIT", StopReason.answered)
    assert heard and all(body.get("stream") for body in server.bodies[-len(trace.turns) :])


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_server_that_takes_no_tools_is_told_of_them_in_words(
    refusal: str, cli, server, picture: Path
) -> None:
    serve(server, tags, refusal)
    ran = cli("ask", picture, QUESTION, "--model", server.model)
    assert (ran.code, ran.out) == (0, "EXIT\n")
    assert "takes no tool calls" in ran.err and "deepeyes_v2/lenient" in ran.err
    assert [("tools" in body) for body in server.bodies] == [True, False, False, False]
    assert all("stop" in body for body in server.bodies[2:])


@pytest.mark.parametrize(("refusal", "greetings"), [("", 1), ("vllm", 2)])
async def test_a_model_is_tried_once_however_often_it_is_opened(
    refusal: str, greetings: int, server, picture: Path
) -> None:
    serve(server, plain, refusal)
    model = OpenAIModel("m", server.url)
    told: list[str] = []
    for _ in range(2):
        async with open_agent(model, tell=told.append) as agent:
            assert (await agent.ask(picture, QUESTION)).answer == "EXIT"
    await model.aclose()
    assert len(server.bodies) == greetings + 2 and len(told) == (2 if refusal else 0)
    assert len(server.bodies[0]["tools"]) == 1 and server.bodies[0]["max_tokens"] <= 64
    assert all(
        body["messages"][0]["content"] == "Reply with the one word OK." for body in server.bodies[:greetings]
    )


async def test_a_checkpoint_of_ours_is_known_by_its_name(server, picture: Path) -> None:
    serve(server, tags)
    async with open_agent(f"openai:org/DeepEyesV2_7B@{server.url}") as agent:
        assert agent.speech.name == "deepeyes_v2/lenient" and not server.bodies


async def test_an_agent_made_by_hand_reads_every_form(server, picture: Path) -> None:
    for speak in SPEAKERS.values():
        serve(server, speak)
        model = OpenAIModel("m", server.url)
        trace = await Agent(model, ToolSet([PythonTool(FakeSandbox())])).ask(picture, QUESTION)
        await model.aclose()
        assert (trace.answer, trace.dialect) == ("EXIT", "native")


async def test_auto_by_hand_is_a_model_s_own_where_nobody_can_be_asked() -> None:
    async with open_agent(ScriptedModel(["red"]), tools=False, dialect="auto") as agent:
        assert agent.speech.name == "deepeyes_v2"


@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_is_busy_for_a_moment_says_nothing_of_tools(status: int, server) -> None:
    serve(server, plain)
    speak = server.reply
    server.reply = lambda n: (status, "application/json", "{}") if n == 0 else speak(n)
    async with open_agent(server.model) as agent:
        assert agent.speech.name == "native" and len(server.bodies) == 2


async def test_an_episode_s_time_is_enough_to_find_out(server) -> None:
    server.reply = lambda n: (server.ending.wait(60), (200, "application/json", "{}"))[1]
    with pytest.raises(ServerError, match=r"did not answer in 0.3 s: .*episode_seconds"):
        async with open_agent(server.model, limits=Limits(episode_seconds=0.3)):
            raise AssertionError


async def test_a_greeting_that_the_limit_cut_is_no_refusal(server) -> None:
    words = "Could not finish the message because max_tokens or model output limit was reached."
    server.reply = lambda n: (400, "application/json", json.dumps({"error": {"message": words}}))
    async with open_agent(server.model) as agent:
        assert agent.speech.name == "native"


def test_by_hand_nothing_is_tried(cli, server, picture: Path, tmp_path: Path) -> None:
    serve(server, tags)
    for model, dialect in (
        (f"{server.model}#prompt=full", ()),
        (f"{server.model}#dialect_name=deepeyes_v2", ()),
        (server.model, ("--dialect", "deepeyes_v2")),
    ):
        server.bodies.clear()
        server.asked = 0
        ran = cli(
            "ask", picture, QUESTION, "--model", model, "--tools", "off", "--trace", tmp_path / "t", *dialect
        )
        assert (ran.code, ran.out, len(server.bodies)) == (0, "EXIT\n", 1)
        assert [trace.dialect for trace in read_traces(tmp_path / "t")][-1] == "deepeyes_v2"


@pytest.mark.parametrize(
    ("status", "code", "words"), [(401, 4, "refuses the key"), (404, 4, "no model"), (503, 5, "status 503")]
)
def test_a_server_that_cannot_be_asked_is_told_of_before_anything_is_asked(
    status: int, code: int, words: str, cli, server, picture: Path, tmp_path: Path
) -> None:
    server.reply = lambda n: (status, "application/json", "{}")
    ran = cli("ask", picture, QUESTION, "--model", server.model)
    assert ran.code == code and ran.is_one_line and words in ran.err
    ran = cli("eval", "world", "--n", 2, "--family", "direct", "--model", server.model)
    assert ran.code == code and ran.is_one_line and words in ran.err and not ran.out


# ---- a dialect that does not fit


def speaking(*texts: str) -> Speak:
    left = list(texts)
    return lambda body: {"content": left.pop(0) if len(left) > 1 else left[0]}


IN_TAGS = ("--tools", "off", "--dialect", "deepeyes_v2")


@pytest.mark.parametrize("speaker", ["plain", "hermes"])
@pytest.mark.parametrize("kept", [True, False])
def test_a_model_that_does_not_speak_its_dialect_is_told_of_with_the_one_that_fits(
    speaker: str, kept: bool, cli, server, picture: Path, tmp_path: Path
) -> None:
    serve(server, speaking("EXIT") if speaker == "plain" else speaking("<function=python><parameter=code>1"))
    trace = ("--trace", tmp_path / "t") if kept else ()
    ran = cli("ask", picture, QUESTION, "--model", server.model, *IN_TAGS, *trace)
    assert ran.code == 8 and ran.is_one_line
    assert "not in the dialect deepeyes_v2 (3 of 3 malformed): try --dialect native" in ran.err
    assert "--trace DIR" not in ran.err


@pytest.mark.parametrize("kept", [True, False])
def test_replies_that_no_dialect_reads_are_for_looking_at(
    kept: bool, cli, server, picture: Path, tmp_path: Path
) -> None:
    serve(server, speaking("<answer></answer>"))
    trace = ("--trace", tmp_path / "t") if kept else ()
    ran = cli("ask", picture, QUESTION, "--model", server.model, *IN_TAGS, *trace)
    assert ran.code == 8 and "--dialect" not in ran.err
    look = f"(3 of 3 malformed): look at it with: deepeyes view {tmp_path / 't'}\n"
    assert ran.err.endswith(look if kept else "give --trace DIR and look at it with: deepeyes view DIR\n")


def test_replies_that_were_cut_off_say_nothing_of_the_dialect(cli, server, picture: Path) -> None:
    choice = {"message": {"content": "I think that the sign"}, "finish_reason": "length"}
    server.reply = lambda n: (200, "application/json", json.dumps({"choices": [choice]}))
    for dialect in ("native", "deepeyes_v2", "deepeyes_v2/lenient"):
        ran = cli("ask", picture, QUESTION, "--model", server.model, "--tools", "off", "--dialect", dialect)
        assert ran.code == 8 and "cut off (3 of 3 malformed)" in ran.err
        assert "--limit tokens_per_turn=N" in ran.err


def test_an_answer_after_many_malformed_replies_comes_with_a_warning(cli, server, picture: Path) -> None:
    answer = "<think>Clear.</think><answer>EXIT</answer>"
    for mistakes in (2, 3):
        serve(server, speaking(*["EXIT"] * mistakes, answer))
        options = ("--limit", "malformed=9", "--json", *IN_TAGS)
        ran = cli("ask", picture, QUESTION, "--model", server.model, *options)
        assert (ran.code, json.loads(ran.out)["answer"], json.loads(ran.out)["malformed"]) == (
            0,
            "EXIT",
            mistakes,
        )
        assert ("3 of 4 malformed): try --dialect native" in ran.err) == (mistakes == 3)
        server.asked = 0
        server.bodies.clear()


@pytest.mark.parametrize(
    ("verb", "cure"),
    [
        (("world", "--tools", "off", "--dialect", "deepeyes_v2", "--family", "direct"), "--dialect native"),
        (
            (
                "run",
                "world",
                "--set",
                "tools=false",
                "--set",
                "dialect=deepeyes_v2",
                "--set",
                "families=direct",
            ),
            "--set dialect=native",
        ),
    ],
)
def test_an_evaluation_counts_malformed_replies_and_names_the_cure(
    verb: tuple[str, ...], cure: str, cli, server
) -> None:
    serve(server, plain)
    size = ("--n", 2, "--model", server.model) if verb[0] == "world" else sets(f"n=2,model={server.model}")
    ran = cli("eval", *verb, *size, "--json")
    assert ran.code == 0 and json.loads(ran.out)["malformed_share"] == 1.0
    assert f"not in the dialect deepeyes_v2 (6 of 6 malformed): try {cure}\n" in ran.err


def test_an_evaluation_of_which_everything_fails_is_a_failure(cli, server, tmp_path: Path) -> None:
    server.reply = lambda n: (500, "application/json", json.dumps({"error": {"message": "no GPU"}}))
    words = ("world", "--n", 3, "--family", "direct", "--tools", "off", "--concurrency", 1, "--json")
    ran = cli("eval", *words, "--model", server.model, "--trace", tmp_path / "t", "--limit", "retries=0")
    assert ran.code == 5 and json.loads(ran.out)["infrastructure_errors"] == 3
    assert "3 of 3 episodes failed because of us (3 times: the model server at" in ran.err
    assert "no GPU" in ran.err and "ServerError" not in ran.err and "asks them again" in ran.err
    serve(server, plain)
    down = server.reply
    server.reply = lambda n: (500, "application/json", "{}") if n in (6, 7) else down(n)
    ran = cli("eval", *words, "--model", server.model, "--trace", tmp_path / "t", "--limit", "retries=0")
    assert ran.code == 0 and json.loads(ran.out)["n"] == 2
    assert "warning: 1 of 3 episodes failed because of us (1 times: " in ran.err


def sets(settings: str) -> list[str]:
    return [word for setting in settings.split(",") for word in ("--set", setting)]
