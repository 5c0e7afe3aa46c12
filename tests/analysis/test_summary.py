"""A run as shares with their intervals: ours never scored, what nobody can tell a range, samples together."""

import json

import pytest
from analysis.graded import graded

from deepeyes.analysis.stats import wilson
from deepeyes.analysis.summary import summarise
from deepeyes.core.limits import StopReason

OURS = (StopReason.infrastructure_error, StopReason.interrupted, StopReason.error)


def test_failures_of_ours_are_counted_and_in_no_share() -> None:
    failed = [graded(f"f{place}", 1.0, stop=stop, family="b") for place, stop in enumerate(OURS)]
    found = summarise([*failed, graded("a", 1.0, family="a"), graded("b", 0.0, family="a")])
    assert (found.all.n, found.all.accuracy.value, found.tasks) == (2, 0.5, 2)
    assert (found.families["b"].n, found.families["b"].accuracy.value) == (0, None)
    assert found.families["a"].ci95 == wilson(1, 2)
    assert found.infrastructure == dict.fromkeys(OURS, 1)
    assert found.told()["infrastructure_errors"] == 3


def test_what_nobody_can_tell_makes_a_range() -> None:
    untold = graded("d", verdict=False)
    late = graded("e", verdict=False, stop=StopReason.max_turns)
    found = summarise([graded("a"), graded("b", 0.0), graded("c", None), untold, late]).all
    assert (found.n, found.undecided) == (5, 2), "an episode without an answer is not right"
    assert (found.accuracy.value, found.accuracy_at_most.value) == (0.2, 0.6)
    assert found.ci95 == pytest.approx((wilson(1, 5)[0], wilson(3, 5)[1]))


def test_a_task_is_in_a_row_of_each_of_its_tags_once() -> None:
    tagged = [
        graded("a", 1.0, tags=("perception", "search", "search"), kind="read"),
        graded("b", 0.0, tags=("search",)),
        graded("c", 1.0),
    ]
    found = summarise(tagged)
    assert {name: row.n for name, row in found.tags.items()} == {"perception": 1, "search": 2}
    assert {name: row.n for name, row in found.kinds.items()} == {"read": 1}
    assert list(found.families) == [""]


def test_samples_of_a_task_and_tasks_of_a_group_are_not_independent() -> None:
    def run(group: str) -> tuple[float, float]:
        traces = [
            graded(f"t{n}", float(n % 2), sample=s, group=group and f"{group}{n // 4}")
            for n in range(40)
            for s in range(4)
        ]
        found = summarise(traces).all.accuracy
        assert (found.n, found.groups) == (160, 10 if group else 40)
        return found.low, found.high

    low, high = run("")
    assert (low, high) == pytest.approx(wilson(20, 40), abs=0.02), "as sure as 40 tasks, not 160 episodes"
    mixed = run("entity")
    assert mixed != (low, high)
    names = [graded("x", group="x"), graded("y", group="x"), graded("x2", group="")]
    assert summarise(names).all.accuracy.groups == 2
    apart = [graded("x", group=""), graded("y", group="x")]
    assert summarise(apart).all.accuracy.groups == 2, "a task may be called like a group"


def test_several_samples_give_pass_at_k_and_pass_hat_k() -> None:
    scores = {"a": (1, 1, 1), "b": (1, 0, 0), "c": (0, 0, 0)}
    traces = [graded(name, float(one), sample=s) for name, its in scores.items() for s, one in enumerate(its)]
    traces.append(graded("d", 1.0, sample=0))
    traces.append(graded("d", 1.0, sample=1, stop=StopReason.infrastructure_error))
    found = summarise(traces)
    assert (found.samples, list(found.pass_at), list(found.pass_hat)) == (3, [1, 2, 3], [1, 2, 3])
    assert found.pass_at[1].value == pytest.approx((1 + 1 / 3 + 0 + 1) / 4) and found.pass_at[1].n == 4
    assert found.pass_at[2].value == pytest.approx((1 + 2 / 3 + 0) / 3), "d has one result"
    assert found.pass_at[3].value == pytest.approx(2 / 3)
    assert found.pass_hat[3].value == pytest.approx(1 / 3) and found.pass_hat[3].n == 3
    assert summarise([graded("a")]).pass_at == {}


def test_partial_credit_has_a_mean_score() -> None:
    assert summarise([graded("a"), graded("b", 0.0)]).score is None
    found = summarise([graded("a", 0.25), graded("b", 1.0), graded("c", None)])
    assert found.score is not None and found.score.value == pytest.approx(1.25 / 3)
    assert found.all.accuracy.value == pytest.approx(1 / 3)


def test_judges_are_counted_and_all_of_it_is_json() -> None:
    found = summarise([graded("a", by="judge"), graded("b"), graded("c", 0.0, by="judge")])
    assert found.judged == 2
    assert json.loads(json.dumps(found.told()))["n"] == 3
    nothing = summarise([])
    assert (nothing.all.n, nothing.all.ci95, nothing.samples) == (0, (0.0, 1.0), 0)
    assert json.dumps(nothing.told())
