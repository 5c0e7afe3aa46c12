"""Files of answers that people judged: their layouts, and what cannot be read."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from deepeyes.core.errors import InputError
from deepeyes.core.verdict import Outcome
from deepeyes.eval.people import Columns, read_verdicts

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "verdicts"
VERDICTS = Path(os.environ.get("DEEPEYES_VERDICTS", SHARED))
PLAIN = {"question": "Where?", "gold": "Paris", "answer": "Rome", "correct": False}


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(*rows: Any) -> Path:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


@pytest.mark.parametrize(
    ("row", "golds"),
    [
        (PLAIN, ("Paris",)),
        ({**PLAIN, "gold": ["Paris", "", "Lutetia"]}, ("Paris", "Lutetia")),
        ({"question": "Where?", "golds": ["Paris"], "answer": "Rome", "correct": 0}, ("Paris",)),
        ({"question": "Where?", "answer": "Paris", "response": "Rome", "correct": "no"}, ("Paris",)),
        ({"question": "Where?", "answers": ["Paris"], "prediction": "Rome", "correct": "FALSE"}, ("Paris",)),
        ({"question": "Where?", "gold": 7, "answer": "Rome", "correct": "wrong"}, ("7",)),
        ({**PLAIN, "gold": "a/b"}, ("a/b",)),
    ],
)
def test_the_plain_layouts_are_read(file: Any, row: dict[str, Any], golds: tuple[str, ...]) -> None:
    (read,) = read_verdicts(file(row)).rows
    assert (read.task.question, read.answer, read.correct, read.other) == ("Where?", "Rome", False, None)
    assert (read.task.answer, *read.task.answers) == golds


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ("Yes", Outcome.right),
        ("No", Outcome.wrong),
        ("I can", Outcome.unsure),
        ("", Outcome.unsure),
        (None, None),
    ],
)
def test_another_judges_verdict_is_read(file: Any, said: str | None, other: Outcome | None) -> None:
    assert read_verdicts(file({**PLAIN, "gpt4": said})).rows[0].other is other


def test_several_systems_in_a_line_are_several_answers(file: Any) -> None:
    row = {"question": "Where?", "gold": "Paris/Lutetia", "improper": False}
    good = {**row, "answers": {"one": ["in Paris", True], "two": ["Rome", False], "three": ["", None]}}
    read = read_verdicts(file(good, {**good, "improper": True}))
    assert [(row.answer, row.correct) for row in read.rows] == [("in Paris", True), ("Rome", False)]
    assert read.rows[0].task.answers == ("Lutetia",)
    assert read.left_out == 4


def test_columns_can_be_named(file: Any) -> None:
    row = {"q": "Where?", "truth": "Paris", "said": "Rome", "human": "yes", "judge": "no", "answer": "x"}
    names = ["question=q", "gold=truth", "answer=said", "correct=human", "other=judge"]
    (read,) = read_verdicts(file(row), Columns.named(names)).rows
    assert (read.task.answer, read.answer, read.correct, read.other) == ("Paris", "Rome", True, Outcome.wrong)


@pytest.mark.parametrize("pair", ["golds=x", "gold", "gold=", "=x"])
def test_a_column_that_there_is_not_is_refused(pair: str) -> None:
    with pytest.raises(InputError, match="names no column: write KEY=NAME, KEY: question, gold"):
        Columns.named([pair])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([1], "is no object"),
        ({"gold": "Paris", "answer": "Rome", "correct": True}, "has no question"),
        ({**PLAIN, "gold": " "}, "has no reference"),
        ({"question": "Where?", "answer": "Rome", "correct": True}, "does not tell the reference from"),
        ({"question": "Where?", "gold": "Paris", "correct": True}, "does not tell the reference from"),
        ({**PLAIN, "correct": "perhaps"}, r"has a verdict that is neither true nor false \('perhaps'\)"),
        ({"question": "Where?", "gold": "Paris", "answer": "Rome"}, "has no correct"),
        (
            {"question": "Where?", "gold": "P", "answers": {"one": "Rome"}},
            r"has no \[text, correct\] for one",
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_an_error_with_its_number(file: Any, row: Any, words: str) -> None:
    with pytest.raises(InputError, match=f"line 2 of .*rows.jsonl {words}"):
        read_verdicts(file(PLAIN, row))


def test_a_file_without_any_verdict_is_refused(file: Any) -> None:
    with pytest.raises(InputError, match="holds no answer that people judged"):
        read_verdicts(file({**PLAIN, "correct": None}))
    with pytest.raises(InputError, match=r"reading .*missing"):
        read_verdicts(Path("missing.jsonl"))


def test_an_image_lies_beside_its_file(file: Any) -> None:
    path = file({**PLAIN, "image": "images/1.png"})
    assert read_verdicts(path).rows[0].image == path.parent / "images" / "1.png"


@pytest.mark.skipif(not VERDICTS.is_dir(), reason="the verdicts of people are not on this machine")
def test_the_files_of_people_are_read_whole() -> None:
    evouna = read_verdicts(VERDICTS / "evouna_human.jsonl")
    lines = [json.loads(line) for line in (VERDICTS / "evouna_human.jsonl").open()]
    assert len(evouna.rows) + evouna.left_out == sum(len(line["answers"]) for line in lines)
    nq301 = read_verdicts(VERDICTS / "nq301_human.jsonl")
    assert nq301.left_out == 0 and all(row.other is not None for row in nq301.rows)
