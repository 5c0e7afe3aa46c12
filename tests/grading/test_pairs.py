"""Pairs of a reference and a bare answer: what must be right, and what must never be."""

from __future__ import annotations

import time

import pytest

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.task import Task
from deepeyes.core.verdict import Outcome
from deepeyes.grading.rules import grade


def outcome(reference: str, answer: str, form: AnswerForm | None = None) -> Outcome:
    task = Task(id="t", question="What is it?", answer=reference, answer_form=form or AnswerForm())
    return grade(task, answer).outcome


SAME = [
    *[
        ("2nd", "2ⁿᵈ"),
        ("2nd", "$2^{\\text{nd}}$"),
        ("12", "<b>12</b>"),
        ("10²", "10<sup>2</sup>"),
        ("CO2", "CO<sub>2</sub>"),
        ("AT&T", "AT&amp;T"),
        ("it's", "it&#39;s"),
        ("a < b", "a &lt; b"),
        ("640x480", "640 × 480"),
        ("a → b", "a -> b"),
        ("1707 - 1778", "1707–1778"),
        ("1:2", "10:20"),
    ],
    *[
        ("$\\alpha$", "α"),
        ("$\\angle ABC$", "∠ABC"),
        ("$\\overline{AB}$", "AB"),
        ("$\\mathbb{R}$", "(-\\infty, \\infty)"),
        ("ℝ", "$\\mathbb R$"),
        ("$\\emptyset$", "{}"),
        ("$a-b$", "-b+a"),
        ("x+y", "y+x"),
    ],
    *[
        ("March 3, 2021", "the 3rd of March, 2021"),
        ("12 January 2020", "January the 12th, 2020"),
        ("2021.03.03", "March 3, 2021"),
        ("红色和蓝色", "蓝色、红色"),
        ("A$5", "5 Australian dollars"),
        ("US $5", "5 dollars"),
        ("5 nF", "5000 pF"),
        ("5 psi", "5 pounds per square inch"),
        ("5 H", "5 hours"),
        ("5 H", "5 henries"),
        ("100 Mbps", "100 Mbit/s"),
        ("500 MB", "500mb"),
        ("0.1 M", "0.1 mol/L"),
        ("5M", "5 million"),
        ("300 K", "300"),
        ("4K", "4000"),
    ],
]


@pytest.mark.parametrize(("reference", "answer"), SAME)
def test_another_notation_of_the_reference_is_right(reference: str, answer: str) -> None:
    assert outcome(reference, answer) is Outcome.right


DIFFERENT = [
    *[
        ("$5", "A$5"),
        ("5 nF", "5 pF"),
        ("2019.5", "2019.05"),
        ("5 mol/L", "6 M"),
        ("x-y", "y-x"),
        ("1:2", "1:12"),
    ],
    *[("[[1, 2], [3, 4]]", "[[1, 2], [3, 5]]"), ("[2, 3, 5, 7]", "[2, 3, 5, 8]")],
    *[("10²", "10<sup>3</sup>"), ("2nd", "3ʳᵈ"), ("[0,1)", "(0,1]")],
]


@pytest.mark.parametrize(("reference", "answer"), DIFFERENT)
def test_another_value_is_wrong(reference: str, answer: str) -> None:
    assert outcome(reference, answer) is Outcome.wrong


OPEN = [
    *[("1.234", "1234"), ("1,000", "1.000"), ("1,5", "1.5"), ("1.5", "1,5"), ("1·5", "1.5")],
    *[("555-1234", "5551234"), ("978-0-306-40615-7", "9780306406157"), ("3-D", "3D"), ("5-6", "5")],
    *[("5", "60 months"), ("5", "12.7 cm"), ("1/3", "33%"), ("33%", "1/3")],
]


@pytest.mark.parametrize(("reference", "answer"), OPEN)
def test_what_notation_leaves_open_is_unsure(reference: str, answer: str) -> None:
    assert outcome(reference, answer) is Outcome.unsure


