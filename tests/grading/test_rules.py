"""Grading by rule: notation does not matter, content does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.core.errors import InputError
from deepeyes.core.task import Task
from deepeyes.grading.notation import canonical
from deepeyes.grading.rules import grade


def score(reference: str, answer: str | None, *others: str) -> float:
    return grade(Task(id="t", question="?", answer=reference, answers=others), answer).score


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("red", "Red"),
        ("red", " red.\n"),
        ("red", "**Red**"),
        ("red", '"red"'),
        ("red", "The answer is red."),
        ("red", "Answer: red"),
        ("traffic light", "a traffic  light"),
        ("the cat", "cat"),
        ("light blue", "light-blue"),
        ("3", "three"),
        ("three", "3"),
        ("20", "Twenty"),
        ("3", "3.0"),
        ("1234", "1,234"),
        ("1,234.5", "1234.50"),
        ("-5", "−5"),
        ("7", "\\boxed{7}"),
        ("7", "$\\boxed{7}$"),
        ("Café", "CAFE\u0301"),
        ("A", "a"),
        ("!", "!"),
        ("12:45", "12:45"),
        ("0", "zero"),
    ],
)
def test_equal(reference: str, answer: str):
    assert score(reference, answer) == 1


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("red", "blue"),
        ("red", "red or blue"),
        ("red", "The sign is red, I think"),
        ("007", "7"),
        ("-5", "5"),
        ("1.5", "15"),
        ("50%", "50"),
        ("twenty one", "21"),
        ("ab", "a b"),
        ("10", "100"),
        ("1,2", "12"),
        ("red", None),
        ("red", "  "),
    ],
)
def test_different(reference: str, answer: str | None):
    assert score(reference, answer) == 0


def test_alternatives_count():
    assert score("grey", "gray", "gray") == 1


def test_reasons_say_why():
    task = Task(id="t", question="?", answer="red")
    assert grade(task, "blue").reason == "expected 'red'"
    assert grade(task, "red").reason == "equals 'red'"
    assert grade(task, None).reason == "no answer"


def test_without_a_reference_there_is_nothing_to_grade():
    with pytest.raises(InputError, match="no reference answer"):
        grade(Task(id="t", question="?"), "red")


@given(st.text())
def test_any_text_equals_itself(text: str):
    if text.strip():
        assert score(text, text) == 1
    assert isinstance(canonical(text), str)
