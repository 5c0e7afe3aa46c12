"""Committed verdicts of benchmarks come out of rows in their own layout, through the entries, by their rules.

The data lies beside the checkout or in $DEEPEYES_VERDICTS; where it is missing these tests are skipped.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.registry import benchmark_named
from deepeyes.grading.scorers.registry import scorer_named

BESIDE = Path(__file__).parents[4] / "shared/data/verdicts"
FOLDER = Path(os.environ.get("DEEPEYES_VERDICTS") or BESIDE)
SMALL = FOLDER.parent / "mathvision_304"
Row = dict[str, Any]


def lines(name: str) -> list[Row]:
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def of_mathvista(item: Row) -> Row:
    return {
        "pid": item["id"],
        "question": "(not in the file)",
        "choices": item["choices"],
        "unit": item["unit"],
        "precision": None if item["precision"] is None else float(item["precision"]),
        "answer": item["answer"],
        "question_type": item["qt"],
        "answer_type": item["at"],
    }


def of_mathvision(item: Row) -> Row:
    return {**item, "question": "(not in the file)"}


def task_of(name: str, row: Row) -> Task:
    plan = benchmark_named(name).load()
    assert isinstance(plan, RowsPlan)
    return plan.task(Fields(row))


def differing(
    name: str, scorer: str, items: str, preds: str, layout: Callable[[Row], Row]
) -> tuple[int, list[Row]]:
    """How many verdicts there are, and the answers on which the rule and the committed verdict differ."""
    rule = scorer_named(scorer)
    tasks = {item["id"]: task_of(name, layout(item)) for item in lines(items)}
    answers = lines(preds)
    differ = [
        row
        for row in answers
        if rule.score_taken(tasks[row["id"]], row["extraction"]).is_right != row["correct"]
    ]
    return len(answers), differ


def test_mathvista_by_the_rule_of_its_committed_results() -> None:
    n, differ = differing(
        "mathvista", "mathvista_2023", "mathvista_items.jsonl", "mathvista_preds.jsonl", of_mathvista
    )
    assert n > 3000 and differ == []


def test_mathvision_but_one_in_a_thousand() -> None:
    n, differ = differing(
        "mathvision", "mathv", "mathvision_items.jsonl", "mathvision_preds.jsonl", of_mathvision
    )
    assert n > 3000 and len(differ) <= 0.001 * n


def test_logicvista() -> None:
    rule = scorer_named("logicvista")
    rows = [row for row in lines("logicvista_preds.jsonl") if row["answer"]]
    assert len(rows) > 1000
    for row in rows:
        task = task_of(
            "logicvista", {"question": "(not in the file)", "answer": row["answer"], "skill": ["x"]}
        )
        assert rule.score_taken(task, ", ".join(row["extraction"])).is_right == row["correct"], row["id"]


@pytest.mark.skipif(not SMALL.is_dir(), reason=f"{SMALL} is missing")
def test_all_of_mathvision_testmini_is_asked_with_its_images() -> None:
    plan = benchmark_named("mathvision").load(overrides=[f"source={SMALL}"]).checked()
    store = ImageStore()
    tasks = list(plan.tasks(store))
    assert plan.n == len(tasks) == 304 and all(len(task.images) == 1 for task in tasks)
    assert not [task.id for task in tasks if "<image" in task.question]
    lettered = [task for task in tasks if task.answer_form.options]
    assert len(lettered) == 190 and all(task.answer in "ABCDE" for task in lettered)
    rule = plan.grading.rule()
    assert all(rule(task, task.answer).is_right for task in tasks)
