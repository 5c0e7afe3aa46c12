"""`deepeyes ask` on a scripted model and a real sandbox: what is printed where, and what is kept."""

import json
import os
import pty
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from agent.graders import UNSURE, Saying
from PIL import Image

from deepeyes.core.errors import InfrastructureError
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import read_traces
from deepeyes.grading.grader import Grading


def test_piped_it_prints_the_answer_alone(cli, picture: Path, script: Path) -> None:
    ran = cli("ask", picture, "What colour?", "--model", f"scripted:{script}")
    assert (ran.code, ran.out, ran.err) == (0, "red\n", "")


def test_json_is_one_object_and_the_trace_is_kept(cli, picture: Path, script: Path, tmp_path: Path) -> None:
    ran = cli("ask", picture, "Colour?", "--model", f"scripted:{script}", "--json", "--trace", tmp_path / "t")
    assert ran.code == 0
    said = json.loads(ran.out)
    assert said["answer"] == "red"
    assert said["stop_reason"] == "answered"
    assert said["turns"] == 2
    assert said["tool_calls"] == [{"name": "python", "status": "ok"}]
    assert [image["name"] for image in said["images"]] == ["image_1", "image_2"]
    assert said["images"][1]["size"] == [56, 36]
    assert Path(said["trace"]).exists()
    (trace,) = read_traces(tmp_path / "t")
    assert trace.answer == "red"
    store = ImageStore(tmp_path / "t" / "images")
    assert all(ref in store for ref in trace.image_refs())


def test_only_the_same_again_takes_the_place_of_a_trace(cli, answers: str, tmp_path: Path) -> None:
    again = tmp_path / "again.txt"
    again.write_text((tmp_path / "answers.txt").read_text())
    for folder, colour in (("a", "red"), ("b", "blue")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (30, 20), colour).save(tmp_path / folder / "cat.png")

    def kept(picture: str = "a/cat.png", *options: object, model: str = answers) -> int:
        fixed = ("--model", model, "--tools", "off", "--trace", tmp_path / "t")
        assert cli("ask", picture, "Colour?", *fixed, *options).code == 0
        return len(list(read_traces(tmp_path / "t")))

    assert kept() == kept() == 1
    assert kept("b/cat.png") == 2
    assert kept("a/cat.png", "--seed", 1) == 3
    assert kept("a/cat.png", "--temperature", 0.5) == 4
    assert kept(model=f"scripted:{again}") == 5
    assert kept("a/cat.png", "--limit", "turns=3") == 6


def test_no_tools_means_that_code_is_refused_and_no_sandbox_starts(
    cli, picture: Path, script: Path, monkeypatch
) -> None:
    monkeypatch.setattr("deepeyes.sandbox.Sandbox.start", None)
    ran = cli("ask", picture, "Colour?", "--model", f"scripted:{script}", "--tools", "off", "--json")
    assert json.loads(ran.out)["tool_calls"] == [{"name": "python", "status": "error"}]


def test_limits_and_their_mistakes(cli, picture: Path, script: Path) -> None:
    model = f"scripted:{script}"
    ran = cli("ask", picture, "Colour?", "--model", model, "--limit", "turns=1")
    assert ran.code == 8 and ran.is_one_line and "--limit turns" in ran.err
    ran = cli("ask", picture, "Colour?", "--model", model, "--limit", "turnz=1")
    assert ran.code == 3 and ran.is_one_line and "turns" in ran.err


def test_dialect_is_checked(cli, picture: Path, answers: str) -> None:
    ran = cli("ask", picture, "Colour?", "--model", answers, "--tools", "off", "--dialect", "klingon")
    assert ran.code == 3 and ran.is_one_line
    ran = cli(
        "ask", picture, "Colour?", "--model", answers, "--tools", "off", "--dialect", "deepeyes_v2/brief"
    )
    assert ran.out == "red\n"


