"""Badly written references: a verdict or a clear error, in bounded time, and no credit for a part of one."""

import time

import pytest

from deepeyes.core.errors import InputError
from deepeyes.core.task import Task
from deepeyes.core.verdict import Verdict
from deepeyes.grading.rules import grade

LONG = 50_000


def verdict(gold: str, answer: str, *others: str) -> Verdict:
    start = time.process_time()
    result = grade(Task(id="t", question="What is on the sign?", answer=gold, answers=others), answer)
    assert time.process_time() - start < 1
    return result


@pytest.mark.parametrize(
    ("gold", "part"),
    [
        ("Trick or Treat", "Treat"),
        ("Trick or Treat", "Trick"),
        ("Trick or Treat", "Treat or Trick"),
        ("Believe It or Not", "Believe It"),
        ("red or blue", "red"),
        ("red or blue", "blue"),
        ("red/blue", "red"),
        ("red, blue", "blue"),
        ("Paris, France", "France"),
        ("AC/DC", "AC"),
        ("km/h", "km"),
        ("1/2", "1"),
        ("1/2", "2"),
        ("2 or 3", "3"),
        ("x = 2 or x = 3", "2"),
        ("A or B", "A"),
        ("A/B", "A"),
        ("A, B", "B"),
        ("either red, blue or green", "red"),
        ("red (not blue)", "blue"),
        ("Georgia (country)", "country"),
    ],
)
def test_a_part_of_a_reference_is_not_right_and_the_whole_is(gold: str, part: str):
    assert not verdict(gold, part).is_right
    assert verdict(gold, gold).is_right


@pytest.mark.parametrize("both", ["red or blue", "red/blue", "red, blue", "blue, not red", "not red"])
def test_two_answers_in_one_are_not_right_where_one_is_asked_for(both: str):
    assert not verdict("red", both).is_right


def test_any_of_several_references_is_right_even_where_they_contradict_each_other():
    assert verdict("yes", "no", "no").is_right
    assert verdict("5", "6", "6").is_right
    assert verdict("red", "blue", "", "blue").is_right
    assert verdict("", "blue", "blue").is_right


@pytest.mark.parametrize("gold", ["", " ", "\n\t "])
def test_a_task_whose_references_are_all_empty_cannot_be_graded(gold: str):
    with pytest.raises(InputError, match="no reference answer"):
        verdict(gold, "red", gold)


@pytest.mark.parametrize(
    "gold", ["\x00", "a\x00b", "!", "()", "$", "'", "🌌", "\\boxed{", "\\frac{1}{", "é" * 300]
)
def test_odd_references_are_the_same_as_themselves_and_as_nothing_else(gold: str):
    assert verdict(gold, gold).is_right
    assert not verdict(gold, "red").is_right
    assert not verdict("red", gold).is_right


@pytest.mark.parametrize("odd", ["\ud800", "re\udfffd", "red\x00"])
def test_what_no_file_can_hold_is_graded_all_the_same(odd: str):
    assert not verdict("red", odd).is_right
    assert not verdict(odd, "red").is_right


@pytest.mark.parametrize(
    "piece", ["x", "red or ", "a/", "1,", "9", "(", "\\frac{1}{", "either a or ", "it is ", "$", "\n"]
)
def test_a_reference_or_an_answer_of_50_kilobytes_takes_no_time(piece: str):
    long = f"a{(piece * LONG)[:LONG]}"
    assert not verdict("red", long).is_right
    assert not verdict(long, "red").is_right
    verdict(long, long)
