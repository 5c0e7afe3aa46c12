"""Options in one text: JSON, a list of Python, lettered."""

import pytest

from deepeyes.grading.options import options_in


@pytest.mark.parametrize(
    "text",
    [
        '["red", "A. blue"]',
        "['red', 'A. blue']",
        " ['red',\n 'A. blue'] ",
        "A. red B. A. blue",
        "(A) red\n(B) A. blue",
        "A) red, B) A. blue",
    ],
)
def test_options_in_one_text_are_read(text: str) -> None:
    assert options_in(text) == ["red", "A. blue"]


@pytest.mark.parametrize(
    "text",
    [
        "red or blue",
        "B. red C. blue",
        "A. red C. blue",
        "A. red",
        "see A. red B. blue",
        "[__import__('os').getcwd()]",
        "[" * 9000,
        "['red', " * 3000,
        "A. x " * 4000,
        "A. x B. " + "y" * 20_000,
        "(" * 9000 + "A. x B. y",
    ],
)
def test_a_text_without_options_for_certain_gives_none(text: str) -> None:
    assert options_in(text) is None
