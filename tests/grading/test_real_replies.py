"""Replies that models really gave to benchmarks: most are decided, and as the benchmarks' authors decided.

An official verdict is that of an official rule, which calls some right answers wrong; so agreement is asked
for, not equality. Real answers are only read here.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.task import Task
from deepeyes.grading.rules import grade

BESIDE = Path(__file__).parents[3] / "shared/data/verdicts"
FOLDER = Path(os.environ.get("DEEPEYES_VERDICTS") or BESIDE)
LETTER = AnswerKind.letter


def rows(name: str) -> Iterator[dict[str, Any]]:
    path = FOLDER / f"{name}.jsonl"
    if not path.is_file():
        pytest.skip(f"{name}.jsonl is not in {FOLDER}")
    yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def measured(pairs: Iterator[tuple[dict[str, Any], str, AnswerForm]]) -> tuple[float, float, list[str]]:
    """The share that is decided, the share of right verdicts that are official, and what was missed."""
    count, decided, right, false, missed = 0, 0, 0, 0, list[str]()
    for row, reference, form in pairs:
        verdict = grade(Task(id=row["id"], question="?", answer=reference, answer_form=form), row["response"])
        count += 1
        decided += not verdict.is_unsure
        right += verdict.is_right
        false += verdict.is_right and not row["correct"]
        if verdict.is_wrong and row["correct"] and verdict.reason != "refused":
            missed.append(row["response"])
    return decided / count, 1 - false / right, missed


@pytest.mark.parametrize("name", ["blink_val", "mmmu_pro_gpt4o"])
def test_letters(name: str):
    decided, agreement, missed = measured(
        (row, row["answer"], AnswerForm(kind=LETTER, options=row.get("options", ()))) for row in rows(name)
    )
    assert decided >= 0.9
    assert agreement >= 0.99
    assert not missed


def test_numbers_and_mathematics():
    items = {item["id"]: item["answer"] for item in rows("mathvision_items") if not item["options"]}
    decided, agreement, missed = measured(
        (row, items[row["id"]], AnswerForm())
        for row in rows("mathvision_preds")
        if row["id"] in items and int(row["id"]) % 4 == 0
    )
    assert decided >= 0.9
    assert agreement >= 0.97
    assert not missed


def test_numbers_in_sentences():
    items = {item["id"]: item for item in rows("mathvista_items") if item["at"] == "integer"}
    decided, agreement, missed = measured(
        (row, items[row["id"]]["answer"], AnswerForm(kind=AnswerKind.number))
        for row in rows("mathvista_preds")
        if row["id"] in items and int(row["id"]) % 2 == 0
    )
    assert decided >= 0.7
    assert agreement >= 0.99
    assert len(missed) <= 5, missed
