"""The tags for a model that may not keep to them: everything else is read as well."""

from pathlib import Path

import pytest

from deepeyes.core.actions import RawToolCall
from deepeyes.dialects.deepeyes_v2 import DeepEyesV2
from deepeyes.dialects.deepeyes_v2_lenient import DeepEyesV2Lenient
from deepeyes.dialects.native import Native
from deepeyes.dialects.registry import get_dialect

LENIENT, STRICT = DeepEyesV2Lenient(), DeepEyesV2()
CODE = "<think>hm</think>\n<code>\n```python\nprint('</think>')\n```\n</code>"


@pytest.mark.parametrize(
    "text",
    [
        CODE,
        CODE.replace("</think>')", "</think><answer>NO</answer>')"),
        "<think>hm</think><answer>EXIT</answer>",
        '<tool_call>{"name": "python", "arguments": {"code": "1"}}</tool_call>',
        "or <answer>NO</answer>?</think><answer>EXIT</answer>",
    ],
)
def test_what_keeps_to_the_tags_means_what_it_means_there(text: str):
    assert LENIENT.parse(text) == STRICT.parse(text) and STRICT.parse(text).kind != "malformed"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("EXIT", "EXIT"),
        ("<think>hm</think>\nEXIT", "EXIT"),
        ("hm</think>The sign says **EXIT**.", "The sign says **EXIT**."),
    ],
)
def test_plain_words_are_an_answer(text: str, answer: str):
    assert STRICT.parse(text).kind == "malformed"
    action = LENIENT.parse(text)
    assert action.kind == "answer" and action.text == answer


def test_calls_are_made_whichever_way_they_come():
    written = LENIENT.parse("<function=python><parameter=code>1</parameter></function>")
    assert written.kind == "call" and written.call.name == "python"
    call = RawToolCall(id="c1", name="python", arguments='{"code": "1"}')
    made = LENIENT.parse("I call.", (call,))
    assert made.kind == "call" and made.call.id == "c1"
    refused = LENIENT.parse("<answer>EXIT</answer>", (call, call))
    assert refused == Native().parse("<answer>EXIT</answer>", (call, call))


@pytest.mark.parametrize(
    "text", ["", "<think>hm", "<code>print(1)</code>", "<answer></answer>", "<answer>EXIT"]
)
def test_what_nobody_can_read_is_told_of_in_the_words_of_the_tags(text: str):
    assert LENIENT.parse(text) == STRICT.parse(text) and LENIENT.parse(text).kind == "malformed"


def test_the_words_are_those_of_the_tags(tmp_path: Path):
    assert LENIENT.system([]) == STRICT.system([]) and LENIENT.stop == STRICT.stop
    assert not LENIENT.server_tools and LENIENT.name == "deepeyes_v2/lenient"
    file = tmp_path / "own.txt"
    file.write_text("Look well.")
    assert get_dialect("deepeyes_v2/lenient", str(file)).system([]) == "Look well."
    assert get_dialect("deepeyes_v2/lenient", "brief") == LENIENT
