"""The whole story on the shipped nano model: ask, demo, measure, look; real weights, real sandbox."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepeyes.core.images import ImageStore
from deepeyes.core.trace import read_traces
from deepeyes.world.families import make_example

pytestmark = pytest.mark.slow


def deepeyes(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deepeyes", *(str(argument) for argument in arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_ask_looks_closer_and_answers(tmp_path: Path) -> None:
    """Most of a handful of tiny signs are read right, each through a crop."""
    right = 0
    for index in range(4):
        example = make_example("tiny", "validation", 21, index)
        example.scene.image.save(tmp_path / f"{index}.png")
        ran = deepeyes("ask", f"{index}.png", example.question, "--json", "--trace", "t", folder=tmp_path)
        assert ran.returncode == 0, ran.stderr
        said = json.loads(ran.stdout)
        assert said["stop_reason"] == "answered"
        assert [call["name"] for call in said["tool_calls"]][:1] == ["python"]
        right += said["answer"].casefold() == example.answer.casefold()
    assert right >= 2
    # Each question left its own trace, with the tokens as they were sampled.
    traces = list(read_traces(tmp_path / "t"))
    assert len(traces) == 4
    for turn in (turn for trace in traces for turn in trace.turns):
        assert turn.token_ids and turn.logprobs and len(turn.token_ids) == len(turn.logprobs)


def test_equal_questions_get_equal_answers(tmp_path: Path) -> None:
    example = make_example("tiny", "validation", 22, 0)
    example.scene.image.save(tmp_path / "p.png")
    first, second = (
        deepeyes("ask", "p.png", example.question, "--json", folder=tmp_path).stdout for _ in range(2)
    )
    assert first == second


def test_demo_answers_held_out_questions_and_writes_a_page(tmp_path: Path) -> None:
    ran = deepeyes("demo", folder=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    page = tmp_path / "runs" / "demo" / "index.html"
    assert page.exists() and page.stat().st_size > 50_000
    traces = list(read_traces(tmp_path / "runs" / "demo"))
    assert len(traces) >= 8 and {trace.task.family for trace in traces} == {"tiny", "direct"}
    assert all(trace.task.split in ("validation", "test") for trace in traces)
    assert sum(trace.verdict is not None and trace.verdict.score == 1 for trace in traces) >= 7 / 8 * len(
        traces
    )


def test_tools_are_what_solves_tiny(tmp_path: Path) -> None:
    """The same weights, with and without tools, far enough apart for so few tasks."""
    command = ("eval", "world", "--family", "tiny", "--split", "validation", "--n", 24, "--seed", 5, "--json")
    on = json.loads(deepeyes(*command, "--trace", "on", folder=tmp_path).stdout)
    off = json.loads(deepeyes(*command, "--tools", "off", "--trace", "off", folder=tmp_path).stdout)
    assert on["n"] == off["n"] == 24
    assert on["accuracy"] >= 0.6 and off["accuracy"] <= 0.5 and on["accuracy"] > off["accuracy"] + 0.2
    assert on["tool_call_rate"] >= 0.8 and on["crop_hit_rate"] >= 0.7
    # A model that calls a tool all the same is told that there is none; nothing runs.
    called = [turn.observation for trace in read_traces(tmp_path / "off") for turn in trace.tool_turns]
    assert not any(back and (back.images or back.status == "ok") for back in called)
    # The crop is computed from what the model saw: it is not the same code every time.
    codes = {turn.code for trace in read_traces(tmp_path / "on") for turn in trace.turns if turn.code}
    assert len(codes) > 12


def test_direct_needs_no_tools(tmp_path: Path) -> None:
    command = (
        "eval",
        "world",
        "--family",
        "direct",
        "--split",
        "validation",
        "--n",
        24,
        "--seed",
        5,
        "--json",
    )
    report = json.loads(deepeyes(*command, folder=tmp_path).stdout)
    assert report["accuracy"] >= 0.7 and report["tool_call_rate"] <= 0.25


def test_base_model_answers_without_ever_having_seen_a_tool(tmp_path: Path) -> None:
    command = (
        "eval",
        "world",
        "--family",
        "direct",
        "--split",
        "validation",
        "--n",
        12,
        "--model",
        "nano-base",
    )
    report = json.loads(deepeyes(*command, "--tools", "off", "--json", folder=tmp_path).stdout)
    assert report["n"] == 12 and report["accuracy"] >= 0.5


def test_pictures_of_a_demo_trace_are_all_kept(tmp_path: Path) -> None:
    example = make_example("tiny", "test", 23, 0)
    example.scene.image.save(tmp_path / "p.png")
    assert deepeyes("ask", "p.png", example.question, "--trace", "t", folder=tmp_path).returncode == 0
    (trace,) = read_traces(tmp_path / "t")
    store = ImageStore(tmp_path / "t" / "images")
    assert len(trace.image_parts()) >= 2 and all(ref in store for ref in trace.image_refs())
    assert deepeyes("view", "t", folder=tmp_path).stdout.strip() == str(Path("t") / "index.html")
