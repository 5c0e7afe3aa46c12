"""`deepeyes eval` on a scripted model: any benchmark by name, runs that go on, and what is refused."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from agent.graders import UNSURE, Saying

from deepeyes.core.errors import InfrastructureError
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import read_traces
from deepeyes.eval.plan import EvalPlan
from deepeyes.eval.world import WorldPlan
from deepeyes.grading.grader import Grading

SET = ("families=direct", "split=validation", "tools=false", "n=2")


def sets(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def answers_of(folder: Path) -> list[str | None]:
    return [trace.answer for trace in read_traces(folder)]


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, cli) -> Callable[..., Any]:
    """Runs `deepeyes eval` up to its plan, which it gives."""
    plans: list[EvalPlan] = []

    def keep(plan: EvalPlan, models: list[str], tools: tuple[bool, ...], *_: Any, **__: Any) -> None:
        (on,), (model,) = tools, models
        plans.append(plan.model_copy(update={"tools": on, "model": model}))

    monkeypatch.setattr("deepeyes.cli.eval_run.measure", keep)

    def plan(*words: object) -> EvalPlan:
        ran = cli("eval", *words)
        assert ran.code == 0, ran.err
        return plans.pop()

    return plan


def test_a_plan_comes_from_a_file_and_settings_go_over_it(planned, tmp_path: Path) -> None:
    lines = ('families = ["chart"]', "n = 7", "[sampling]", "temperature = 0.5", "top_k = 4")
    (tmp_path / "p.toml").write_text("\n".join(lines))
    plan = planned("run", "world", "--plan", "p.toml", "--set", "n=9", "--set", "sampling.top_k=5")
    expected = Sampling(temperature=0.5, top_k=5)
    assert plan == WorldPlan(families=("chart",), n=9, sampling=expected)


def test_judges_go_into_the_plan_over_those_of_its_file(planned, answers: str, tmp_path: Path) -> None:
    grading = Grading(judges=(answers, "nano"))
    judges = ("--judge", answers, "--judge", "nano")
    assert planned("world", "--n", 2, *judges).grading == grading
    assert planned("world", "--n", 2).grading == Grading()
    (tmp_path / "p.toml").write_text("[grading]\njudges = ['nano']\nshow_image = true\n")
    assert planned("run", "world", "--plan", "p.toml").grading == Grading(judges=("nano",), show_image=True)
    over = planned("run", "world", "--plan", "p.toml", *judges).grading
    assert over == grading.model_copy(update={"show_image": True})


@pytest.mark.parametrize(
    "words",
    [
        ("world", "--judge", "nobody"),
        ("run", "world", *sets("grading.judges=nobody", "model=scripted:missing.txt")),
    ],
)
def test_a_judge_that_no_model_can_be_is_refused(words: tuple[str, ...], cli) -> None:
    ran = cli("eval", *words)
    assert ran.code == 4 and ran.is_one_line and "nobody" in ran.err


def test_what_is_unsure_is_reported_beside_the_accuracy(
    cli, answers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepeyes.eval.run.open_grader", lambda *_, **__: nullcontext(Saying(others=UNSURE)))
    said = json.loads(cli("eval", "run", "world", *sets(*SET, f"model={answers}"), "--json").out)
    assert (said["n"], said["accuracy"], said["unsure"], said["accuracy_at_most"]) == (2, 0.0, 2, 1.0)


def test_a_published_rule_has_ours_beside_it(cli, answers: str) -> None:
    words = sets(*SET, f"model={answers}", "grading.scorer=dynamath")
    said = json.loads(cli("eval", "run", "world", *words, "--json").out)
    assert said["scorer"] == "dynamath" and said["unsure_by_our_rules"] == 0
    assert 0 <= said["accuracy_by_our_rules"] <= 1
    plain = json.loads(cli("eval", "run", "world", *words[:-2], "--json").out)
    assert not {"scorer", "accuracy_by_our_rules"} & set(plain)
    assert said["accuracy_by_our_rules"] == plain["accuracy"]


@pytest.mark.parametrize(("down", "code"), [(1, 0), (2, 5)])
def test_what_failed_because_of_us_is_told_of_and_is_an_error_if_it_is_everything(
    down: int, code: int, cli, answers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grader = Saying()
    grader.failures = [InfrastructureError("the judge is down", "start it")] * down
    monkeypatch.setattr("deepeyes.eval.run.open_grader", lambda *_, **__: nullcontext(grader))
    words = ("eval", "run", "world", *sets(*SET, f"model={answers}"), "--json", "--trace", "t")
    ran = cli(*words)
    assert ran.code == code and json.loads(ran.out)["n"] == 2 - down
    told = f"{down} of 2 episodes ({down} lack only the verdict) failed because of us ({down} times: "
    assert ran.err.startswith(("warning: " if code == 0 else "deepeyes: ") + told)
    assert "the judge is down: start it)" in ran.err and ran.err.count("\n") == 1
    assert ran.err.endswith("the same command asks them again\n")
    ran = cli(*words)
    assert (ran.code, ran.err, json.loads(ran.out)["n"]) == (0, "", 2)


def test_a_benchmark_by_name_gives_one_flat_object(cli, answers: str) -> None:
    ran = cli("eval", "run", "world", *sets(*SET, f"model={answers}"), "--json")
    assert ran.code == 0
    said = json.loads(ran.out)
    assert (said["benchmark"], said["model"], said["tools"], said["trace"]) == ("world", answers, "off", None)
    assert said["n"] == 2 and said["stop_reasons"] == {"answered": 2}
    assert not any(isinstance(value, dict) for key, value in said.items() if key != "stop_reasons")


def test_for_people_it_is_a_table(cli, answers: str) -> None:
    ran = cli("eval", "run", "world", *sets(*SET, f"model={answers}"))
    assert ran.code == 0 and "tool call rate" in ran.out and "accuracy" in ran.out


def test_a_run_goes_on_where_it_was_and_may_grow(cli, answers: str, tmp_path: Path) -> None:
    def start(n: int) -> dict[str, Any]:
        words = sets(*SET[:-1], f"n={n}", f"model={answers}")
        ran = cli("eval", "run", "world", *words, "--trace", "t", "--json")
        assert ran.code == 0, ran.err
        return json.loads(ran.out)

    assert start(2)["n"] == 2 and answers_of(tmp_path / "t") == ["red", "red"]
    (tmp_path / "answers.txt").write_text("<think>Hm.</think>\n<answer>blue</answer>")
    assert start(2)["trace"] == "t" and answers_of(tmp_path / "t") == ["red", "red"]
    assert start(3)["n"] == 3 and answers_of(tmp_path / "t") == ["red", "red", "blue"]


@pytest.mark.parametrize("change", ["split=test", "seed=1", "sampling.temperature=0.5", "limits.turns=2"])
def test_the_folder_of_another_run_is_refused(cli, answers: str, tmp_path: Path, change: str) -> None:
    words = sets(*SET, f"model={answers}")
    assert cli("eval", "run", "world", *words, "--trace", "t").code == 0
    before = (tmp_path / "t" / "plan.toml").read_text()
    ran = cli("eval", "run", "world", *words, *sets(change), "--trace", "t")
    assert ran.code == 3 and ran.is_one_line
    assert "holds another run" in ran.err and "choose another" in ran.err
    assert (tmp_path / "t" / "plan.toml").read_text() == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["wrld"], 2, "there is no benchmark 'wrld': use world"),
        (["world", "--set", "famlies=tiny"], 3, "unknown key famlies: did you mean families"),
        (["world", "--set", "sampling.top=1"], 3, "unknown key sampling.top: did you mean"),
        (["world", "--set", "families"], 3, "override 'families' is not key=value: write"),
        (["world", "--set", "n=0"], 3, "n = 0 is not valid: "),
        (["world", "--set", "sampling.top_p=1.5"], 3, "sampling.top_p = 1.5 is not valid: "),
        (["world", "--set", "families="], 2, "use tiny, direct"),
        (["world", "--set", 'families=["tiny", "huge"]'], 2, "there is no family 'huge': use tiny"),
        (["world", "--set", 'families=["tiny"]', "--set", "split=dev"], 2, "no split 'dev': use train"),
        (["world", "--plan", "nowhere.toml"], 3, "reading nowhere.toml"),
    ],
)
def test_what_cannot_be_asked_is_one_line(cli, words: list[str], code: int, said: str) -> None:
    ran = cli("eval", "run", *words, "--set", "model=scripted:nowhere", "--set", "tools=false")
    assert ran.code == code and ran.is_one_line and said in ran.err


def test_the_world_has_an_option_for_every_setting(planned) -> None:
    words = "--family tiny,chart --split train -n 6 --seed 3 --tools off --model nano-base --dialect native"
    drawn = "--temperature 0.5 --top-p 0.9 --top-k 5 --min-p 0.1 --repetition-penalty 1.2 --stop A --stop B"
    rest = "--limit turns=3 --search off --judge nano --samples 2"
    by_options = planned("world", *f"{words} {drawn} {rest}".split())
    assert by_options == WorldPlan(
        families=("tiny", "chart"),
        split="train",
        n=6,
        seed=3,
        samples=2,
        tools=False,
        model="nano-base",
        dialect="native",
        sampling=Sampling(
            temperature=0.5, top_p=0.9, top_k=5, min_p=0.1, repetition_penalty=1.2, stop=("A", "B"), seed=3
        ),
        limits=Limits(turns=3),
        search=("off",),
        grading=Grading(judges=("nano",)),
    )
    unset = WorldPlan.model_fields.keys() - {"benchmark", *by_options.model_dump(exclude_defaults=True)}
    assert not unset, "each has another value than its default"


def test_families_that_need_a_search_get_the_world_s(planned) -> None:
    assert planned("world", "--family", "tiny,search").search == ("world",)
    assert planned("world", "--family", "integration", "--search", "off").search == ("off",)
    assert planned("world", "--family", "search", "--tools", "off").search == ()
    assert planned("world", "--family", "tiny,direct").search == ()
    by_plan = planned("run", "world", *sets("families=search, integration", "search=world"))
    assert (by_plan.families, by_plan.search) == (("search", "integration"), ("world",))
    assert planned("run", "world", *sets("families=search")).search == (), "a plan says it all"


def test_tools_are_on_or_off(cli) -> None:
    ran = cli("eval", "world", "--tools", "maybe")
    assert ran.code == 2 and ran.is_one_line and ran.err.strip().endswith("give on, off, paired")


def test_both_verbs_are_one_run(cli, answers: str, tmp_path: Path) -> None:
    common = ("--json", "--concurrency", 2)
    options = ("--family", "tiny,direct", "--split", "validation", "-n", 4, "--seed", 2, "--tools", "off")
    world = cli("eval", "world", *options, "--model", answers, "--temperature", 0.5, "--trace", "w", *common)
    settings = ('families=["tiny", "direct"]', "split=validation", "n=4", "seed=2", "tools=false")
    drawn = (f"model={answers}", "sampling.temperature=0.5")
    run = cli("eval", "run", "world", *sets(*settings, *drawn), "--trace", "r", *common)
    assert (tmp_path / "w" / "plan.toml").read_bytes() == (tmp_path / "r" / "plan.toml").read_bytes()
    told = [json.loads(ran.out) for ran in (world, run)]
    both = told[0].keys() & told[1].keys() - {"trace", "seconds_per_episode"}
    assert {key: told[0][key] for key in both} == {key: told[1][key] for key in both} and len(both) > 10
    assert told[0].keys() - told[1].keys() == {"families", "split", "seed"}
    kept = [
        {t.id: (t.task, t.answer, t.verdict, t.sampling) for t in read_traces(tmp_path / f)} for f in "wr"
    ]
    assert kept[0] == kept[1]
    assert {task.id for task, *_ in kept[0].values()} == {
        f"{family}-validation-2-{number}" for family in ("tiny", "direct") for number in range(2)
    }
