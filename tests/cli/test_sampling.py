"""The options that say how tokens are drawn: every verb that asks hands them to the model, or says no."""

from pathlib import Path
from typing import Any

import pytest

from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import read_traces

from .conftest import Server

OPTIONS = {
    "--temperature": 1.0,
    "--top-p": 0.9,
    "--top-k": 5,
    "--min-p": 0.1,
    "--repetition-penalty": 1.1,
    "--seed": 4,
}
ASKED: dict[str, Any] = {name[2:].replace("-", "_"): value for name, value in OPTIONS.items()}
FLAGS = [word for pair in OPTIONS.items() for word in pair] + ["--stop", "X", "--stop", "two words"]
STOP = ["</code>", "</tool_call>", "</answer>"]
TAGS = ("--dialect", "deepeyes_v2")
"""A dialect with stop strings of its own."""
WORLD = ("--family", "direct", "--split", "validation", "--n", 1, "--tools", "off", *TAGS)


def test_ask_hands_them_to_the_model_and_keeps_them(cli, picture: Path, server: Server) -> None:
    ran = cli(
        "ask", picture, "What?", "--model", server.model, "--tools", "off", *TAGS, *FLAGS, "--trace", "t"
    )
    assert (ran.code, ran.out, ran.err) == (0, "red\n", "")
    (body,) = server.bodies
    assert {name: body[name] for name in ASKED} == ASKED
    assert body["stop"] == [*STOP, "X", "two words"]
    (trace,) = read_traces("t")
    assert trace.sampling == Sampling(**ASKED, stop=tuple(body["stop"]))


def test_without_them_nothing_of_the_kind_is_sent(cli, picture: Path, server: Server) -> None:
    assert cli("ask", picture, "What?", "--model", server.model, "--tools", "off", *TAGS).code == 0
    (body,) = server.bodies
    assert (body["temperature"], body["seed"], body["stop"]) == (0, 0, STOP)
    assert not {"top_p", "top_k", "min_p", "repetition_penalty"} & body.keys()


def test_eval_world_hands_them_to_the_model_and_keeps_them(cli, server: Server) -> None:
    ran = cli("eval", "world", *WORLD, "--model", server.model, *FLAGS, "--trace", "t", "--json")
    assert ran.code == 0, ran.err
    (body,) = server.bodies
    (trace,) = read_traces("t")
    drawn = Sampling(**ASKED, stop=(*STOP, "X", "two words"))
    assert trace.sampling == drawn.seeded(trace.sampling.seed)
    assert body["seed"] == trace.sampling.seed and body["stop"] == [*STOP, "X", "two words"]
    assert {name: body[name] for name in ASKED} == {**ASKED, "seed": body["seed"]}
    plan = Path("t/plan.toml").read_text()
    assert "top_p = 0.9" in plan and "\nseed = 4" in plan
    again = cli("eval", "world", *WORLD, "--model", server.model, *FLAGS, "--trace", "t", "--json")
    assert again.code == 0 and len(server.bodies) == 1
    other = cli("eval", "world", *WORLD, "--model", server.model, "--trace", "t", "--json")
    assert other.is_one_line and "another run" in other.err


def test_eval_run_takes_them_as_settings(cli, server: Server) -> None:
    settings = {
        "n": 1,
        "families": '["direct"]',
        "split": "validation",
        "tools": "false",
        "dialect": '"deepeyes_v2"',
        "model": f'"{server.model}"',
        "sampling.top_p": 0.9,
        "sampling.stop": '["X"]',
        "seed": 4,
    }
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    ran = cli("eval", "run", "world", *sets, "--trace", "t", "--json")
    assert ran.code == 0, ran.err
    (body,) = server.bodies
    assert (body["top_p"], body["temperature"], body["stop"]) == (0.9, 0, [*STOP, "X"])
    assert "top_k" not in body
    bad = cli("eval", "run", "world", "--set", "sampling.top_p=2")
    assert bad.code == 3 and bad.is_one_line and "sampling.top_p = 2" in bad.err
    wrong = cli("eval", "run", "world", "--set", "sampling.topp=1")
    assert wrong.code == 3 and wrong.is_one_line and "did you mean top_p" in wrong.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--top-p", "0"), "--top-p cannot be 0.0: input should be greater than 0"),
        (("--top-p", "1.5"), "--top-p cannot be 1.5: input should be less than or equal to 1"),
        (("--min-p", "-0.1"), "--min-p cannot be -0.1: input should be greater than or equal to 0"),
        (("--min-p", "2"), "--min-p cannot be 2.0: input should be less than or equal to 1"),
        (("--repetition-penalty", "0"), "--repetition-penalty cannot be 0.0: input should be greater"),
        (("--repetition-penalty", "nan"), "--repetition-penalty cannot be nan: input should be"),
        (("--temperature", "nan"), "--temperature cannot be nan: input should be"),
        (("--temperature", "1e-9"), "the temperature should be 0, or at least 1e-06"),
        (("--temperature", "-1"), "--temperature cannot be -1.0: input should be greater than or equal to 0"),
        (("--top-k", "-1"), "--top-k cannot be -1: input should be greater than or equal to 0"),
        (("--stop", ""), "a stop string should not be empty"),
    ],
)
@pytest.mark.parametrize("verb", ["ask", "eval"])
def test_what_cannot_be_is_refused_before_anything_is_asked(
    cli, picture: Path, server: Server, verb: str, options: tuple[str, str], says: str
) -> None:
    asking = ("ask", picture, "What?", "--tools", "off") if verb == "ask" else ("eval", "world", *WORLD)
    ran = cli(*asking, "--model", server.model, *options, "--trace", "t")
    assert ran.code == 2 and says in ran.err and ran.out == "" and "Traceback" not in ran.err
    assert ran.is_one_line and not server.bodies and not Path("t").exists()


def test_a_setting_that_the_server_does_not_take_is_said(cli, picture: Path, server: Server) -> None:
    server.reply = lambda _: (400, "application/json", '{"error": "Unrecognized argument: top_k"}')
    ran = cli("ask", picture, "What?", "--model", server.model, "--tools", "off", "--top-k", 5)
    assert ran.code == 4 and ran.is_one_line and "does not take top_k" in ran.err
    assert "leave top_k out" in ran.err
