"""Official scores: each against a count by hand, and never of episodes that failed because of us."""

from collections.abc import Sequence
from typing import Any

import pytest

from deepeyes.core.answers import AnswerForm
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn, trace_id
from deepeyes.core.verdict import Verdict
from deepeyes.eval.benchmarks.fields import letter_form
from deepeyes.eval.benchmarks.scores import chance, matches, token_f1
from deepeyes.eval.benchmarks.tir_bench import partial_score
from deepeyes.eval.benchmarks.treebench import best_overlap, named_boxes
from deepeyes.eval.registry import benchmark_named


def episode(
    task: str,
    right: bool = False,
    *,
    sample: int = 0,
    stop: StopReason = StopReason.answered,
    answer: str | None = "x",
    said: Sequence[str] = (),
    **fields: Any,
) -> Trace:
    return Trace(
        id=trace_id(task, sample),
        task=Task(id=task, question="?", **{"answer": "x", **fields}),
        sample=sample,
        stop_reason=stop,
        answer=answer,
        verdict=Verdict(score=float(right)),
        turns=tuple(Turn(text=text) for text in said),
    )


def numbers(name: str, traces: Sequence[Trace]) -> dict[str, Any]:
    return benchmark_named(name).load().numbers(traces)


LOST = StopReason.infrastructure_error


def test_chance_is_the_mean_of_one_over_the_options_and_nothing_without(tmp_path: Any) -> None:
    four, two = letter_form("abcd"), letter_form("ab")
    traces = [episode("1", answer_form=four), episode("2", answer_form=two), episode("3")]
    lost = episode("4", answer_form=two, stop=LOST)
    assert chance([*traces, lost]) == {"chance": 0.25, "chance_n": 2}
    assert chance([episode("1", answer_form=letter_form("abc", several=True))])["chance"] == round(1 / 7, 4)
    assert chance([episode("1", answer_form=AnswerForm(kind="yes_no"))])["chance"] == 0.5
    assert chance([]) == {"chance": None, "chance_n": 0}


def test_cycles_of_hr_bench_are_not_independent() -> None:
    traces = [
        episode(f"{q}/{c}", right=q < 25 or (q < 30 and c < 2), group=str(q))
        for q in range(50)
        for c in range(4)
    ]
    told = numbers("hrbench_4k", traces)
    assert told["mean_over_cycles"] == 0.55 and told["mean_over_cycles_n"] == 200
    assert told["right_in_all_cycles"] == 0.5 and told["right_in_all_cycles_n"] == 50
    alone = [
        trace.model_copy(update={"task": trace.task.model_copy(update={"group": ""})}) for trace in traces
    ]
    low, high = told["mean_over_cycles_ci95"]
    loose, tight = numbers("hrbench_4k", alone)["mean_over_cycles_ci95"]
    assert high - low > 1.5 * (tight - loose), "two hundred answers to fifty questions are no two hundred"


def test_an_incomplete_question_is_in_no_worst_case() -> None:
    whole = [episode(f"q1/{v}", right=True, group="q1") for v in range(10)]
    failed = [episode(f"q2/{v}", right=v != 3, group="q2") for v in range(10)]
    torn = [
        episode(f"q3/{v}", right=True, group="q3", stop=LOST if v == 5 else StopReason.answered)
        for v in range(10)
    ]
    told = numbers("dynamath", [*whole, *failed, *torn])
    assert (told["worst_case"], told["worst_case_n"]) == (0.5, 2)
    assert told["average"] == round(28 / 29, 4) and told["average_n"] == 29


def test_the_worst_case_of_several_samples_is_one_of_each_sample() -> None:
    traces = [
        episode(f"q/{v}", right=s == 0 or v > 0, group="q", sample=s) for v in range(10) for s in (0, 1)
    ]
    told = numbers("dynamath", traces)
    assert (told["worst_case"], told["worst_case_n"]) == (0.5, 2)


def problem(name: str, whole: bool, *steps: bool) -> list[Trace]:
    keys = [*(f"{len(steps)}steps_{n}" for n in range(1, len(steps) + 1)), f"{len(steps)}steps_multi"]
    return [
        episode(f"{name}/{key}", right=right, group=name, kind=key)
        for key, right in zip(keys, (*steps, whole), strict=True)
    ]


def test_we_math_counts_mastery_rote_and_lack_of_generalisation() -> None:
    traces = [
        *problem("mastered", True, True, True),
        *problem("half by rote", True, True, False),
        *problem("by rote", True, False, False, False),
        *problem("not generalised", False, True, True, True),
        *problem("unknown", False, True, False),
        *problem("torn", True, True, True)[1:],
        episode("single/1step", right=True, group="single", kind="1step"),
    ]
    told = numbers("we_math", traces)
    assert (told["score_strict"], told["score_strict_n"]) == (0.3, 5)
    assert (told["score_loose"], told["score_loose_n"]) == (0.5, 5)


