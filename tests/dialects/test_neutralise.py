"""Nothing from outside can act as protocol, whatever it is made of."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.dialects.deepeyes_v2_parse import parse
from deepeyes.dialects.neutralise import DIALECT_TAGS, SPECIAL_TOKENS, neutralise, neutralise_special

QWEN = [
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *(
        "<|image_pad|>",
        "<|video_pad|>",
        "<|object_ref_start|>",
        "<|box_end|>",
        "<|fim_middle|>",
        "<|file_sep|>",
    ),
]
OTHERS = ["<|eot_id|>", "<|python_tag|>", "<｜begin▁of▁sentence｜>", "<|im_end|", "|>"]
TAGS = [f"<{slash}{tag}>" for tag in DIALECT_TAGS for slash in ("", "/")]
FRAGMENTS = st.sampled_from(
    [*QWEN, *OTHERS, *TAGS, *SPECIAL_TOKENS, "<", ">", "|", "/", "code", " ", "\n", "x"]
)
HOSTILE = st.lists(st.one_of(FRAGMENTS, st.text(max_size=3)), max_size=12).map("".join)


@pytest.mark.parametrize(
    "token", [*QWEN, *OTHERS, *TAGS, *SPECIAL_TOKENS, "<CODE>", "< / answer >", '<think a="b">']
)
def test_every_known_token_is_broken(token: str):
    inert = neutralise(f"a{token}b")
    assert token not in inert
    assert inert.startswith("a") and inert.endswith("b") and len(inert) == len(token) + 2, "still readable"


@given(HOSTILE)
def test_nothing_special_survives(text: str):
    inert = neutralise(text)
    assert not re.search(r"<\||\|>|<｜|｜>", inert)
    assert not any(token in inert for token in (*SPECIAL_TOKENS, *TAGS))
    assert neutralise(inert) == inert
    assert len(inert) == len(text)


@given(HOSTILE)
def test_inert_text_holds_no_action(text: str):
    assert parse(neutralise(text)).kind == "malformed"
    assert parse("<answer>7</answer>" + neutralise(text)).kind == "answer"


@pytest.mark.parametrize(
    "text", ["a < b and b > a", "x | y || z", "List<int>", "<div class='a'>", "df[df.a > 3]", "[1, 2]"]
)
def test_ordinary_text_is_left_alone(text: str):
    assert neutralise(text) == text


def test_a_models_own_words_keep_their_tags():
    assert neutralise_special("<think>a</think><|im_end|>") == "<think>a</think>‹|im_end|›"
