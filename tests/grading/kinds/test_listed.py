"""Lists: the same things in any dress, and in order where order counts."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.core.answers import AnswerForm
from deepeyes.grading.kinds.listed import LISTED

FREE, CLOSED, ORDERED = AnswerForm(), AnswerForm(closed=True), AnswerForm(ordered=True)


def same(answer: str, reference: str, form: AnswerForm = FREE) -> bool | None:
    one, other = LISTED.read(answer, form), LISTED.read(reference, form)
    return None if one is None or other is None else LISTED.same(one, other, form)


NOTATIONS = {
    "words": [
        *[
            "red, blue and green",
            "Red, Blue, Green",
            "green; blue; red",
            "red, blue, and green",
            "[red, blue, green]",
        ],
        *[
            "- red\n- blue\n- green",
            "1. red\n2. blue\n3. green",
            "* Green\n* Red\n* Blue",
            "red\nblue\ngreen",
            "{red, blue, green}",
        ],
        *[
            "**red**, **blue** & **green**",
            "red、blue、green",
            '["red", "blue", "green"]',
            "(a) red\n(b) blue\n(c) green",
        ],
        *["the red, the blue and the green."],
    ],
    "two": ["red and blue", "blue, red", "red & blue", "[red; blue]"],
    "numbers": [
        "1, 2 and 3",
        "[1, 2, 3]",
        "{3, 2, 1}",
        "1; 2; 3",
        "\\{1, 2, 3\\}",
        "$\\{1,2,3\\}$",
        "one, two and three",
        "1.0, 2, 3",
        "1,2,3",
    ],
    "decimals": ["0.5 and 1.5", "1/2, 3/2", "[.5, 1½]", "{½, 1.50}"],
    "a pair": ["(3, -4)", "(3,-4)", "$(3, -4)$", "(3.0, −4)", "\\left(3, -4\\right)", "P = (3, -4)"],
    "pairs": ["[(1, 2), (3, 4)]", "(3, 4) and (1, 2)", "{(1,2), (3,4)}", "(1, 2); (3, 4)"],
    "years": ["[2014, 2016]", "2014 and 2016", "2016, 2014"],
    "thousands": ["1,234, 5,678", "[1234, 5678]", "5 678; 1 234", "5678 and 1,234"],
    "languages": ["rot und blau", "rot, blau", "rot et blau", "rot y blau", "rot和blau"],
    "units": ["3 cm, 40 mm", "[3 cm; 4 cm]", "30 mm and 4 cm"],
    "days": ["3 March and 4 April", "March 3; April 4"],
    "repeated": ["1, 1, 2", "[1, 2, 1]", "{2, 1, 1}"],
    "one": ["[7]", "{7}", "{7.0}"],
}


@pytest.mark.parametrize("texts", NOTATIONS.values(), ids=NOTATIONS)
def test_notations_of_one_list_are_the_same(texts: list[str]):
    assert [(one, two) for one in texts for two in texts if same(one, two) is not True] == []


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        *[
            ("1, 2", "1, 2, 3"),
            ("1, 2, 3", "1, 2"),
            ("1, 1, 2", "1, 2, 2"),
            ("(3, 4)", "(4, 3)"),
            ("1, 2, 4", "1, 2, 3"),
        ],
        *[
            ("[(1, 2), (3, 4)]", "[(2, 1), (3, 4)]"),
            ("2014, 2015", "2014, 2016"),
            ("3 cm, 4 cm", "3 cm, 4 m"),
        ],
    ],
)
def test_other_numbers_are_wrong(answer: str, reference: str):
    assert same(answer, reference) is False


def test_order_counts_where_the_form_says_so():
    assert same("red, blue", "blue, red") is True
    assert same("1, 2", "2, 1", ORDERED) is False
    assert same("red, blue", "blue, red", ORDERED) is None
    assert same("red, blue", "blue, red", AnswerForm(ordered=True, closed=True)) is False
    assert same("3, 4", "(3, 4)") is True
    assert same("4, 3", "(3, 4)") is None
    assert same("(4, 3)", "3, 4") is True


def test_free_words_are_never_wrong():
    assert same("red, blue", "red, navy") is None
    assert same("red, blue, green", "red, blue") is None
    assert same("red, 3", "red, 4") is None


def test_closed_words_can_be_wrong():
    assert same("red, blue", "red, green", CLOSED) is False
    assert same("red, blue, green", "red, blue", CLOSED) is False
    assert same("red, blue", "blue, red", CLOSED) is True


def test_a_decimal_comma_parts_no_items():
    comma = AnswerForm(decimal_comma=True)
    assert same("1,5; 2,5", "5/2; 3/2", comma) is True
    assert LISTED.read("1,5", comma) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "red",
        "12",
        "1,234",
        "1,234,567",
        "(red)",
        "f(x)",
        "sand",
        "the red sand",
        ",",
        "()",
        "[]",
        "Anderson",
    ],
)
def test_one_thing_is_no_list(text: str):
    assert LISTED.read(text, FREE) is None


def test_a_list_is_shown_in_one_line():
    shown = [LISTED.show(LISTED.read(text, FREE) or ()) for text in ("Red and Blue", "(3, 4)")]
    assert shown == ["[red, blue]", "(3, 4)"]


ITEMS = st.lists(
    st.integers(-99, 99).map(str) | st.sampled_from(["red", "blue", "one half", "1/2", "K6"]),
    min_size=2,
    max_size=6,
)


@given(
    ITEMS,
    st.randoms(use_true_random=False),
    st.sampled_from([", ", "; ", "\n", "\n- "]),
    st.sampled_from(["{}", "[{}]"]),
)
def test_a_list_is_the_same_in_any_order_and_dress(items: list[str], random, sign: str, dress: str):
    mixed = [*items]
    random.shuffle(mixed)
    dressed = ("- " if sign == "\n- " else "") + sign.join(mixed)
    assert same(dressed if "\n" in sign else dress.format(dressed), ", ".join(items)) is True


@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=4), st.lists(st.integers(0, 9), min_size=2, max_size=4)
)
def test_other_numbers_are_never_the_same(one: list[int], other: list[int]):
    assert same(str(one), str(other)) is (sorted(one) == sorted(other))


@given(st.text() | st.text(alphabet="0123456789,;()[]{}\n-. and&"))
def test_any_text_is_read_or_not(text: str):
    reading = LISTED.read(text, FREE)
    if reading is not None:
        assert LISTED.same(reading, reading, FREE) is True
        assert "\n" not in LISTED.show(reading)


@pytest.mark.parametrize(
    "unit",
    ["1,", "(", "[", "(1,", "[1,2],", "a and ", ";", "\n", "- a\n", "{", "()", "1\n", "、", "& ", "\0"],
)
@pytest.mark.parametrize("length", [390, 19_000, 60_000])
def test_long_runs_end_soon(unit: str, length: int):
    text = unit * (length // len(unit))
    started = time.process_time()
    reading = LISTED.read(text, FREE)
    if reading is not None:
        LISTED.same(reading, reading, FREE)
        LISTED.same(reading, LISTED.read("2" + text[1:], FREE) or reading, FREE)
    assert time.process_time() - started < 1
