"""What the rules for words call right, people call right; what they call a refusal, nobody calls right.

The verdicts are those of people on free factual answers (EVOUNA and NQ301). Real answers are only read here.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from deepeyes.core.answers import AnswerForm
from deepeyes.grading.kinds.text import TEXT
from deepeyes.grading.refusals import is_refusal
from deepeyes.grading.restated import restates

BESIDE = Path(__file__).parents[3] / "shared/data/verdicts"
FOLDER = Path(os.environ.get("DEEPEYES_VERDICTS") or BESIDE)
FORM = AnswerForm()


class Row(NamedTuple):
    question: str
    golds: list[str]
    answer: str
    correct: bool


def rows(name: str) -> Iterator[Row]:
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {FOLDER}")
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "answers" in row:
            golds = [row["gold"], *filter(str.strip, row["gold"].split("/"))]
            yield from (Row(row["question"], golds, *answer) for answer in row["answers"].values())
        else:
            yield Row(row["question"], row["gold"], row["response"], row["correct"])


def is_same(row: Row) -> bool:
    given = TEXT.read(row.answer, FORM)
    read = [TEXT.read(gold, FORM) for gold in row.golds]
    return given is not None and any(gold is not None and TEXT.same(given, gold, FORM) for gold in read)


def is_right(row: Row) -> bool:
    return is_same(row) or any(restates(row.answer, row.question, gold) for gold in row.golds)


def test_people_agree_with_what_is_called_right():
    right = [row for row in rows("evouna_human.jsonl") if is_right(row)]
    false = [row for row in right if not row.correct]
    assert len(right) >= 1_000
    assert len(false) <= 0.005 * len(right), false


def test_people_agree_with_every_text_that_is_called_the_same():
    right = [row for row in rows("evouna_human.jsonl") if is_same(row)]
    assert len(right) >= 400
    assert [row for row in right if not row.correct] == []


def test_of_what_people_reject_no_more_than_the_references_themselves_is_called_right():
    false = [row for row in rows("nq301_human.jsonl") if is_right(row) and not row.correct]
    beyond = [row for row in false if row.answer.casefold() not in {gold.casefold() for gold in row.golds}]
    assert len(false) <= 8
    assert len(beyond) <= 1, beyond


@pytest.mark.parametrize("name", ["evouna_human.jsonl", "nq301_human.jsonl"])
def test_nobody_calls_a_refusal_right(name: str):
    refusals = [row for row in rows(name) if is_refusal(row.answer)]
    assert len(refusals) >= 8
    assert [row for row in refusals if row.correct] == []