def test_boxes_in_the_reasoning_are_compared_with_the_targets() -> None:
    said = ["<think>I look at <box>[0,0,10,10]</box> and <box>[50, 50, 60, 60]</box>", "<box>nonsense</box>"]
    trace = episode("1", True, said=said, truth={"boxes": [[0, 0, 10, 10], [50, 50, 70, 60]]})
    assert named_boxes(trace) == [[0, 0, 10, 10], [50, 50, 60, 60]]
    silent = episode("2", truth={"boxes": [[0, 0, 1, 1]]})
    told = numbers("treebench", [trace, silent, episode("3")])
    assert (told["miou"], told["miou_n"]) == (0.375, 2)
    assert best_overlap([], [[0, 0, 1, 1]]) == 0


def test_ocrbench_counts_of_a_thousand() -> None:
    told = numbers("ocrbench", [episode(str(n), right=n < 3) for n in range(4)])
    assert told["ocrbench_score"] == 750 and 0 < told["ocrbench_score_ci95"][0] < 750


def test_avg_at_k_is_the_mean_of_the_samples_of_a_question() -> None:
    traces = [episode(f"t{t}", right=t < 5, sample=s) for t in range(10) for s in range(32)]
    told = numbers("visualprobe_hard", traces)
    assert told["mean_over_samples"] == 0.5 and told["samples"] == 32
    low, high = told["mean_over_samples_ci95"]
    assert high - low > 0.4, "ten questions are ten, however often they are asked"


@pytest.mark.parametrize(
    ("answer", "exact", "within", "f1"),
    [
        ("Ann Lee", 1, 1, 1),
        ("the ann  LEE.", 1, 1, 1),
        ("It was Ann Lee", 0, 1, 2 * 2 / (4 + 2)),
        ("Ann", 0, 0, 2 / 3),
        ("Joann Leeds", 0, 0, 0),
        ("A. Lee", 0, 0, 0.6667),
        ("", 0, 0, 0),
        (None, 0, 0, 0),
    ],
)
def test_words_of_search_benchmarks(answer: str | None, exact: int, within: int, f1: float) -> None:
    trace = episode("1", answer=answer, **{"answer_form": AnswerForm()})
    task = trace.task.model_copy(update={"answer": "Ann Lee", "answers": ("Ann-Marie Lee",)})
    trace = trace.model_copy(update={"task": task})
    told = matches([trace]) | token_f1([trace])
    assert (told["exact_match"], told["contains_match"]) == (exact, within)
    assert told["token_f1"] == pytest.approx(f1, abs=1e-3)


@pytest.mark.parametrize(
    ("kind", "gold", "said", "score"),
    [
        ("jigsaw", "2, 1, 4, 3", "The order is [2, 1, 3, 4].", 0.5),
        ("jigsaw", "2, 1, 4, 3", "Of 9 pieces: 2 1 4 3", 1.0),
        ("jigsaw", "2, 1, 4, 3", "2, 1, 4", 0.0),
        ("spot_difference", "1, 5, 9", "*5*, 9 and 12", 0.5),
        ("word_search", "3, 4", "row 3, 4", 1.0),
        ("word_search", "3, 4", "4, 3", 0.0),
        ("ocr", "mobi", "It reads mobile", 1.0),
        ("ocr", "mobi", "Mobi", 0.0),
        ("maze", "B", "B", 1.0),
    ],
)
def test_partial_credit_of_tir_bench(kind: str, gold: str, said: str, score: float) -> None:
    trace = episode("1", right=True, answer=said, kind=kind, meta={"side": 2})
    trace = trace.model_copy(update={"task": trace.task.model_copy(update={"answer": gold})})
    assert partial_score(trace) == score


def test_numbers_of_nothing_are_nothing_and_every_share_has_its_n_and_interval() -> None:
    from deepeyes.eval.benchmarks.listing import abouts

    for about in abouts():
        told = numbers(about.name, [])
        shares = {key for key in told if f"{key}_ci95" in told}
        assert all(told[key] is None and told[f"{key}_n"] == 0 for key in shares)
        alone = {key for key in told if not key.endswith(("_n", "_ci95"))} - shares
        assert alone <= {"chance", "samples"}, about.name


def test_a_plan_without_numbers_of_its_own_tells_none() -> None:
    assert benchmark_named("world").load().numbers([]) == {}
