"""One reference, as it is written: split only where its own words say that either will do."""

import time

import pytest

from deepeyes.grading.golds import alternatives


@pytest.mark.parametrize(
    ("gold", "parts"),
    [
        ("Beijing (or Peking)", ("Beijing", "Peking")),
        ("Mumbai (also known as Bombay)", ("Mumbai", "Bombay")),
        ("Mumbai (a.k.a. Bombay)", ("Mumbai", "Bombay")),
        ("Pelé, also known as Edson Nascimento", ("Pelé", "Edson Nascimento")),
        ("either red or blue", ("red", "blue")),
        ("Either 5 or 6", ("5", "6")),
        ("1990 or 1991", ("1990", "1991")),
    ],
)
def test_a_reference_that_says_so_names_two_answers(gold: str, parts: tuple[str, ...]):
    assert alternatives(gold) == (gold, *parts)
    assert alternatives(f"  {gold}\n") == (gold, *parts)


@pytest.mark.parametrize(
    "gold",
    [
        "Trick or Treat",
        "trick or treat",
        "Believe It or Not",
        "Dead or Alive (video game)",
        "Either/Or",
        "red or blue",
        "2 or 3",
        "x = 2 or x = 3",
        "-2 or 2",
        "AC/DC",
        "km/h",
        "1/2",
        "9/11",
        "red, blue",
        "Paris, France",
        "1,234",
        "(3, 4]",
        "f (or)",
        "Georgia (country)",
        "Oregon (OR)",
        "organ (origin)",
        "either red, blue or green",
        "A (or B or C)",
        "1990 or 1991 or 1992",
        "1990 or 199",
        "\x00",
        "\ud800 or \udfff",
        "a|b",
    ],
)
def test_any_other_reference_is_one_answer(gold: str):
    assert alternatives(gold) == (gold,)


@pytest.mark.parametrize("gold", ["", " ", "\n\t", "\u200b", "\ufeff \u00ad"])
def test_an_empty_reference_accepts_nothing(gold: str):
    assert alternatives(gold) == ()


def test_a_part_that_is_written_twice_counts_once():
    assert alternatives("Either Red or Red") == ("Either Red or Red", "Red")


@pytest.mark.parametrize("piece", ["x", "either a or ", "a (or ", " or ", "1990 or ", ", also known as "])
def test_a_long_reference_is_one_answer_at_once(piece: str):
    gold = f"either {(piece * 50_000)[:50_000].strip()},"
    start = time.process_time()
    assert alternatives(gold) == (gold,)
    assert time.process_time() - start < 0.5
