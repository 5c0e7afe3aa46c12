"""Rows of answers and references: columns are found or asked for, and a row that cannot be graded says so."""

from collections.abc import Iterator
from typing import Any

import pytest

import deepeyes
from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.errors import InputError
from deepeyes.core.verdict import Outcome
from deepeyes.grading.columns import Columns
from deepeyes.grading.rows import Answered, NoReference, answered_rows, grade_rows


def read(row: dict[str, Any], **columns: str) -> Answered:
    (one,) = answered_rows([("line 3 of f", row)], Columns(**columns))
    return one


def golds(row: dict[str, Any], **columns: str) -> tuple[str, ...]:
    task = read(row, **columns).task
    return (task.answer, *task.answers)


@pytest.mark.parametrize(
    "row",
    [
        {"answer": "7", "gold": "8"},
        {"answer": "7", "golds": ["8"]},
        {"answer": "7", "label": 8},
        {"prediction": "7", "answer": "8"},
        {"response": "7", "answer": "8", "solution": "It is 8 because ..."},
        {"response": "7", "solution": "8"},
        {"Model Answer": "7", "Ground-Truth": "8"},
        {"prediction": 7, "answers": [8]},
        {"output": "7", "target": "8", "question": "How many?"},
        {"generated_text": "7", "target": "8"},
        {"answers": "7", "reference": "8"},
        {"given": "7", "expected": "8", "outcome": "wrong"},
    ],
)
def test_the_usual_names_of_columns_are_known(row: dict[str, Any]) -> None:
    one = read(row)
    assert (one.answer, one.task.answer, one.task.answers) == ("7", "8", ())


def test_columns_can_be_named() -> None:
    row = {
        "mine": "7",
        "theirs": {"text": ["8", "eight"]},
        "prediction": "9",
        "gold": "10",
        "no": 5,
        "q": "Why?",
    }
    one = read(row, answer="mine", gold="theirs.text", id="no", question="q")
    assert one.answer == "7" and one.id == "5" and one.task.question == "Why?"
    assert (one.task.answer, one.task.answers) == ("8", ("eight",))
    assert read({"answer": "8", "x": "7"}, answer="x").task.answer == "8"
    assert read({"answer": "7", "x": "8"}, gold="x").answer == "7"
    assert read({"a.b": "7", "gold": "8"}, answer="a.b").answer == "7"
    several = {"answers": {"gpt": ["7", True]}, "gold": "8"}
    assert read(several, answer="answers.gpt.0").answer == "7"
    assert read(several, answer="answers.gpt.2").answer is None


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"text": "7", "gold": "8"}, ("text, gold", "--answer")),
        ({"prediction": "7", "truth": "8"}, ("prediction, truth", "--gold")),
        ({"prediction": "7", "response": "7", "gold": "8"}, ("'prediction' and 'response'", "--answer")),
        ({"answer": "7", "label": "7", "target": "8"}, ("'target' and 'label'", "--gold")),
        ({"answer": "7"}, ("has: answer", "--answer")),
        ({}, ("none", "--answer")),
    ],
)
def test_columns_that_cannot_be_told_are_asked_for(row: dict[str, Any], words: tuple[str, str]) -> None:
    with pytest.raises(InputError) as refused:
        read(row)
    assert all(word in str(refused.value) for word in words)


def test_references_are_texts_numbers_or_lists_of_them() -> None:
    assert golds({"prediction": "x", "gold": 7}) == ("7",)
    assert golds({"prediction": "x", "gold": [7.5, "7 1/2", None, " "]}) == ("7.5", "7 1/2")
    assert golds({"prediction": "x", "gold": True}) == ("yes",)
    assert golds({"prediction": "x", "answer": "a", "answers": ["b", "c"]}) == ("a", "b", "c")
    assert golds({"answers": "x", "answer": "a", "gold": "b"}) == ("b",)


def test_references_in_one_text_are_split_at_the_separator_that_is_told() -> None:
    assert golds({"prediction": "x", "gold": "1837/1834"}) == ("1837/1834",)
    assert golds({"prediction": "x", "gold": ["1837 / 1834/", "b"]}, separator="/") == ("1837", "1834", "b")
    row = {"prediction": "1834", "gold": "1837/1834"}
    assert [next(grade_rows([row], separator=mark)).outcome for mark in ("", "/")] == ["wrong", "right"]


def test_a_list_is_one_answer_where_the_form_says_so() -> None:
    assert golds({"prediction": "x", "gold": ["a", "b"], "kind": "list"}) == ("a, b",)
    assert golds({"prediction": "x", "gold": ["A", "C"], "several": True}) == ("A, C",)
    assert golds({"prediction": "x", "gold": [1, 2, 3, 4], "kind": "box"}) == ("[1, 2, 3, 4]",)
    assert read({"prediction": [1, 2, 3, 4], "gold": "0", "kind": "box"}).answer == "[1, 2, 3, 4]"
    assert read({"prediction": ["A", "C"], "gold": "0"}).answer == "A, C"


