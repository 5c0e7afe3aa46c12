"""Words: the way of writing does not matter, the words do."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.core.answers import AnswerForm
from deepeyes.grading.kinds.text import TEXT

FREE = AnswerForm()
CLOSED = AnswerForm(closed=True)


def same(given: str, expected: str, form: AnswerForm = FREE) -> bool | None:
    return TEXT.same(TEXT.read(given, form), TEXT.read(expected, form), form)


NOTATION = [
    ("jane austen", "Jane Austen"),
    ("The Beatles", "Beatles"),
    ("Côte d’Ivoire", "côte d'ivoire"),
    ("“Hello”", "Hello"),
    ('"Hello" by Adele', "Hello by Adele"),
    ("light-blue", "light blue"),
    ("light–blue", "light-blue"),
    ("salt & pepper", "salt and pepper"),
    ("R&B", "R and B"),
    ("J. K. Rowling", "J.K. Rowling"),
    ("JK Rowling", "J. K. Rowling"),
    ("John F. Kennedy", "John F Kennedy"),
    ("Washington, D.C.", "washington, d. c."),
    ("Austin , Texas", "Austin, Texas"),
    ("Austin,Texas", "Austin Texas"),
    ("Spider-Man: Homecoming", "Spider Man Homecoming"),
    ("Yahoo! Inc", "Yahoo Inc"),
    ("Oliver – The Musical", "Oliver The Musical"),
    ("St. Louis", "Saint Louis"),
    ("St Louis", "St. Louis"),
    ("Mt. Everest", "Mount Everest"),
    ("US", "U.S."),
    ("the USA", "United States of America"),
    ("U. S.", "United States"),
    ("U.K.", "United Kingdom"),
    ("STRASSE", "Straße"),
]

FORGIVEN = [
    ("Cafe", "Café"),
    ("Sao Paulo", "São Paulo"),
    ("Tromso", "Tromsø"),
    ("Paris (France)", "Paris"),
    ("It (1990 film)", "It (1990 film)"),
    ("Inception (2010)", "Inception"),
    ("Dalí (the painter)", "Dali"),
    ("in the nucleus", "nucleus"),
    ("at Wembley", "Wembley"),
    ("in 1990", "1990"),
    ("the 2nd World War", "Second World War"),
    ("two years", "2 years"),
    ("COVID 19", "COVID-19"),
    ("October 20 1977", "October 20, 1977"),
]

OTHER = [
    ("Boeing 747", "Boeing 737"),
    ("not red", "red"),
    ("red or blue", "red"),
    ("red/blue", "red"),
    ("red, blue", "red"),
    ("cats", "cat"),
    ("Paris, France", "Paris"),
    ("Lexie Grey", "Dr. Lexie Grey"),
    ("Treat", "Trick or Treat"),
    ("K42", "K 42"),
    ("007", "7"),
    ("5'", "5"),
    ('5"', "5"),
    ("5!", "5"),
    ("C#", "C"),
    ("A+", "A"),
    ("5 - 3", "5 3"),
    ("x - y", "x y"),
    ("2-x", "2 x"),
    ("1, 2", "1 2"),
    ("0.3\u0305", "0.3"),
    ("x\u0304", "x"),
    ("péché", "pêche"),
    ("が", "か"),
    ("й", "и"),
    ("Main St.", "Main Saint"),
    ("St.", "Saint"),
    ("がっこう", "かっこう"),
    ("мой дом", "мои дом"),
    ("f (xy)", "f"),
    ("x-2", "x 2"),
    ("x - yz", "x yz"),
    ("Us", "USA"),
    ("Time", "In Time"),
    ("in Paris", "at Paris"),
    ("Mercury (not the planet)", "Mercury"),
    ("red (or blue)", "red"),
    ("Apollo (13)", "Apollo"),
    ("f (x)", "f"),
    ("Georgia (country)", "Georgia (state)"),
    ("Wembley", "Westminster"),
    ("The sign is red, I think", "red"),
]


@pytest.mark.parametrize(("given", "expected"), NOTATION)
def test_the_way_of_writing_does_not_matter(given: str, expected: str):
    assert same(given, expected) is True
    assert same(expected, given) is True
    assert same(given, expected, CLOSED) is True


@pytest.mark.parametrize(("given", "expected"), FORGIVEN)
def test_free_text_forgives_a_little_more_than_a_closed_form(given: str, expected: str):
    assert same(given, expected) is True
    assert same(expected, given) is True
    assert same(given, expected, CLOSED) is (True if given == expected else None)


@pytest.mark.parametrize(("given", "expected"), OTHER)
def test_other_words_are_never_right_and_in_free_text_never_wrong(given: str, expected: str):
    assert same(given, expected) is None
    assert same(expected, given) is None
    assert same(given, expected, CLOSED) is not True


@pytest.mark.parametrize(
    ("given", "expected", "verdict"),
    [
        ("blue", "red", False),
        ("K43", "K42", False),
        ("apple", "red apple", False),
        ("not red", "red", False),
        ("red or blue", "red", None),
        ("red/blue", "red", None),
        ("the colour of the car is red", "red", None),
        ("reddish", "red", False),
        ("what can be seen here is the colour of a ripe tomato", "red", None),
    ],
)
def test_in_a_closed_form_other_words_are_wrong_unless_they_hold_the_right_ones(
    given: str, expected: str, verdict: bool | None
):
    assert same(given, expected, CLOSED) is verdict


@pytest.mark.parametrize(("given", "verdict"), [("Green", True), ("the blue", False), ("crimson", None)])
def test_the_text_of_another_option_is_wrong(given: str, verdict: bool | None):
    assert same(given, "green", AnswerForm(options=("red", "green", "Blue"))) is verdict


def test_options_that_repeat_are_the_same():
    assert same("red", "Red", AnswerForm(options=("red", "red", "Red"))) is True


@pytest.mark.parametrize("text", ["\x00", "\ud800", "\u200b", " ", "!", "()", "🌌", "$", "\\boxed{"])
def test_every_short_text_can_be_read_and_is_the_same_as_itself(text: str):
    assert same(text, text) is True
    assert same(text, "red") is None
    TEXT.show(TEXT.read(text, FREE))


def test_a_report_is_no_bare_answer():
    assert TEXT.read("red " * 12_500, FREE) is None


@given(st.text(max_size=60), st.text(max_size=60), st.booleans())
def test_two_texts_are_compared_the_same_both_ways(one: str, other: str, closed: bool):
    form = AnswerForm(closed=closed)
    assert same(one, one, form) is True
    assert (same(one, other, form) is True) == (same(other, one, form) is True)
    if not closed:
        assert same(one, other, form) is not False


@pytest.mark.parametrize("piece", ["a", " ", ".", "a.", "-", "1-", '"', "(", " (a", "é", "a, ", "&"])
def test_long_runs_take_no_time(piece: str):
    text = (piece * 2_000)[:2_000]
    start = time.process_time()
    same(text, text + "x"[: 2_000 - len(text)])
    same(f"a{text}"[:2_000], "b", CLOSED)
    assert time.process_time() - start < 0.5
