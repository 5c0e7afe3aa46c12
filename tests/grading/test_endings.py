"""Endings: the line or sentence that can be the answer is found, listings and questions are not."""

import pytest

from deepeyes.grading.endings import ending_of


@pytest.mark.parametrize(
    ("reply", "last"),
    [
        ("It is big. It is red.", "It is red."),
        ("It is red. I hope this helps! Let me know if you have any other questions.", "It is red."),
        ("It costs 3.5 m. all in all", "It costs 3.5 m. all in all"),
        ("It is red", "It is red"),
        ("大。红。", "红。"),
        ("It is big. Is it red?", ""),
        ("It is big. If so, it is red.", ""),
        ("- big\n- red", ""),
        ("(A) big\n(B) red", ""),
        ("a | b\n1 | 2", ""),
        ("It is red. There may be a mistake in the question.", ""),
        ("It is 5. However, none of these options fits.", ""),
        ("", ""),
    ],
)
def test_the_last_sentence(reply: str, last: str):
    assert ending_of(reply).last == last


def test_the_first_sentence_is_kept_of_several():
    assert ending_of("It is red. It is big.").first == "It is red."
    assert ending_of("It is red.").first == ""
    assert ending_of("Is it red? It is big.").first == ""


def test_numbers_after_the_first_sentence_are_seen():
    assert ending_of("There are 2. They are red.").counts_once
    assert not ending_of("There are 2. They are 3 m apart.").counts_once
    assert not ending_of("There are 2.").counts_once


@pytest.mark.parametrize(
    ("reply", "lines"),
    [
        ("B\n\nIt is red, as was said.", ("It is red, as was said.", "B")),
        ("B\nIt is red.", ("It is red.",)),
        ("It is\n\n(C) red\n\nC is the one.", ("C is the one.", "It is", "(C) red")),
        ("One:\nA) big\nB) red", ()),
        ("1. big\n2. red\nred", ("red",)),
        ("B", ()),
        ("It is\n" + "very " * 60 + "red", ()),
    ],
)
def test_lines_that_stand_alone(reply: str, lines: tuple[str, ...]):
    assert ending_of(reply).lines == lines
