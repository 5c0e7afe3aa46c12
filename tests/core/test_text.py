"""Text from outside on one line: bounded, without anything that cannot be seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.core.text import one_line, tidy

HIDDEN = "\x00\x1b\u200b\u202e\u2066\ufeff\ud800\x85"


def test_tidy_keeps_words_and_single_spaces():
    assert tidy(f" a\r\n\tb{HIDDEN}c  d ", 100) == "a b c d"
    assert tidy("عاصمة 中国 😀", 100) == "عاصمة 中国 😀"
    assert tidy(HIDDEN, 100) == "" and tidy("x" * 99, 10) == "x" * 10


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x" * 20, "x" * 20),
        ("x" * 21, "x" * 16 + " ..."),
        ("word " * 9, "word word word w ..."),
        ("a\nb", "a b"),
        (f"a{HIDDEN}b", "a b"),
    ],
)
def test_one_line_says_where_it_is_cut(text: str, line: str):
    assert one_line(text, 20) == line


@given(st.text(st.characters(), max_size=200), st.integers(5, 40))
def test_one_line_is_a_line_and_stays_as_it_is(text: str, most: int):
    line = one_line(text, most)
    assert len(line) <= most and len(line.splitlines()) <= 1 and one_line(line, most) == line
    assert len(tidy(text, most)) <= most and len(tidy(text, most).splitlines()) <= 1
