"""What verdicts decide in a run: right, wrong and unsure apart, what is told of it, and other judges."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from agent.graders import RIGHT, UNSURE, WRONG, Saying
from data.crew import Crew, curated, recipe_values, truth, write_rows

from deepeyes.cli.main import main
from deepeyes.core.errors import InfrastructureError
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, TraceWriter, read_traces
from deepeyes.core.verdict import Verdict
from deepeyes.data.curate import Execution
from deepeyes.data.item import Item, PassRate, Rejection, TraceRef, Trial
from deepeyes.data.recipe import CurationRecipe, FunnelWarnings
from deepeyes.data.run.claim import claimed
from deepeyes.data.run.folder import RunFolder, StageCount
from deepeyes.data.run.oddities import oddities, tries_of
from deepeyes.data.run.probe import RetryRounds
from deepeyes.data.stages.missed import missed
from deepeyes.data.stages.probe.difficulty import DifficultyFilter
from deepeyes.data.stages.stage import apply
from deepeyes.data.stages.teach.quality import failed_checks
from deepeyes.data.stages.teach.synthesize import Synthesis
from deepeyes.data.stages.teach.verify import Verification
from deepeyes.grading.grader import Grading
from deepeyes.harness.setup import open_agent

pytest.importorskip("datasketch")
pytest.importorskip("imagehash")

JUDGED = {"judges": ["openai:judge@http://127.0.0.1:9/v1"]}


def opening(grader: Any) -> Callable[[], Any]:
    return partial(nullcontext, grader)


def answered(text: str | None, verdict: Verdict | None, stop: StopReason = StopReason.answered) -> Trace:
    task = Task(id="s/1", question="How long?", answer="$12 \\mathrm{~m}$")
    return Trace(id="s/1#0", task=task, stop_reason=stop, answer=text, verdict=verdict)


def counts_by_name(counts: list[StageCount]) -> dict[str, StageCount]:
    return {count.name: count for count in counts}


def rejected(out: Path) -> dict[str, dict[str, Any]]:
    lines = (out / "rejects.jsonl").read_text().split("\n")
    return {row["id"]: row for row in map(json.loads, filter(None, lines))}


# ---- what is told of an answer that is not right


@pytest.mark.parametrize(
    ("trace", "told"),
    [
        (
            answered("12 m", WRONG),
            "answered '12 m', expected '$12 \\mathrm{~m}$' (another one)",
        ),
        (
            answered("twelve\n metres", UNSURE),
            "answered 'twelve metres', expected '$12 \\mathrm{~m}$' (in oth",
        ),
        (
            answered(None, WRONG, StopReason.max_turns),
            "no answer (max_turns), expected '$12 \\mathrm{~m}$'",
        ),
        (answered("12", None), "answered '12', expected '$12 \\mathrm{~m}$'"),
    ],
)
def test_what_is_missed_says_what_was_answered_expected_and_why(trace: Trace, told: str) -> None:
    assert missed(trace).startswith(told)


def test_nothing_is_missed_by_what_is_right_or_failed_because_of_us() -> None:
    assert missed(answered("12 m", RIGHT)) == ""
    assert missed(answered("12 m", None, StopReason.infrastructure_error)) == ""


def test_what_is_missed_is_short_whatever_was_answered() -> None:
    task = Task(id="t", question="What?", answer="\0 b" * 30_000)
    verdict = Verdict(score=0.0, reason="c" * 50_000)
    trace = Trace(id="t#0", task=task, stop_reason="answered", answer="a\n" * 50_000, verdict=verdict)
    assert len(missed(trace)) < 480 and missed(trace).isprintable()
    long = answered("I look at the side. " * 50 + "So it is 12 m.", WRONG)
    assert missed(long).startswith("answered 'I look at") and "So it is 12 m.', expected" in missed(long)


# ---- unsure


def test_an_unsure_answer_fails_a_check_of_its_own() -> None:
    assert failed_checks(answered("12 m", UNSURE)) == ("unsure_answer",)
    assert failed_checks(answered("12 m", WRONG)) == ("wrong_answer",)
    assert failed_checks(answered("I'm sorry, I can't help with that.", UNSURE)) == ("refused",)
    assert failed_checks(answered("12 m", None)) == ("wrong_answer",)
    assert failed_checks(answered("12 m", RIGHT.model_copy(update={"score": 0.5}))) == ()


def test_verify_leaves_out_unsure_answers_unless_the_recipe_takes_them() -> None:
    ref = TraceRef(store="synthesize-t", part=0, id="s/1#0")
    told = missed(answered("12 m", UNSURE))
    trial = Trial(teacher="t", ref=ref, failed_checks=("unsure_answer",), missed=told)
    task = Task(id="s/1", question="How long?", answer="12")
    item = Item(task=task, source="s", row=1, route="cold_start", trials=(trial,))
    (left,) = apply(Verification(), [item])
    assert left.rejection is not None and left.rejection.reason == "unsure_answer"
    assert left.rejection.detail == f"{told}; 1 tries, the best by t: unsure_answer"
    (kept,) = apply(Verification(tolerate=("unsure_answer",)), [item])
    assert kept.trace == ref


def test_a_try_of_which_nobody_can_tell_is_not_right() -> None:
    def reason(right: int, unsure: int) -> str:
        rate = PassRate(model="m", right=right, asked=8, unsure=unsure)
        item = Item(task=Task(id="s/1", question="?"), source="s", row=1, without_tools=rate)
        (judged,) = apply(DifficultyFilter(model="m", max_right=2), [item])
        return judged.rejection.detail if judged.rejection else ""

    assert reason(2, 6) == ""
    assert reason(3, 4) == "3 of 8 right without tools, 4 unsure"
    assert reason(3, 0) == "3 of 8 right without tools"


def test_old_pass_rates_have_no_unsure_tries() -> None:
    rate = PassRate.model_validate_json('{"model": "m", "right": 1, "asked": 8, "called": 2}')
    assert (rate.unsure, rate.malformed, rate.missed) == (0, 0, "")


def test_a_run_counts_unsure_tries_apart_and_tells_of_them(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "source", 6)
    grader = Saying({truth(0): WRONG, truth(4): RIGHT}, others=UNSURE)
    out = tmp_path / "run"
    counts = curated(recipe_values(file), out, open_grader=opening(grader))
    run, by_name = RunFolder(out), counts_by_name(counts)
    measured = {item.id: item for item in run.stage(4, "difficulty").read(0)}
    four = measured["rows/4"].without_tools
    assert four is not None and four.right >= 3 and four.unsure == 0
    assert by_name["difficulty"].rejected == {"too_easy": 1}
    assert by_name["difficulty"].notes["tries"] == 48
    one = measured["rows/1"].without_tools
    assert one is not None and (one.right, one.unsure, one.asked) == (0, 8, 8)
    assert one.missed.startswith("answered '7") and one.missed.endswith("expected '7' (in other words)")
    assert by_name["difficulty"].notes["items with more unsure tries than others"] == 4
    assert 4 * 8 <= by_name["difficulty"].notes["unsure tries"] < 48
    assert by_name["synthesize"].notes["unsure tries"] == by_name["verify"].rejected["unsure_answer"] == 4
    assert by_name["synthesize"].notes["items with more unsure tries than others"] == 4
    row = rejected(out)["rows/2"]
    assert row["reason"] == "unsure_answer"
    assert row["detail"].startswith(
        "answered '14', expected '14' (in other words); 1 tries, the best by teacher"
    )
    assert rejected(out)["rows/0"]["detail"].startswith("answered '0', expected '0' (another one)")
    told = list(oddities(run, counts, FunnelWarnings()))
    doubted = next(text for text in told if text.startswith("of 4 of 5 (80%) tries of synthesize nobody"))
    assert doubted.count("\n") == 3 and "declare the form of the answers; such as\n  rows/1: 'What" in doubted
    assert "?' answered '7', expected '7' (in other words)" in doubted
    probed = next(text for text in told if "tries of difficulty nobody could tell" in text)
    assert probed.count("\n") == 3 and "expected '7' (in other words)" in probed
    lost = next(
        text for text in told if text.startswith("verify left out 4 of 5 (80%) items as unsure_answer")
    )
    assert lost.count("\n") == 3 and "rows/1: 'What is written on the back of item 1?" in lost
    assert "answered '7', expected '7'" in lost


# ---- the judge is down


def test_a_judge_that_is_down_costs_no_question_twice_and_is_no_zero(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "source", 3, first=1)
    values = recipe_values(file, difficulty={}, tool_benefit={})
    grader, crew = Saying(), Crew()
    grader.failures = [InfrastructureError("the judge is down", "start it") for _ in range(3)]
    patient = Execution(retry=RetryRounds(rounds=2, wait=0.0))
    counts = curated(values, tmp_path / "run", crew, open_grader=opening(grader), execution=patient)
    assert counts_by_name(counts)["verify"].rejected == {}
    assert crew.models["teacher"].sent == 6, "two turns an item, once"

    grader.failures = [InfrastructureError("the judge is down", "start it") for _ in range(3)]
    crew = Crew()
    once = Execution(retry=RetryRounds(rounds=1, wait=0.0))
    with pytest.raises(
        InfrastructureError, match="3 of 3 questions have no verdict after 1 rounds: see that the judges"
    ):
        curated(values, tmp_path / "other", crew, open_grader=opening(grader), execution=once)
    assert crew.models["teacher"].sent == 6
    counts = curated(values, tmp_path / "other", crew, open_grader=opening(grader), execution=once)
    assert counts_by_name(counts)["verify"].rejected == {} and crew.models["teacher"].sent == 6


# ---- other judges


def test_other_judges_give_new_verdicts_and_no_model_is_asked_again(tmp_path: Path) -> None:
    file, out = write_rows(tmp_path / "source", 6, first=1), tmp_path / "run"
    first = counts_by_name(curated(recipe_values(file), out, open_grader=opening(Saying(others=WRONG))))
    assert first["verify"].rejected == {"wrong_answer": 6} and first["tool_benefit"].routes == {
        "cold_start": 6
    }

    crew = Crew()
    values = recipe_values(file, grading=JUDGED)
    again = counts_by_name(curated(values, out, crew, open_grader=opening(Saying(others=RIGHT))))
    assert again["difficulty"].rejected == {"too_easy": 6}
    assert sum(model.sent for model in crew.models.values()) == 0
    stored = list(read_traces(RunFolder(out).episodes("difficulty", 0)))
    assert len(stored) == 48 and all(trace.verdict == RIGHT for trace in stored)
    assert json.loads((out / "funnel.json").read_text())["settings"]["judges"] == JUDGED["judges"]

    crew = Crew()
    counts_by_name(curated(values, out, crew, open_grader=opening(Saying(others=WRONG))))
    assert all(trace.verdict == RIGHT for trace in read_traces(RunFolder(out).episodes("difficulty", 0)))


def test_what_a_person_decided_stands_whoever_grades_now(tmp_path: Path) -> None:
    file, out = write_rows(tmp_path / "source", 2, first=1), tmp_path / "run"
    curated(recipe_values(file), out, open_grader=opening(Saying(others=WRONG)))
    writer = TraceWriter(RunFolder(out).episodes("difficulty", 0))
    first, *others = read_traces(writer.folder)
    person = Verdict(score=1.0, by="person", reason="I looked")
    writer.write(first.graded(person))
    curated(recipe_values(file, grading=JUDGED), out, open_grader=opening(Saying(others=UNSURE)))
    stored = {trace.id: trace.verdict for trace in read_traces(writer.folder)}
    assert stored == {first.id: person, **{trace.id: UNSURE for trace in others}}


def test_a_start_that_was_killed_while_it_struck_verdicts_goes_on_with_either_recipe(tmp_path: Path) -> None:
    file, out = write_rows(tmp_path / "source", 4, first=1), tmp_path / "run"
    before = CurationRecipe.model_validate(recipe_values(file))
    curated(before, out, open_grader=opening(Saying(others=WRONG)))
    text = (out / "recipe.toml").read_text()
    with claimed(RunFolder(out), before.model_copy(update={"grading": Grading.model_validate(JUDGED)})):
        pass
    stored = list(read_traces(RunFolder(out).episodes("synthesize-teacher", 0)))
    assert all(trace.awaits_verdict and trace.verdict is None for trace in stored) and len(stored) == 4
    (out / "recipe.toml").write_text(text)
    crew = Crew()
    counts = counts_by_name(curated(before, out, crew, open_grader=opening(Saying(others=WRONG))))
    assert counts["verify"].rejected == {"wrong_answer": 4} and not any(m.sent for m in crew.models.values())


@pytest.mark.parametrize(
    ("now", "otherwise"),
    [
        ({}, False),
        ({"grading": JUDGED}, True),
        ({"grading": {"show_image": True}}, True),
        ({"grading": {"cache": "judged.sqlite", "seconds": 9.0}}, False),
        ({"funnel": {"loss": 0.5}}, False),
    ],
)
def test_what_gives_other_verdicts_makes_the_asking_stages_anew(
    now: dict[str, Any], otherwise: bool, tmp_path: Path
) -> None:
    values = recipe_values(tmp_path / "rows.jsonl")
    before, after = (CurationRecipe.model_validate({**values, **more}) for more in ({}, now))
    assert after.graded_otherwise(before) == otherwise
    assert after.changed(before) == (["difficulty", "tool_benefit", "synthesize"] if otherwise else [])
    assert after.asked_otherwise(before) == []


# ---- what should make a reader look twice


def count(name: str, into: int, rejected: dict[str, int], passed: int = 0, **notes: int) -> StageCount:
    kept = into - passed - sum(rejected.values())
    own = {key.replace("_", " "): number for key, number in notes.items()}
    return StageCount(
        name=name,
        into=into,
        passed=passed,
        kept=kept,
        rejected=rejected,
        routes={},
        sources={},
        parts=1,
        notes=own,
    )


def told_of(tmp_path: Path, one: StageCount, **limits: float) -> list[str]:
    """The first words of each warning about a run of this one stage, whose rejected items are there."""
    stage = RunFolder(tmp_path).stage(2, one.name)
    items = [
        Item(
            task=Task(id=f"s/{reason}-{number}", question=f"Question {number}?", answer="12 m"),
            source="s",
            row=number,
            rejection=Rejection(stage=one.name, reason=reason, detail=f"answered {number}"),
        )
        for reason, lost in one.rejected.items()
        for number in range(lost)
    ]
    stage.write(0, items)
    return list(oddities(RunFolder(tmp_path), [one], FunnelWarnings.model_validate(limits)))


def test_a_stage_that_loses_much_to_one_reason_is_told_of_with_three_examples(tmp_path: Path) -> None:
    (told,) = told_of(tmp_path, count("verify", 40, {"wrong_answer": 5, "loops": 4}, passed=24))
    assert told.split("\n  ") == [
        "verify left out 5 of 16 (31%) items as wrong_answer, such as",
        *(f"s/wrong_answer-{number}: 'Question {number}?' answered {number}" for number in range(3)),
    ]


def test_a_warning_of_unsure_tries_shows_only_answers_that_were_unsure(tmp_path: Path) -> None:
    def item(number: int, **rate: int) -> Item:
        tried = PassRate(model="m", asked=8, missed=f"answered {number}", **rate)
        return Item(task=Task(id=f"s/{number}", question="?"), source="s", row=number, with_tools=tried)

    items = [item(1, right=8), item(2, right=0, unsure=7), item(3, right=3, unsure=5), item(4, right=0)]
    items.append(Item(task=Task(id="s/5", question="?"), source="s", row=5))
    RunFolder(tmp_path).stage(2, "tool_benefit").write(0, items)
    one = count("tool_benefit", 5, {}, tries=32, unsure_tries=12)
    (told,) = oddities(RunFolder(tmp_path), [one], FunnelWarnings())
    assert told.endswith("declare the form of the answers; such as\n  s/3: '?' answered 3")


@pytest.mark.parametrize(
    ("one", "warned"),
    [
        (count("verify", 16, {"wrong_answer": 4}), False),
        (count("verify", 16, {"wrong_answer": 5}), True),
        (count("verify", 3, {"wrong_answer": 2}), False),
        (count("verifiable", 9, {"not_gradable": 3}), True),
        (count("read", 9, {"no_image": 9}), True),
        (count("verify", 9, {"infrastructure_error": 9}), False),
        (count("difficulty", 9, {"too_easy": 9}), False),
        (count("deduplicate", 9, {"duplicate": 8}), False),
        (count("decontaminate", 9, {"in_benchmark": 8}), False),
        (count("mix", 9, {"over_cap": 8}), False),
        (count("split", 9, {"anything": 8}), False),
    ],
)
def test_only_losses_that_nobody_meant_are_told_of(one: StageCount, warned: bool, tmp_path: Path) -> None:
    assert bool(told_of(tmp_path, one)) == warned


def test_the_recipe_sets_from_where_on_losses_are_told_of(tmp_path: Path) -> None:
    one = count("verify", 16, {"wrong_answer": 4})
    assert told_of(tmp_path, one, loss=0.24) and not told_of(tmp_path, one, loss=0.25)


@pytest.mark.parametrize(
    ("malformed", "tries", "warned"),
    [(3, 15, True), (3, 16, False), (2, 2, False), (16, 16, True), (0, 0, False)],
)
def test_a_model_that_does_not_speak_its_dialect_is_told_of(
    malformed: int, tries: int, warned: bool, tmp_path: Path
) -> None:
    told = told_of(tmp_path, count("difficulty", 9, {}, tries=tries, malformed_tries=malformed))
    assert bool(told) == warned
    assert all("difficulty.dialect" in text and "native" in text for text in told)
    taught = told_of(tmp_path, count("synthesize", 9, {}, tries=tries, malformed_tries=malformed))
    assert all("synthesize.teachers.NAME.dialect" in text for text in taught)


def test_a_probe_that_misses_the_format_is_seen_in_the_funnel(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "source", 2)
    values = recipe_values(file)
    values["difficulty"] |= {"model": "nonsense", "k": 2, "max_right": 0}
    values["tool_benefit"] |= {"model": "teacher", "k": 2}
    counts = counts_by_name(curated(values, tmp_path / "run"))
    assert counts["difficulty"].notes == {"tries": 4, "malformed tries": 4}
    assert counts["tool_benefit"].notes == {"tries": 4}
    told = list(oddities(RunFolder(tmp_path / "run"), list(counts.values()), FunnelWarnings()))
    assert len(told) == 1 and told[0].startswith("4 of 4 (100%) tries of difficulty were malformed")


def test_tries_of_teachers_are_counted_by_what_speaks_against_them(tmp_path: Path) -> None:
    def trial(store: str, *checks: str) -> Trial:
        return Trial(teacher="t", ref=TraceRef(store=store, part=0, id="s/1#0"), failed_checks=checks)

    trials = (
        trial("synthesize-t"),
        trial("synthesize-t", "nonsense"),
        trial("synthesize-u", "unsure_answer", "failed_call"),
        trial("synthesize-u", "infrastructure_error"),
        trial("read", "unsure_answer"),
    )
    stage = RunFolder(tmp_path).stage(6, "synthesize")
    halves = (trial("synthesize-t"), trial("synthesize-t", "unsure_answer"))
    items = [
        Item(task=Task(id=f"s/{row}", question="?"), source="s", row=row, trials=tried)
        for row, tried in enumerate((trials, halves))
    ]
    stage.write(0, items)
    assert tries_of(Synthesis(), stage, 1) == {"tries": 5, "malformed tries": 1, "unsure tries": 2}


# ---- on the command line


@pytest.fixture
def told_run(tmp_path: Path) -> tuple[Path, Path]:
    """A recipe whose teacher is right in other words, and where its run goes."""
    rows = (
        {"id": n, "question": f"How long is side {n}?", "answer": f"$1{n} \\mathrm{{~m}}$"} for n in range(5)
    )
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "teacher.txt").write_text("<think>I see.</think>\n<answer>another\x1b[2J</answer>")
    (tmp_path / "recipe.toml").write_text(
        f"[sources.rows]\nkind = 'jsonl'\npath = '{tmp_path}/rows.jsonl'\nneeds_image = false\n"
        f"[synthesize.teachers.t]\nmodel = 'scripted:{tmp_path}/teacher.txt'\ntools = false\n"
    )
    return tmp_path / "recipe.toml", tmp_path / "run"


def test_losses_are_told_of_on_stderr_when_a_run_ends_and_when_its_funnel_is_shown(
    told_run: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = told_run
    with pytest.raises(SystemExit):
        main(["data", "curate", str(recipe), "--out", str(out), "--json"])
    ran = capsys.readouterr()
    json.loads(ran.out)
    with pytest.raises(SystemExit):
        main(["data", "funnel", str(out), "--json"])
    shown = capsys.readouterr()
    json.loads(shown.out)
    for err in (ran.err, shown.err):
        first = "warning: verify left out 5 of 5 (100%) items as "
        (start,) = [at for at, line in enumerate(err.splitlines()) if line.startswith(first)]
        lines = err.splitlines()[start : start + 4]
        assert "'How long is side 0?' answered 'another" in lines[1] and "$10 \\mathrm{~m}$" in lines[1]
        assert "\x1b" not in "".join(lines)


def test_judges_that_no_model_can_be_are_refused_before_anything_is_read(
    told_run: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = told_run
    with pytest.raises(SystemExit) as end:
        main(["data", "curate", str(recipe), "--out", str(out), "--set", 'grading.judges=["nobody"]'])
    assert end.value.code == 4 and "nobody" in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize(("word", "kept"), [("RIGHT", 5), ("WRONG", 0)])
def test_a_judge_decides_where_the_rules_cannot_and_is_kept_in_the_runs_folder(
    word: str, kept: int, tmp_path: Path
) -> None:
    rows = ({"id": n, "question": f"Who is on stamp {n}?", "answer": "the old king"} for n in range(5))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "teacher.txt").write_text("<think>I know him.</think>\n<answer>their former monarch</answer>")
    (tmp_path / "judge.txt").write_text(word)
    values: dict[str, Any] = {
        "sources": {"rows": {"kind": "jsonl", "path": str(tmp_path / "rows.jsonl"), "needs_image": False}},
        "synthesize": {"teachers": {"t": {"model": f"scripted:{tmp_path / 'teacher.txt'}", "tools": False}}},
    }
    out = tmp_path / "run"
    alone = counts_by_name(curated(values, out, open_agent))["verify"]
    assert alone.rejected == {"unsure_answer": 5} and not (out / "judged.sqlite").exists()
    values["grading"] = {"judges": [f"scripted:{tmp_path / 'judge.txt'}"]}
    judged = counts_by_name(curated(values, out, open_agent))["verify"]
    assert judged.kept == kept and judged.rejected == ({} if kept else {"wrong_answer": 5})
    assert (out / "judged.sqlite").exists()
    traces = list(read_traces(RunFolder(out).episodes("synthesize-t", 0)))
    assert {trace.verdict.by for trace in traces if trace.verdict} == {"judge"}