NEVER_RIGHT = [
    *[("5-6", "-1"), ("3-1", "2"), ("3 - 1", "2"), ("2021-10-12", "1999"), ("10–4", "6")],
    *[("3:45", "1:15"), ("10:30", "10;30"), ("10:30", "1:03"), ("1:2", "(1,2)"), ("1:2", "1;2")],
    *[("4K", "4"), ("5M", "5"), ("1990s", "1990"), ("4K", '4"'), ("300 K", "300°")],
    *[("5 MB", "5 Mb"), ("5 MB", "It is 5 Mb"), ("5 Mg", "It is 5 mg.")],
    *[("$-x$", "x"), ("x", "It is -x"), ("10", "ten (11)"), ("2", "₂")],
    *[("[0,1)", "[0,1]"), ("[0,1)", "(0,1)"), ("[0,1)", "It is (0,1]."), ("[1, 2, 3, 4]", "[1, 2, 3, 5]")],
    *[("x-y", "x y"), ("10<sup>2</sup>", "102"), ("$0.\\overline{3}$", "0.3"), ("$\\pi$", "\\Pi")],
]


@pytest.mark.parametrize(("reference", "answer"), NEVER_RIGHT)
def test_other_content_is_never_right(reference: str, answer: str) -> None:
    assert outcome(reference, answer) is not Outcome.right


def test_rows_in_another_order_may_be_points_but_their_numbers_have_their_places() -> None:
    listed = AnswerForm(kind=AnswerKind.list)

    assert outcome("[[1, 2], [3, 4]]", "[[1, 2], [3, 4]]", listed) is Outcome.right
    assert outcome("[[1, 2], [3, 4]]", "[[3, 4], [1, 2]]", listed) is Outcome.unsure
    assert outcome("[[1, 2], [3, 4]]", "[[2, 1], [3, 4]]", listed) is Outcome.wrong
    assert outcome("[1, 2]", "[2, 1]", listed) is Outcome.right


def test_four_numbers_are_a_box_where_the_task_says_so() -> None:
    box = AnswerForm(kind=AnswerKind.box)

    assert outcome("[2, 3, 6, 7]", "[2, 3, 6, 8]", box) is Outcome.right
    assert outcome("[2, 3, 6, 7]", "[2, 3, 6, 8]") is Outcome.wrong
    assert outcome("[20, 30, 60, 70]", "[20, 30, 60, 71]") is Outcome.right


COSTLY = [
    *["10^{10^{10^{10}}}", "9^{9^{9^9}}", "\\binom{100000}{50000}", "100000!", "1/0"],
    *["5" + "!" * 900, "5" + "°" * 900, "(" * 500 + "5" + ")" * 500, "\\sqrt{" * 150 + "5" + "}" * 150],
    *["+".join(["\\sin 1"] * 120), "2^{1/1000000007}", "2^{0.123456789}", "1e999", "^".join("2" * 400)],
]


@pytest.mark.parametrize("answer", COSTLY)
@pytest.mark.parametrize("reference", ["$5$", "$2^{0.12345678901}$", "$10^{10^{10^{11}}}$", "0"])
def test_what_has_no_value_costs_no_time(
    reference: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepeyes.grading.maths.comparing.proves_equal", _must_not_be_asked)
    start = time.process_time()

    assert outcome(reference, answer) is not Outcome.right
    assert time.process_time() - start < 0.5


def _must_not_be_asked(one: str, other: str) -> bool:
    raise AssertionError(f"algebra was asked about {one} and {other}")


def test_algebra_may_fail_only_twice_in_one_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("deepeyes.grading.maths.comparing.proves_equal", lambda one, other: asked.append(one))
    items = [f"\\sin {number}" for number in range(2, 12)]
    others = [f"{item} + \\ln 2 - \\ln 4 + \\ln 2" for item in items]

    found = outcome(rf"$\{{{', '.join(items)}\}}$", rf"$\{{{', '.join(others)}\}}$")

    assert (found, len(asked)) == (Outcome.unsure, 2)
