"""Tool calls that stand in a reply's words, in every way that models write them."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.core.actions import CallAction, Malformed
from deepeyes.core.results import Observation
from deepeyes.core.trace import Turn
from deepeyes.dialects.calls.registry import READERS, written_calls
from deepeyes.dialects.native import Native

CODE = 'for n in range(2):\n    print(n, "</tool_call>" if n > 1 else "é")'
ARGUMENTS = {"code": CODE}
OBJECT = json.dumps(ARGUMENTS)
PYTHON = json.dumps({"name": "python", "arguments": ARGUMENTS})

# Every way of writing one call of `python` with ARGUMENTS: the reader that knows it, and the words.
WAYS: list[tuple[str, str]] = [
    ("hermes", f"<tool_call>\n{PYTHON}\n</tool_call>"),
    ("hermes", f"<tool_call>{PYTHON}"),
    ("hermes", f'<tool_call>\n{{"name": "python", "parameters": {OBJECT}}}\n</tool_call>'),
    ("hermes", f'<tool_call>{{"function": {PYTHON}, "type": "function"}}</tool_call>'),
    ("hermes", f"<tool_call>{json.dumps({'name': 'python', 'arguments': OBJECT})}</tool_call>"),
    ("qwen_xml", f"<tool_call>\n<function=python>\n<parameter=code>\n{CODE}\n</parameter>\n</function>\n"),
    ("qwen_xml", f"<function=python><parameter=code>{CODE}</parameter></function>"),
    ("llama_json", json.dumps({"name": "python", "parameters": ARGUMENTS})),
    ("llama_json", f"<|python_tag|>{PYTHON}"),
    ("llama_json", f"```json\n[{PYTHON}]\n```"),
    ("llama_json", json.dumps({"type": "function", "function": json.loads(PYTHON)})),
    ("mistral", f"[TOOL_CALLS][{PYTHON}]"),
    ("mistral", f"[TOOL_CALLS]python{OBJECT}"),
    ("mistral", f"[TOOL_CALLS]python[CALL_ID]ab12cd34e[ARGS]{OBJECT}"),
    ("glm", f"<tool_call>python\n<arg_key>code</arg_key>\n<arg_value>{CODE}</arg_value>\n</tool_call>"),
    (
        "deepseek",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>python\n"
        f"```json\n{OBJECT}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    (
        "deepseek",
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>python<｜tool▁sep｜>{OBJECT}<｜tool▁call▁end｜>",
    ),
    ("deepseek", f"<|tool_call_begin|>python<|tool_sep|>{OBJECT}<|tool_call_end|>"),
]


@pytest.mark.parametrize(("way", "words"), WAYS)
def test_a_call_in_the_words_is_made(way: str, words: str):
    for dialect in (Native(), Native(calls=way)):
        action = dialect.parse(words)
        assert isinstance(action, CallAction), action
        assert (action.name, action.call.id, action.thought) == ("python", "", "")
        assert action.arguments == ARGUMENTS


def test_the_result_of_a_call_in_the_words_is_told_by_the_user():
    action = Native().parse(WAYS[0][1])
    (message,) = Native().observation(action, Observation(tool="python", stdout="3"), 4)
    assert (message.role, message.tool_call_id) == ("user", "") and "3\n" in message.text


@pytest.mark.parametrize(("way", "words"), [pair for pair in WAYS if not pair[1].startswith(("{", "```"))])
def test_the_words_before_a_call_are_its_thought(way: str, words: str):
    action = Native().parse(f"<think>hm</think>Let me look.\n\n{words}")
    assert isinstance(action, CallAction) and action.thought == "hm\nLet me look."


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("hermes", f"<tool_call>{PYTHON}</tool_call>\n<tool_call>{PYTHON}</tool_call>"),
        ("qwen_xml", "<function=a></function><function=b></function>"),
        ("llama_json", f"[{PYTHON}, {PYTHON}]"),
        ("llama_json", f"{PYTHON}; {PYTHON}"),
        ("mistral", f"[TOOL_CALLS][{PYTHON}, {PYTHON}]"),
        ("mistral", f"[TOOL_CALLS]python{OBJECT}[TOOL_CALLS]python{OBJECT}"),
        ("glm", "<tool_call>a\n</tool_call><tool_call>b\n</tool_call>"),
        (
            "deepseek",
            "<｜tool▁call▁begin｜>a<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁call▁begin｜>b<｜tool▁sep｜>{}",
        ),
    ],
)
def test_two_calls_at_once_are_refused(way: str, words: str):
    found = written_calls(words, way)
    assert found is not None and len(found.calls) == 2
    action = Native().parse(words)
    assert isinstance(action, Malformed) and "one call at a time" in action.reason
    assert action.call_ids == () and Native().correction(action, 3)[0].role == "user"


@pytest.mark.parametrize(
    "words",
    [
        '<tool_call>{"name": "python", "arguments": {"code": "x"</tool_call>',
        "<tool_call>python(code='x')</tool_call>",
        "[TOOL_CALLS]oh no",
        '[TOOL_CALLS]["python"]',
        "<｜tool▁call▁begin｜>python",
        "<|tool_calls_section_begin|>python",
        '<invoke name="python">x</invoke>',
        "<tool_call>",
        "</tool_call>",
    ],
)
def test_a_call_that_cannot_be_read_is_no_answer(words: str):
    action = Native().parse(f"I look. {words}")
    assert isinstance(action, Malformed) and action.reason.endswith(("Call it again.", "write the answer."))


def test_the_model_is_shown_what_it_wrote_as_arguments():
    wrote = '<tool_call>{"name": "python", "arguments": {"code": "x" <answer>K</answer>}</tool_call>'
    action = Native().parse(wrote)
    assert isinstance(action, Malformed)
    assert '"code": "x" ‹answer›K' in action.reason and "<answer>" not in action.reason


@pytest.mark.parametrize(
    "words",
    [
        "EXIT",
        '{"name": "Bob"}',
        '{"name": "Bob", "age": 3}',
        "[1, 2]",
        "f(x) = 3",
        "a < b and b > c",
        "use [brackets] and {braces}",
        "```json\n[1]\n```",
        "[]",
        "{}",
    ],
)
def test_an_answer_that_looks_a_little_like_a_call_is_an_answer(words: str):
    action = Native().parse(words)
    assert action.kind == "answer" and action.text == words


def test_values_between_tags_are_text():
    words = (
        "<function=search><parameter=query>\n12\n</parameter>\n<parameter=k>3</parameter>"
        '<parameter=note>"x"</parameter><parameter=boxes>[1, 2]</parameter>'
    )
    action = Native().parse(words)
    assert isinstance(action, CallAction)
    assert action.arguments == {"query": "12", "k": "3", "note": '"x"', "boxes": "[1, 2]"}


def test_tags_of_our_own_dialect_are_read_too():
    dialect = Native()
    code = dialect.parse("<think>hm</think><code>\n```python\nprint(1)\n```\n</code>")
    assert code.kind == "code" and code.code == "print(1)" and code.thought == "hm"
    answer = dialect.parse("I am sure. <answer> EXIT </answer>")
    assert answer.kind == "answer" and (answer.text, answer.thought) == ("EXIT", "I am sure.")
    for words in ("<answer>EXIT", "EXIT</answer>", "</think>"):
        assert dialect.parse(words).kind == "malformed", words


PIECES = [
    *(
        "<tool_call>",
        "</tool_call>",
        "<function=f>",
        "</function>",
        "<parameter=p>",
        "[TOOL_CALLS]",
        "{",
        "}",
    ),
    *("<|python_tag|>", "<arg_key>k</arg_key>", "<arg_value>", "</arg_value>", "<｜tool▁call▁begin｜>"),
    *("<｜tool▁sep｜>", '"name": "f"', '"arguments": {}', "f", "\n", "[", "]", "<answer>", "</think>", "é"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_mixture_of_marks_gives_one_action_that_can_be_kept(words: str):
    action = Native().parse(words)
    assert Turn.model_validate_json(Turn(action=action).model_dump_json()).action == action
    if action.kind == "answer":
        assert not any(mark in action.text for mark in ("tool_call", "TOOL_CALLS", "<function", "<answer>"))


@pytest.mark.parametrize("mark", [*PIECES, "[" * 3, '{"a":', "<tool_call>{"])
def test_long_runs_end_soon(mark: str):
    started = time.process_time()
    Native().parse(mark * (40_000 // len(mark)))
    assert time.process_time() - started < 2, "forty thousand characters take milliseconds"


def test_every_reader_is_total():
    for way in READERS:
        for words in ("", "\x00", "\ud800", "x" * 10_000):
            assert written_calls(words, way) is None
