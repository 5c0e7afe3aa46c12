r"""Mathematics is the same in every notation, different only where values prove it, and never hangs."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.grading.kinds.maths import MATHS
from deepeyes.grading.maths.algebra import SECONDS_TO_ANSWER, SECONDS_TO_START

FORM = AnswerForm()
DECLARED = AnswerForm(kind=AnswerKind.maths)


def same(one: str, other: str, form: AnswerForm = FORM) -> bool | None:
    """The verdict on a pair, which must be the same the other way round."""
    left, right = MATHS.read(one, form), MATHS.read(other, form)
    assert left is not None, f"{one} is not read"
    assert right is not None, f"{other} is not read"
    verdict = MATHS.same(left, right, form)
    assert verdict is MATHS.same(right, left, form)
    return verdict


NOTATIONS = [
    ("1/12", r"$\frac{1}{12}$"),
    ("½", r"\(\frac12\)"),
    (".5", "0.5"),
    (r"1\frac{1}{2}", "1 1/2"),
    ("1½", "3/2"),
    (r"0.\overline{3}", "1/3"),
    ("0.1(6)", r"\frac{1}{6}"),
    ("1,000", "1000"),
    ("12 000", "12{,}000"),
    ("3 × 10^5", "3e5"),
    ("45^2", "45²"),
    ("5!", "120"),
    ("2π", r"$2 \pi$"),
    ("2pi", "2 π"),
    ("π/4", r"\dfrac{\pi}{4}"),
    ("√3/2", r"\frac{\sqrt{3}}{2}"),
    ("sqrt(3)/2", r"\frac{\sqrt3}2"),
    ("3*sqrt(2)", r"$3\sqrt{2}$"),
    ("√12", "2√3"),
    ("1/√3", r"\frac{\sqrt{3}}{3}"),
    ("√2·√3", "√6"),
    (r"20 \sqrt{ } 2", "20√2"),
    ("∛8", "2"),
    (r"\sqrt[3]{2}", "∛2"),
    (r"$6 \sqrt{3}+4 \pi$", "4π + 6√3"),
    (r"$2(\sqrt{2}-1)$", "2√2 - 2"),
    (r"\frac{3^{1008}-1}{3^{1009}}", "(3^1008 - 1)/3^1009"),
    (r"$\boxed{\frac{16}{7}}$", "16/7"),
    ("\frac{36}{13}", "36/13"),
    (r"\frac{360}7", "360/7"),
    (r"25/4 \\", "6.25"),
    ("x^2+1", "1 + x²"),
    ("(x+1)(x-1)", r"$x^{2}-1$"),
    ("x_1 + 2", "x₁+2"),
    ("2xy+1", "1+2yx"),
    (r"s^{2}-2 s", "s²-2s"),
    (r"\binom{5}{2}", "10"),
    ("log_2 8", r"\log_{2}(8)"),
    ("ln(e)", "1"),
    ("sin(30°)", r"\sin 30^\circ"),
    ("sin²x", r"\sin^{2}(x)"),
    (r"\tan^{-1}(x)", "arctan(x)"),
    ("2i+3", "3 + 2i"),
    ("i^2", "-1"),
    ("|-3|", "3"),
    ("∞", r"\infty"),
    ("120°", r"$120^{\circ}$"),
    ("69{degrees}", "69°"),
    (r"8\sqrt{3}{squareinches}", "8√3 square inches"),
    (r"$2 \sqrt{6} \mathrm{~cm}$", "2√6 centimeters"),
    (r"$\frac{3 \pi}{4} \mathrm{~cm}^{3}$", "3π/4 cm³"),
    ("6+π m", r"$6+\pi \mathrm{~m}$"),
    ("12√3", "12√3 cm"),
    ("(3, 4)", r"\left(3,4\right)"),
    ("{1,2}", r"\{2, 1\}"),
    ("2 and 3", "3 and 2"),
    ("±2", r"\{-2, 2\}"),
    ("2 ± √3", r"2\pm\sqrt{3}"),
    ("[0, 1)", r"\left[0,1\right)"),
    ("]0,1]", "(0,1]"),
    ("(-∞,1)∪(2,∞)", r"(-\infty,1)\cup(2,\infty)"),
    ("x>3", "3 < x"),
    ("x > 3", "(3, ∞)"),
    ("x ≤ 2 and x > 0", "0 < x ≤ 2"),
    ("x ∈ [1,2]", "1 ≤ x ≤ 2"),
    ("x = 5", "5"),
    ("x=2 or x=3", "x = 3 or x = 2"),
    ("x^2+-3x", "x²-3x"),
    ("f(x) = 2x", "2x"),
    ("y=2x+1", "2x - y + 1 = 0"),
    ("2x = 10", "x = 5"),
    ("a+b > c", r"$c<a+b$"),
    ("[[1,2],[3,4]]", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"),
    (r"\begin{bmatrix}1\\2\end{bmatrix}", "(1,2)"),
    ("1:2", "2 : 4"),
    ("1:2", "1/2"),
    ("2π/3", "120°"),
    ("１２＋√２", "12+√2"),
]
PROVEN_BY_ALGEBRA = [
    ("1/(√2-1)", "√2+1"),
    ("√(5+2√6)", "√2+√3"),
    ("cos(π/5)", "(1+√5)/4"),
    ("sin 2x", "2 sin x cos x"),
    ("ln 8", "3 ln 2"),
]
DIFFERENT = [
    ("√3/2", "√3/3"),
    ("1/2", "1/3"),
    ("2π", "2"),
    ("-1/2", "1/2"),
    ("10²", "102"),
    ("5!", "5"),
    ("3^1008", "3^1009"),
    ("x^2+1", "x^2+2"),
    ("x = 5", "x = 6"),
    ("x = 5", "6"),
    ("(3,4)", "(4,3)"),
    ("(1,2)", "(1,2,3)"),
    ("{1,2}", "{1,3}"),
    ("2 ± √3", "2 ± √2"),
    ("[0,1)", "[0,1]"),
    ("x > 3", "x > 4"),
    ("x > 3", "x ≥ 3"),
    ("[[1,2],[3,4]]", "[[1,2],[3,5]]"),
    ("1:2", "2:1"),
    ("120°", "60°"),
    ("12√3 cm", "12√2 cm"),
    ("∞", "5"),
    ("∞", "-∞"),
    ("4.8", "4.9"),
    ("4π", "13"),
    ("6%", "7"),
]
UNKNOWN = [
    ("√2", "1.414"),
    ("1/3", "0.333"),
    ("36π", "113"),
    ("6%", "0.06"),
    ("60%", "60"),
    ("x+1", "y+1"),
    ("x+1", "5"),
    ("x = 5", "y = 5"),
    ("(1,2)", "[1,2]"),
    ("(1,2)", "2, 1"),
    ("3, 2", "2, 3"),
    ("1/2π", "1/(2π)"),
    ("√2d", "√(2d)"),
    ("log 8", "ln 8"),
    ("5√2 cm", "5√2 mm"),
    ("3:1", "3"),
    ("3:1", "3 cm"),
    (r"2\text{ more}", "2"),
    ("(3,400)", "(3,4)"),
    ("9^9^9", "9^9^9+1"),
]
NO_MATHEMATICS = [
    "January", r"$\text{January}$", "red", "n/a", "N/A", "A/C", "he/she", "B", "x", "$x$", "(A)", r"\text{B}",
    "I", "", " ", "5 a day", "3 men", "007", "2024-05-06", "B-52", "H2O", "3rd", "Room 12", "the answer is 5",
    "0.333...", "5'", "{", r"\frac{1}{", r"\begin{pmatrix}1", "all of $P$, $Q$ and 2", "\ud800", "\x00",
    r"\max x^2", r"\det A+1", r"\sqrt.5", r"\frac1.5",
    "1.2.3", "1,2,", "=", "√", "(", "1 2", "\\", "$", "$$", "^", "2^", "9" * 401, "1" * 2000,
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), NOTATIONS)
def test_one_value_in_two_notations_is_the_same(one: str, other: str) -> None:
    assert same(one, other) is True


@pytest.mark.parametrize(("one", "other"), PROVEN_BY_ALGEBRA)
def test_what_only_algebra_shows_is_the_same(one: str, other: str) -> None:
    assert same(one, other) is True


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_values_or_structures_tell_apart_is_different(one: str, other: str) -> None:
    assert same(one, other) is False


@pytest.mark.parametrize(("one", "other"), UNKNOWN)
def test_what_depends_on_what_is_not_said_is_unknown(one: str, other: str) -> None:
    assert same(one, other) is None


@pytest.mark.parametrize("text", NO_MATHEMATICS)
def test_what_is_no_mathematics_is_not_read(text: str) -> None:
    assert MATHS.read(text, FORM) is None


def test_the_order_of_a_bare_list_counts_as_the_form_says() -> None:
    assert same("3, 2", "2, 3", DECLARED) is True
    assert same("3, 2", "2, 3", AnswerForm(ordered=True)) is False


def test_a_value_may_be_off_by_the_tolerance_of_the_form() -> None:
    assert same("1.41", "√2", AnswerForm(tolerance=0.01)) is True
    assert same("1.31", "√2", AnswerForm(tolerance=0.01)) is False


def test_a_value_is_shown_as_it_was_written() -> None:
    assert MATHS.show(MATHS.read(r"$2 \pi$", FORM)) == r"2 \pi"


@pytest.mark.parametrize(
    "text",
    [
        "{" * 50_000,
        r"\frac" * 2_000 + "2",
        r"\frac{1}{" * 2_000,
        "(" * 900,
        "-" * 900 + "1",
        "√" * 900 + "2",
        "1+" * 450 + "1",
        "x^" * 450 + "x",
        "(x+1)" * 190,
        "(1+√2)^" + "9" * 300,
        "10^10^10",
        "(10^10^10)!",
        r"\binom{10^9}{10^8}",
        "9" * 400 + "!",
        "2^" * 100 + "2",
        r"\sum_{n=1}^{10^{9}} \sin(n)",
        r"\int_{0}^{1} x^x dx",
        "1/" * 450 + "0",
        "0^0^0",
        "$" * 900,
        "√(" * 300 + "2",
    ],
)
def test_reading_anything_takes_a_moment(text: str) -> None:
    begun = time.process_time()
    MATHS.read(text, FORM)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "run", [*"1a. \\$^_{}()[]+-*/√π²½°%!|,;:=<'\"~&", "{}", "\\ ", "1 ", "$a", "1,", "^{"]
)
def test_long_runs_of_one_kind_take_a_moment(run: str) -> None:
    for text in (run * (990 // len(run)), run * (980 // len(run)) + "a$1"):
        begun = time.process_time()
        MATHS.read(text, FORM)
        assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "text",
    ["(x+1)^(10^9)", "x(10^10^10)!"],
)
def test_comparing_what_explodes_ends_in_the_limit(text: str) -> None:
    read, other = MATHS.read(text, FORM), MATHS.read("x*9^9^9^9", FORM)
    assert read is not None
    begun = time.monotonic()
    assert MATHS.same(read, other, FORM) is not True
    assert time.monotonic() - begun < SECONDS_TO_ANSWER + SECONDS_TO_START


_PIECES = [
    "1", "2", "0", ".5", "12", "007", "x", "y", "π", "e", "i", "∞", "√", r"\sqrt", r"\frac", "{", "}", "(",
    ")", "[", "]", r"\{", r"\}", "^", "_", "+", "-", "*", "/", "±", "=", "<", "≤", ":", ",", ";",
    "!", "|", "°",
    "%", " and ", " or ", " cm", r"\text{cm}", "sin", "log", "$", " ", r"\pi", r"\cup", "∪", "'", r"\\", "&",
]  # fmt: skip
_FORMULAS = st.lists(st.sampled_from(_PIECES), max_size=14).map("".join)


@settings(deadline=None, max_examples=300)
@given(_FORMULAS, _FORMULAS)
def test_comparing_anything_is_symmetric_and_never_raises(one: str, other: str) -> None:
    left, right = MATHS.read(one, FORM), MATHS.read(other, FORM)
    if left is None or right is None:
        return
    assert MATHS.same(left, left, FORM) is True
    assert MATHS.same(left, right, FORM) is MATHS.same(right, left, FORM)
    assert "\n" not in MATHS.show(left)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_reading_any_text_never_raises(text: str) -> None:
    MATHS.read(text, FORM)


@settings(deadline=None)
@given(st.fractions(max_denominator=10**6), st.fractions(max_denominator=10**6))
def test_fractions_are_the_same_exactly_if_their_values_are(one: Fraction, other: Fraction) -> None:
    left = rf"$\frac{{{one.numerator}}}{{{one.denominator}}}$"
    right = f"{other.numerator}/{other.denominator}"
    assert (same(left, right) is True) == (one == other)
