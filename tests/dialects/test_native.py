"""The dialect native: the server's tool calls."""

import json

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deepeyes.core.actions import (
    AnswerAction,
    CallAction,
    Malformed,
    RawToolCall,
    ToolCall,
    ToolSpec,
)
from deepeyes.core.images import VisionSpec, image_ref
from deepeyes.core.messages import ImagePart
from deepeyes.core.trace import Observation, Turn
from deepeyes.dialects.native import Native

DIALECT = Native()


def call(arguments: str = "{}", name: str = "python", id: str = "c1") -> RawToolCall:
    return RawToolCall(id=id, name=name, arguments=arguments)


def test_plain_text_is_the_answer():
    assert DIALECT.parse(" red\n") == AnswerAction(text="red")
    assert DIALECT.parse("<think>hm</think>red") == AnswerAction(thought="hm", text="red")
    assert DIALECT.parse("hm</think>red") == AnswerAction(thought="hm", text="red")


def test_an_empty_or_unfinished_reply_is_malformed():
    assert DIALECT.parse("").kind == "malformed"
    assert DIALECT.parse("<think>still thinking").kind == "malformed"


def test_one_call_is_the_action():
    action = DIALECT.parse("let me look", [call('{"code": "x"}')])
    assert action == CallAction(
        thought="let me look", call=ToolCall(name="python", arguments={"code": "x"}, id="c1")
    )
    bare = DIALECT.parse("", [call("")])
    assert isinstance(bare, CallAction) and bare.arguments == {}


def test_bad_arguments_and_two_calls_are_answered_to_every_call():
    two = DIALECT.parse("", [call(id="a"), call(id="b")])
    assert isinstance(two, Malformed) and two.call_ids == ("a", "b")
    assert [(m.role, m.tool_call_id) for m in DIALECT.correction(two, 3)] == [("tool", "a"), ("tool", "b")]
    for arguments in ('{"code": ', "[1]", '"x"', "null"):
        bad = DIALECT.parse("", [call(arguments)])
        assert isinstance(bad, Malformed) and "one JSON object" in bad.reason
    (plain,) = DIALECT.correction(Malformed(reason="empty"), 3)
    assert plain.role == "user"


def test_results_are_a_tool_message_and_a_user_message_with_the_pictures():
    image = Image.new("RGB", (56, 56))
    part = ImagePart.of("image_2", image, image_ref(image), VisionSpec())
    action = CallAction(call=ToolCall(name="python", id="c7"))
    tool, user = DIALECT.observation(action, Observation(tool="python", stdout="3", images=(part,)), 4)
    assert (tool.role, tool.tool_call_id, tool.images) == ("tool", "c7", ())
    assert "3\n" in tool.text and "image_2" in tool.text
    assert user.role == "user" and user.images == (part,)
    (alone,) = DIALECT.observation(action, Observation(tool="python"), 1)
    assert "last turn" in alone.text


def test_images_left_out_are_counted():
    action = CallAction(call=ToolCall(name="python", id="c7"))
    (message,) = DIALECT.observation(action, Observation(tool="python", stdout="3", dropped_images=2), 4)
    assert message.text == "3\n(2 more pictures were left out: show fewer at a time)\n"
    (quiet,) = DIALECT.observation(action, Observation(tool="python", stdout="3"), 4)
    assert quiet.text == "3\n"


def test_system_mentions_functions_only_when_there_are_some():
    assert "Python" in (DIALECT.system([ToolSpec(name="python", description="")]) or "")
    assert "function" not in (DIALECT.system([]) or "")


TEXT = st.text(st.characters())
ARGUMENTS = TEXT | st.dictionaries(TEXT, TEXT | st.integers() | st.lists(TEXT)).map(json.dumps)
CALLS = st.lists(st.builds(RawToolCall, id=TEXT, name=TEXT, arguments=ARGUMENTS), max_size=3)


@given(TEXT, CALLS)
def test_anything_gives_exactly_one_action_that_can_be_kept(text: str, calls: list[RawToolCall]):
    action = DIALECT.parse(text, calls)
    assert action.kind in ("call", "answer", "malformed")
    assert Turn.model_validate_json(Turn(action=action).model_dump_json()).action == action


def test_arguments_that_no_file_could_hold():
    action = DIALECT.parse("", [call('{"code": "\\ud83d"}', id="\ud83d")])
    assert action == CallAction(call=ToolCall(name="python", arguments={"code": "?"}, id="?"))
    deep = DIALECT.parse("", [call('{"code": ' + "[" * 300 + "]" * 300 + "}")])
    assert isinstance(deep, Malformed) and "one JSON object" in deep.reason
