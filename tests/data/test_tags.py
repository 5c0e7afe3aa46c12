"""Tags of images in questions: names in sentences, nothing before and behind, never more than images."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.data.item import Unusable
from deepeyes.data.sources.tags import name_images, split_tail, without_tags


@pytest.mark.parametrize(
    ("question", "images", "named"),
    [
        (
            "Compare <image> with <image>. Which is older?",
            2,
            "Compare image_1 with image_2. Which is older?",
        ),
        (
            "What does <image 1> show that <image 2> does not?",
            2,
            "What does image_1 show that image_2 does not?",
        ),
        ("Compare <image> and <image>", 2, "Compare image_1 and image_2"),
        ("<image1> shows a cat. What is <image2>?", 2, "image_1 shows a cat. What is image_2?"),
        ("Look closely at <image>", 1, "Look closely at image_1"),
        ("<image>'s colour?", 1, "image_1's colour?"),
        ("What is <|image_2|>, not <|image_1|>?", 2, "What is image_2, not image_1?"),
        ("<image0> or <image1>?", 2, "image_1 or image_2?"),
        ("Again <image1> and <image1>.", 1, "Again image_1 and image_1."),
        ("<image1>\nA cat.\n<image2>\nA dog.\nWhich?", 2, "image_1\nA cat.\nimage_2\nA dog.\nWhich?"),
        ("It shows <image1>.\nWhich?\n<image2>", 2, "It shows image_1.\nWhich?\nimage_2"),
        ("<image>What is it?", 1, "What is it?"),
        ("<image>\n<image>\nWhich is larger?", 2, "Which is larger?"),
        ("What is it?\n<image1>", 1, "What is it?"),
        ("The length is\n<image1>", 1, "The length is"),
        ("What is it? <img>", 1, "What is it?"),
        ("<image1>\nIn front or behind?\n<image2>", 2, "In front or behind?"),
        ("Is 3 <imagine> 4?", 0, "Is 3 <imagine> 4?"),
        ("  plain \n", 0, "plain"),
        ("<image>", 1, ""),
    ],
)
def test_tags_in_sentences_become_names_and_bare_ones_go(question: str, images: int, named: str) -> None:
    assert name_images(question, images) == named


@pytest.mark.parametrize(
    ("question", "images"),
    [
        ("<image>\n<image>\nWhich?", 1),
        ("Which?\n<image1>\n<image2>", 1),
        ("What does <image 1> show that <image 2> does not?", 1),
        ("<image>What is it?", 0),
        ("Look at <image3>.", 2),
        ("<image0> or <image2>?", 2),
    ],
)
def test_no_name_is_put_for_an_image_that_is_not_there(question: str, images: int) -> None:
    with pytest.raises(Unusable) as refused:
        name_images(question, images)
    assert refused.value.reason == "image_count"


def test_one_image_may_hold_what_numbered_tags_stand_for_but_sentences_name_what_is_there() -> None:
    assert name_images("<image1>\nWhich?\n<image2>", 1, composite=True) == "Which?"
    assert name_images("So <image1> or what?\n<image2>", 1, composite=True) == "So image_1 or what?"
    for question, images in (("Which is <image2>?", 1), ("<image>\n<image>\nWhich?", 1), ("<image3>\nA", 2)):
        with pytest.raises(Unusable):
            name_images(question, images, composite=True)


def test_who_loses_a_row_to_its_one_image_is_told_the_setting() -> None:
    with pytest.raises(Unusable, match="composite"):
        name_images("Which?\n<image1>\n<image2>", 1)
    for other in ("Is it <image2>?\n<image3>", "<image>\n<image>\nWhich?"):
        with pytest.raises(Unusable) as refused:
            name_images(other, 1)
        assert "composite" not in refused.value.detail


def test_questions_are_compared_without_tags_and_names() -> None:
    assert without_tags("<image>Is <image 2> red?").split() == without_tags("Is image_2 red?").split()
    assert split_tail("cat <image1>\n<image2>") == ("cat", "<image1>\n<image2>")
    assert split_tail("<image1>") == ("<image1>", "") and split_tail("a <image> b") == ("a <image> b", "")


WORDS = st.lists(
    st.sampled_from(
        ["<image>", "<image1>", "<image 2>", "<|image_3|>", "<img>", "word", ".", "\n", " ", "image_1"]
    )
)


@given(words=WORDS, images=st.integers(0, 3), composite=st.booleans())
def test_no_tag_is_left_and_no_word_is_lost(words: list[str], images: int, composite: bool) -> None:
    question = "".join(words)
    try:
        named = name_images(question, images, composite=composite)
    except Unusable:
        return
    assert "<" not in named and named.count("word") == question.count("word")
    there = {f"image_{number}" for number in range(1, images + 1)} | set(re.findall("image_1", question))
    assert set(re.findall(r"image_[0-9]", named)) <= there
    assert name_images(named, images) == named


def test_long_runs_of_tags_take_no_time() -> None:
    for question in ("<image> " * 20_000, "<image" * 20_000, "<image>\n" * 9_000 + "x" + "\n<image>" * 9_000):
        name_images(question, 50_000)
