"""What Inspect keeps of verdicts, and what is counted from it; needs no `inspect_ai`."""

import pytest

from deepeyes.analysis.stats import cluster_mean
from deepeyes.core.task import Task
from deepeyes.core.verdict import Verdict
from deepeyes.eval.inspect.told import labelled, overall, traces_of, value_of


def kept(
    task_id: str, score: float | None, *, tags: tuple[str, ...] = (), family: str = "f", group: str = ""
) -> tuple[dict[str, object], dict[str, object]]:
    task = Task(id=task_id, question="?", answer="a", family=family, tags=tags, group=group)
    verdict = Verdict(score=score, reason="so")
    sample = {"task": task.model_dump(mode="json")}
    return sample, {
        "answer": "a\ud800".encode("utf-8", "replace").decode(),
        "verdict": verdict.model_dump(mode="json"),
    }


@pytest.mark.parametrize(("score", "value"), [(1.0, "C"), (0.0, "I"), (None, "N"), (0.25, 0.25)])
def test_a_verdict_is_a_letter_and_partial_credit_a_number(score: float | None, value: object) -> None:
    assert value_of(Verdict(score=score)) == value


def test_what_nobody_can_decide_widens_the_interval_and_is_no_zero() -> None:
    sure = overall(traces_of([kept(f"t{n}", 1.0) for n in range(10)]))
    told = overall(traces_of([*(kept(f"t{n}", 1.0) for n in range(9)), kept("t9", None)]))
    assert told["unsure"] == 1 and sure["unsure"] == 0
    assert told["accuracy"] == 0.9 and told["accuracy_high"] == 1.0 and told["accuracy_n"] == 10


def test_epochs_of_a_task_and_tasks_of_a_group_are_not_independent() -> None:
    scores = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    for make in (
        lambda n: kept(f"t{n // 4}", scores[n]),
        lambda n: kept(f"t{n}", scores[n], group=f"g{n // 4}"),
    ):
        told = overall(traces_of([make(n) for n in range(8)]))
        clustered = cluster_mean(scores, [n // 4 for n in range(8)])
        assert (told["accuracy_low"], told["accuracy_high"]) == (clustered.low, clustered.high)
        assert told["accuracy_high"] - told["accuracy_low"] > 0.6
        assert told["accuracy_n"] == 8


def test_a_task_is_in_the_row_of_each_of_its_tags_and_families_have_rows_where_there_are_several() -> None:
    rows = [kept("a", 1.0, tags=("search", "reason")), kept("b", 0.0, tags=("search",)), kept("c", 1.0)]
    told = labelled(traces_of(rows))
    assert told["tag_search"] == 0.5 and told["tag_search_n"] == 2 and told["tag_reason"] == 1.0
    assert 0 < told["tag_search_low"] < told["tag_search_high"] < 1
    assert not [key for key in told if key.startswith("family_")]
    told = labelled(traces_of([*rows, kept("d", 0.0, family="g")]))
    assert told["family_g"] == 0.0 and told["family_f_n"] == 3


def test_partial_credit_has_its_mean() -> None:
    told = overall(traces_of([kept("a", 0.25), kept("b", 0.75)]))
    assert told["score"] == 0.5 and told["accuracy"] == 0.5


def test_nothing_scored_is_told_as_nothing_and_not_as_zero() -> None:
    assert overall([]) == {"accuracy_n": 0.0, "unsure": 0.0}
    assert labelled([]) == {}
