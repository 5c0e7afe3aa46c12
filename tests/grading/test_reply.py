"""Statements of a reply: what is announced is found with its place and its clearness, and nothing else is."""

import pytest

from deepeyes.core.answers import AnswerForm
from deepeyes.grading.reply import shortened, stated, without_thoughts

FREE = AnswerForm()


def texts(reply: str) -> list[str]:
    return [statement.text for statement in stated(reply).statements if not statement.denied]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("The answer to this is Paris. It is old.", ["Paris"]),
        ("The answer is 3.5 m. Done.", ["3.5 m"]),
        ("The answer is Dr. Smith. Done.", ["Dr. Smith"]),
        ("The answer is J. K. Rowling.", ["J. K. Rowling"]),
        ("Answer:\n\n-5\n", ["-5"]),
        ("The answer is not A but B.", ["B"]),
        ("Answer: red\nAnswer: blue", ["red", "blue"]),
        ("İ" * 30 + " The answer is B.", ["B"]),
        ("\\boxed{\\frac{1}{2}}", ["\\frac{1}{2}"]),
        ("\\boxed{3}, \\boxed{5}", ["3, 5"]),
        ("\\boxed{3} is more than \\boxed{5}", ["3", "5"]),
        ("\\boxed{1 + \\boxed{2}}", ["1 + \\boxed{2}"]),
        ("\\boxed{12} " + "and more of it " * 400, ["12"]),
        ("\\boxed{never closed", ["never closed"]),
        ("<answer>B</answer> or <ANSWER>C</ANSWER>", ["C"]),
        ("<answer>B", ["B"]),
        ('{"answer": ["red", "blue"], "why": 1}', ['["red", "blue"]']),
        ("so we choose C here", ["C here"]),
        ("the option they choose is C", []),
        ("Solution A is darker.", []),
        ("The answer choices are red and blue.", []),
        ("Answers the question.", []),
        ("Nothing is announced here.", []),
    ],
)
def test_statements(reply: str, expected: list[str]):
    assert texts(reply) == expected


@pytest.mark.parametrize(
    "reply",
    [
        "Is the answer B?",
        "So the answer is B?",
        "If the answer is B, then it is dark.",
        "The wrong answer is B.",
        "The previous answer was B.",
        "The answer might be B.",
    ],
)
def test_what_nobody_states_is_no_statement(reply: str):
    assert texts(reply) == []


def test_denials_are_marked_as_such():
    for reply in (
        "The answer is not B.",
        "The answer isn't: B",
        "The answer is unknown.",
        "None of these is correct.",
    ):
        assert [statement.denied for statement in stated(reply).statements] == [True], reply


def test_marks_are_told_from_sentences():
    said, marked = stated("The answer is 5, so \\boxed{6}").statements
    assert (said.marked, marked.marked) == (False, True)
    assert said.at < marked.at


def test_a_reply_says_where_it_last_corrects_itself():
    assert stated("Wait, the answer is 5.").corrected == 0
    assert stated("The answer is 5. Wait, no. Wait.").corrected == len("The answer is 5. Wait, no. ")
    assert stated("x" * 5_000 + " The answer is 5. Wait.").corrected == 5_000 + len(" The answer is 5. ")
    assert stated("The answer is 5. It is green.").corrected == -1
    assert texts("The answer is 5. Wait, it is 6.") == ["5", "6"]
    assert texts("The answer is 5. It is green.") == ["5"]


def test_the_first_of_several_lettered_lines_is_not_stated():
    assert texts("Look at the answers below:\n\nA) plum\nB) pear\n") == []
    assert texts("Look at the answers below:\n\n- (A) plum\n- (B) pear\n") == []
    assert texts("The answer is:\n\nA) plum\n\nIt is ripe.") == ["A) plum"]


def test_thoughts_are_no_part_of_a_reply():
    assert without_thoughts("<think>A</think> B ") == "B"
    assert without_thoughts("A</think>B") == "B"
    assert without_thoughts("B <think>A") == "B"
    assert without_thoughts("a < b") == "a < b"


def test_shortened_takes_off_hedges_reasons_and_additions_in_this_order():
    rain = "about 12 m in all, because it rains"
    assert shortened(rain, AnswerForm(tolerance=0.1)) == [
        rain,
        "12 m in all, because it rains",
        "12 m in all",
        "12 m",
    ]
    assert shortened(rain, AnswerForm(precision=0)) == shortened(rain, AnswerForm(tolerance=0.1))
    assert shortened(rain, FREE) == [rain, "about 12 m in all", "about 12 m"]
    assert shortened("exactly 12 m", FREE)[-1] == "12 m"
    assert shortened("red for the left one", FREE, words=True) == ["red for the left one"]
    assert shortened("12 - 3", FREE) == ["12 - 3"]
    assert shortened("because", FREE) == ["because"]