def test_hostile_answers_cannot_paint_the_terminal(cli, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("<think>x</think><answer>a\x1b[2J\x07b</answer>")
    ran = cli("ask", picture, "Colour?", "--model", f"scripted:{tmp_path / 's.txt'}", "--tools", "off")
    assert ran.out == "a␛[2J␇b\n"


def test_on_a_terminal_it_streams_every_step(picture: Path, script: Path) -> None:
    main, terminal = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "deepeyes",
        "ask",
        str(picture),
        "Colour?",
        "--model",
        f"scripted:{script}",
    ]
    with subprocess.Popen(command, stdout=terminal, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                piece = os.read(main, 65_536)
            except OSError:  # Linux says so when the other side has closed.
                break
            if not piece:
                break
            shown += piece
    os.close(main)
    text = shown.decode()
    assert process.returncode == 0
    for words in (
        "image_1",
        "320x240",
        "I zoom in.",
        "crop",
        "python: ok",
        "(320, 240)",
        "image_2",
        "56x36",
        "red",
    ):
        assert words in text


# ---- an expected answer


def asked(cli, picture: Path, model: str, *options: object):
    return cli("ask", picture, "Colour?", "--model", model, "--tools", "off", *options)


def test_an_answer_as_expected_is_said_beside_it(cli, picture: Path, answers: str) -> None:
    ran = asked(cli, picture, answers, "--expect", "blue", "--expect", "Red")
    assert (ran.code, ran.out) == (0, "red\n")
    assert ran.err.startswith("note: the answer is right (rule: ") and len(ran.err.splitlines()) == 1


def test_a_wrong_answer_is_printed_and_has_an_exit_code_of_its_own(cli, picture: Path) -> None:
    Path("number.txt").write_text("<think>I count.</think>\n<answer>8</answer>")
    ran = asked(cli, picture, "scripted:number.txt", "--expect", "7")
    assert (ran.code, ran.out) == (10, "8\n")
    assert ran.is_one_line and "the answer is wrong (rule: " in ran.err and "--trace" in ran.err


def test_an_answer_of_which_nobody_can_tell_has_another(
    cli, picture: Path, answers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Grading] = []

    def open_unsure(grading: Grading, **_: object):
        opened.append(grading)
        return nullcontext(Saying(others=UNSURE))

    monkeypatch.setattr("deepeyes.cli.ask.open_grader", open_unsure)
    ran = asked(cli, picture, answers, "--expect", "scarlet", "--judge", answers)
    assert (ran.code, ran.out) == (11, "red\n")
    assert ran.is_one_line and "nobody could tell whether the answer is right (rule: in other" in ran.err
    assert opened == [Grading(judges=(answers,))]


def test_the_verdict_is_in_the_json_object_and_in_the_trace(
    cli, picture: Path, answers: str, tmp_path: Path
) -> None:
    fixed = ("--json", "--trace", tmp_path / "t")
    said = json.loads(asked(cli, picture, answers, "--expect", "blue", "--expect", "red", *fixed).out)
    assert said["answer"] == "red"
    assert (said["verdict"]["outcome"], said["verdict"]["score"], said["verdict"]["by"]) == (
        "right",
        1.0,
        "rule",
    )
    (trace,) = read_traces(tmp_path / "t")
    assert trace.is_right and (trace.task.answer, trace.task.answers) == ("blue", ("red",))
    assert json.loads(asked(cli, picture, answers, *fixed).out)["verdict"] is None
    (trace,) = read_traces(tmp_path / "t")
    assert trace.verdict is None, "the same question again takes its place"


def test_a_judge_that_is_down_is_a_failure_of_ours_and_the_answer_is_kept(
    cli, picture: Path, answers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grader = Saying()
    grader.failures = [InfrastructureError("the judge is down", "start it")]
    monkeypatch.setattr("deepeyes.cli.ask.open_grader", lambda *_, **__: nullcontext(grader))
    ran = asked(cli, picture, answers, "--expect", "red", "--trace", tmp_path / "t")
    assert (ran.code, ran.out) == (5, "red\n") and "the judge is down" in ran.err
    (trace,) = read_traces(tmp_path / "t")
    assert trace.awaits_verdict and trace.answer == "red"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--judge", "nano"), 2, "--judge has nothing to judge by"),
        (("--expect", " "), 2, "--expect is empty"),
        (("--expect", "red", "--judge", "nobody"), 4, "nobody"),
        (("--expect", "red", "--judge", "nano", "--judge", "nano"), 2, "twice"),
    ],
)
def test_what_cannot_be_graded_is_refused_before_a_model_is_loaded(
    options: tuple[str, ...], code: int, words: str, cli, picture: Path, tmp_path: Path
) -> None:
    ran = asked(cli, picture, "scripted:missing.txt", *options, "--trace", tmp_path / "t")
    assert ran.code == code and ran.is_one_line and words in ran.err and not ran.out
    assert not (tmp_path / "t").exists()