def test_rows_declare_the_form_of_their_answer() -> None:
    row = {
        "prediction": "x",
        "gold": "12",
        "kind": "number",
        "unit": "m",
        "precision": "2",
        "tolerance": 0.05,
        "closed": "true",
        "several": None,
        "options": {"B": "red", "A": "blue"},
    }
    form = read(row).task.answer_form
    wanted = {"unit": "m", "precision": 2, "tolerance": 0.05, "closed": True, "options": ("blue", "red")}
    assert form == AnswerForm(kind=AnswerKind.number, **wanted)  # type: ignore[arg-type]
    assert read({"prediction": "x", "gold": "1", "choices": '["a", "b"]'}).task.answer_form.options == (
        "a",
        "b",
    )
    assert (
        read({"prediction": "x", "gold": "1", "answer_form": {"overlap": 0.7}}).task.answer_form.overlap
        == 0.7
    )
    for plain in ({"kind": "read"}, {"options": []}, {"unit": ""}, {}):
        assert read({"prediction": "x", "gold": "1", **plain}).task.answer_form == AnswerForm()
    assert read({"prediction": "x", "gold": "1", "type": "date"}, kind="type").task.answer_form.kind == "date"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"prediction": "x", "gold": "1", "precision": "many"}, "precision = 'many'"),
        ({"prediction": "x", "gold": "1", "tolerance": -1}, "tolerance = -1"),
        ({"prediction": "x", "gold": "1", "options": "red or blue"}, "options"),
        ({"prediction": {"text": "x"}, "gold": "1"}, "prediction.text"),
        ({"prediction": "x", "gold": {"value": 1}}, "gold.value"),
        ({"prediction": 10**5000, "gold": "1"}, "prediction"),
    ],
)
def test_a_row_that_cannot_be_used_says_where_and_what(row: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refused:
        read(row)
    assert "line 3 of f" in str(refused.value) and words in str(refused.value)


def test_an_unknown_kind_in_the_named_column_is_an_error() -> None:
    with pytest.raises(InputError, match="kind = 'colour'"):
        read({"prediction": "x", "gold": "1", "type": "colour"}, kind="type")


@pytest.mark.parametrize("gold", [None, "", "  ", [], [None, ""]])
def test_a_row_without_a_reference_is_no_verdict(gold: Any) -> None:
    with pytest.raises(NoReference, match="row 2 has no reference in 'gold'"):
        list(grade_rows([{"answer": "7", "gold": "7"}, {"answer": "7", "gold": gold}]))


def test_a_missing_column_is_an_error_and_null_is_no_answer() -> None:
    rows = [{"answer": "7", "gold": "7"}, {"answer": None, "gold": "7"}, {"reply": "7", "gold": "7"}]
    verdicts = grade_rows(rows)
    assert next(verdicts).is_right
    assert next(verdicts).reason == "no answer"
    with pytest.raises(InputError, match="row 3 has no column 'answer'"):
        next(verdicts)


def test_rows_are_graded_one_by_one_as_they_come() -> None:
    drawn: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(1000):
            drawn.append(number)
            yield {"output": number, "target": number + number % 2}

    verdicts = deepeyes.grade_rows(rows())
    assert [next(verdicts).outcome for _ in range(3)] == [Outcome.right, Outcome.wrong, Outcome.right]
    assert len(drawn) == 3


def test_a_published_rule_can_decide() -> None:
    row = {"response": "The value is about 104", "answer": "100"}
    assert next(grade_rows([{**row, "response": "104"}], scorer="chartqa")).is_right
    with pytest.raises(InputError, match="no published rule"):
        next(grade_rows([row], scorer="nobody"))


@pytest.mark.parametrize(
    "text", ["\0", "\ud800", "x" * 50_000, "$" * 20_000, "\\frac{" * 5_000, "9" * 100_000]
)
def test_any_text_gets_a_verdict(text: str) -> None:
    for row in ({"answer": text, "gold": "7"}, {"answer": "7", "gold": text, "id": text, "question": text}):
        assert next(grade_rows([row])).outcome in Outcome


def test_options_may_stand_in_one_text() -> None:
    row = {"prediction": "A. blue", "answer": "B", "options": "(A) red\n(B) A. blue"}
    assert read(row).task.answer_form.options == ("red", "A. blue")
    with pytest.raises(InputError, match=r"line 3 of f has options that are no list.*A\. red B\. blue"):
        read({**row, "options": "red or blue"})
