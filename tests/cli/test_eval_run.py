"""`deepeyes eval run` on one's own questions, in several settings, and what is told while it runs."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eval.plans import SumsPlan, episode
from rich.console import Console

from deepeyes.cli.eval_progress import EvalProgress, time_left
from deepeyes.core.limits import Limits, StopReason
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import read_traces
from deepeyes.eval.own import QuestionsPlan
from deepeyes.eval.settings import Setting

from .conftest import ANSWER, LOOK


@pytest.fixture
def questions(tmp_path: Path, picture: Path) -> Path:
    answers = ("red", "blue", "red", "green")
    rows = ({"image": picture.name, "question": f"Q{n}?", "answer": a} for n, a in enumerate(answers))
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, cli) -> Callable[..., Any]:
    """Runs `deepeyes eval run` up to what is to be measured: plan, models, tools."""
    asked: list[Any] = []
    monkeypatch.setattr("deepeyes.cli.eval_run.measure", lambda *given, **_: asked.append(given[:3]))

    def plan(*words: object) -> Any:
        ran = cli("eval", "run", *words)
        assert ran.code == 0, ran.err
        return asked.pop()

    return plan


def test_what_was_typed_goes_over_set_and_that_over_the_plan(
    planned, questions: Path, tmp_path: Path
) -> None:
    (tmp_path / "p.toml").write_text(
        'n = 1\nseed = 1\ndialect = "native"\n[sampling]\ntop_k = 3\ntop_p = 0.7\n'
    )
    words = ("--plan", "p.toml", "--set", "n=2", "--set", "sampling.top_p=0.8", "--set", "limits.turns=2")
    plan, models, tools = planned(questions, *words)
    assert (plan.n, plan.seed, plan.dialect, plan.limits) == (2, 1, "native", Limits(turns=2))
    assert (models, tools) == (["nano"], (True,))
    typed = ("-n", 3, "--seed", 5, "--top-p", 0.9, "--limit", "tokens=99", "--temperature", 1, "--samples", 2)
    plan, models, tools = planned(
        questions, *words, *typed, "--model", "a", "--model", "b", "--tools", "paired"
    )
    assert plan == QuestionsPlan(
        source=str(questions),
        n=3,
        seed=5,
        samples=2,
        model="a",
        dialect="native",
        limits=Limits(turns=2, tokens=99),
        sampling=Sampling(top_k=3, top_p=0.9, temperature=1, seed=5),
    )
    assert (models, tools) == (["a", "b"], (True, False))
    assert (
        planned(questions, "--temperature", 0, "--set", "sampling.temperature=1")[0].sampling.temperature == 0
    )
    assert planned(questions, "--search", "off", "--search", "world")[0].search == ("off", "world")


def test_columns_are_named_on_the_command_line(planned, picture: Path, tmp_path: Path) -> None:
    row = {"a": picture.name, "b": picture.name, "ask": "What?", "multi part": "x"}
    (tmp_path / "odd.jsonl").write_text(json.dumps(row) + "\n")
    named = ("image=a", "image=b", "question=ask", "answer=multi part")
    plan, _, _ = planned("odd.jsonl", *(word for name in named for word in ("--column", name)))
    assert (plan.columns.image, plan.columns.question) == (("a", "b"), "ask")
    assert plan.columns.answer == "multi part"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("gone.jsonl",), 2, "there is no file or folder gone.jsonl"),
        (("a/b",), 2, "there is no file or folder a/b"),
        (("wrld",), 2, "there is no benchmark 'wrld'"),
        (("mine.jsonl", "--tools", "both"), 2, "--tools is 'both': give on, off, paired"),
        (("mine.jsonl", "--column", "question"), 2, "--column 'question' is not KEY=NAME"),
        (("mine.jsonl", "--column", "qestion=x"), 3, "unknown key columns.qestion: did you mean question"),
        (("mine.jsonl", "--samples", 2), 2, "all samples of a question are the same: give --temperature"),
        (("mine.jsonl", "--top-p", 2), 2, "--top-p cannot be 2.0"),
        (("mine.jsonl", "--protocol", "paper"), 3, "unknown key protocol"),
        (("mine.jsonl", "--limit", "turns"), 3, "limit 'turns' is not key=value"),
        (("mine.jsonl", "--model", "nobody"), 4, "there is no model 'nobody'"),
        (("mine.jsonl", "--judge", "nobody"), 4, "there is no model 'nobody'"),
    ],
)
def test_what_cannot_be_asked_is_one_line(cli, questions: Path, words: Any, code: int, said: str) -> None:
    ran = cli("eval", "run", *words)
    assert ran.code == code and ran.is_one_line and said in ran.err


def test_own_questions_come_to_one_flat_object(cli, questions: Path, answers: str) -> None:
    ran = cli("eval", "run", questions, "--model", answers, "--tools", "off", "--json", "--out", "o")
    assert ran.code == 0 and not ran.err
    said = json.loads(ran.out)
    assert (said["n"], said["accuracy"], said["benchmark"], said["tools"]) == (4, 0.5, "questions", "off")
    assert said["ci95"] == [0.15, 0.85] and said["trace"] == "o"
    again = cli("eval", "run", questions, "--model", answers, "--tools", "off", "--json", "--trace", "o")
    assert json.loads(again.out) == said


def test_paired_tells_what_the_tools_added(cli, questions: Path, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(
        json.dumps([{"task": "", "replies": [LOOK, ANSWER]}, {"task": "none", "replies": []}])
    )
    words = ("eval", "run", questions, "--model", "scripted:m.json", "--tools", "paired", "--out", "o")
    ran = cli(*words, "--json")
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    assert [(run["run"], run["tools"], run["n"]) for run in said["runs"]] == [
        ("with-tools", "on", 4),
        ("without-tools", "off", 4),
    ]
    (pair,) = said["paired"]
    assert (pair["n"], pair["both"], pair["neither"], pair["only_with"]) == (4, 2, 2, 0)
    assert pair["difference"]["value"] == 0 and len(pair["difference"]["ci95"]) == 2
    for_people = cli(*words).out
    rows = [line.split() for line in for_people.splitlines()]
    assert ["with-tools", "4", "50.0", "%", "15.0-85.0", "2", "100", "%", "(51-100)", "0"] in rows
    assert ["without-tools", "4", "50.0", "%", "15.0-85.0", "2", "100", "%", "(51-100)", "0"] in rows
    assert "what the tools added to scripted:m.json:\n  +0.0 points [" in for_people
    assert "solved both ways 2, neither way 2" in for_people
    assert len(list(read_traces("o/with-tools"))) == 4
    refused = cli(*words[:-3], "on", "--out", "o")
    assert refused.code == 3 and "holds several runs" in refused.err


def test_several_models_are_told_apart(cli, questions: Path, tmp_path: Path) -> None:
    for name, answer in (("a", "red"), ("b", "blue")):
        (tmp_path / f"{name}.txt").write_text(f"<think>x</think>\n<answer>{answer}</answer>")
    models = ("--model", "scripted:a.txt", "--model", "scripted:b.txt")
    ran = cli("eval", "run", questions, *models, "--tools", "off", "--json")
    said = json.loads(ran.out)
    assert [(run["run"], run["model"], run["accuracy"], run["trace"]) for run in said["runs"]] == [
        ("a.txt", "scripted:a.txt", 0.5, None),
        ("b.txt", "scripted:b.txt", 0.25, None),
    ]
    assert said["paired"] == []


# ---- progress


def progress(terminal: bool, now: list[float], runs: int = 1) -> tuple[EvalProgress, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100)
    return EvalProgress(console, runs, clock=lambda: now[0]), out


def test_without_a_terminal_a_line_comes_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    watch, _ = progress(False, now, runs=2)
    with watch:
        watch.begin(Setting(SumsPlan(n=100, samples=2), Path("o"), "nano/with-tools"))
        watch.kept([episode(0, 1.0), episode(1, 0.0)])
        for number in range(2, 10):
            now[0] += 10
            failed = number == 2
            stop = StopReason.infrastructure_error if failed else StopReason.answered
            watch.done(episode(number, None if failed else 1.0, stop=stop))
    said = capsys.readouterr().err.splitlines()
    known = "note: nano/with-tools (1 of 2): "
    assert said == [
        f"{known}3 of 4 right, 1 failed because of us, 5 of 200 done, 33 min left",
        f"{known}6 of 7 right, 1 failed because of us, 8 of 200 done, 32 min left",
    ]


def test_on_a_terminal_it_is_a_bar_and_no_lines(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    watch, out = progress(True, now)
    with watch:
        watch.begin(Setting(SumsPlan(n=4), Path("o"), "nano"))
        watch.kept([])
        now[0] += 60
        watch.done(episode(1, 1.0))
        watch._bars.refresh()
    assert "1 of 1 right" in out.getvalue() and "3 min left" in out.getvalue() and "1/4" in out.getvalue()
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("remaining", "asked", "seconds", "said"),
    [
        (0, 5, 9.0, "0 s left"),
        (3, 3, 59.0, "59 s left"),
        (10, 1, 6.1, "2 min left"),
        (100, 1, 90.0, "2 h 30 min left"),
    ],
)
def test_time_left_is_in_words(remaining: int, asked: int, seconds: float, said: str) -> None:
    assert time_left(remaining, asked, seconds) == said
