"""Replies as servers send them: every kind of oddity, streamed and whole, with the reply that it means."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from deepeyes.core.actions import RawToolCall, ToolSpec
from deepeyes.core.errors import ContextOverflow, InfrastructureError, ModelError, ServerError
from deepeyes.core.messages import Message
from deepeyes.core.sampling import Sampling
from deepeyes.dialects.deepeyes_v2_parse import parse
from deepeyes.models.base import Completion
from deepeyes.models.openai import OpenAIModel

HELLO = [Message.make("user", "hello")]
TOOLS = [ToolSpec(name="python", description="runs code"), ToolSpec(name="search", description="searches")]
STOP = Sampling(stop=("</code>", "</tool_call>", "</answer>"))
CALL = RawToolCall(id="c1", name="python", arguments='{"code": "1"}')


def whole(message: dict[str, Any], finish: Any = "stop", **choice: Any) -> httpx.Response:
    return httpx.Response(200, json={"choices": [{"message": message, "finish_reason": finish, **choice}]})


def events(*payloads: Any, done: bool = True, newline: str = "\n") -> httpx.Response:
    lines = [
        f"data: {one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)}" for one in payloads
    ]
    lines += ["data: [DONE]"] if done else []
    body = "".join(line + 2 * newline for line in lines).encode()
    return httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})


def pieces(*deltas: dict[str, Any], finish: Any = "stop", **options: Any) -> httpx.Response:
    said = [{"choices": [{"delta": delta, "finish_reason": None}]} for delta in deltas]
    return events(*said, {"choices": [{"delta": {}, "finish_reason": finish}]}, **options)


async def ask(
    *responses: httpx.Response,
    tools: bool = False,
    heard: list[str] | None = None,
    sampling: Sampling = STOP,
    retries: int = 1,
    bodies: list[Any] | None = None,
) -> Completion:
    left = list(responses)

    def answer(request: httpx.Request) -> httpx.Response:
        if bodies is not None:
            bodies.append(json.loads(request.content))
        return left.pop(0) if len(left) > 1 else left[0]

    model = OpenAIModel(
        "m", "http://h/v1", retries=retries, retry_seconds=0, transport=httpx.MockTransport(answer)
    )
    hear = heard.append if heard is not None else None
    return await model.generate(HELLO, sampling=sampling, tools=TOOLS if tools else (), on_text=hear)


# ---- content in parts, thoughts apart


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]}, "a b"),
        ({"content": ["a ", {"type": "output_text", "text": "b"}]}, "a b"),
        ({"content": {"type": "text", "text": "a b"}}, "a b"),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"text": "a b"},
                ]
            },
            "<think>hm</think>\na b",
        ),
        (
            {
                "content": [
                    {"type": "reasoning", "summary": [{"text": "hm"}]},
                    {"type": "text", "text": "a b"},
                ]
            },
            "<think>hm</think>\na b",
        ),
        ({"content": [{"text": "hm", "thought": True}, {"text": "a b"}]}, "<think>hm</think>\na b"),
        ({"content": "a b", "reasoning_content": "hm"}, "<think>hm</think>\na b"),
        ({"content": "a b", "reasoning": "hm"}, "<think>hm</think>\na b"),
        ({"content": "a b", "thinking": "hm"}, "<think>hm</think>\na b"),
        ({"content": "a b", "reasoning_content": "hm", "reasoning": "hm"}, "<think>hm</think>\na b"),
        ({"content": None, "reasoning_content": "hm"}, "<think>hm</think>\n"),
        ({"content": None}, ""),
    ],
)
async def test_words_and_thoughts_wherever_they_stand(message: dict[str, Any], text: str):
    assert (await ask(whole(message))).text == text
    heard: list[str] = []
    assert (await ask(pieces(message), heard=heard)).text == text
    assert "".join(heard) == text.removeprefix("<think>hm</think>\n")


@pytest.mark.parametrize(
    "quoted",
    ["<answer>no</answer>", "</code>", "</think>", "<think>", "<code>", "</think><answer>no</answer>"],
)
async def test_tags_that_a_thought_quotes_end_nothing(quoted: str):
    message = {"reasoning_content": f"I could write {quoted} now", "content": "<answer>EXIT"}
    for reply in (await ask(whole(message)), await ask(pieces(message), heard=[])):
        thought, _, rest = reply.text.partition("</think>\n")
        assert rest == "<answer>EXIT</answer>" and thought.startswith("<think>I could write ")
        action = parse(reply.text)
        assert action.kind == "answer" and action.text == "EXIT" and "now" in action.thought


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "<think>or <answer>no</answer>?</think><answer>EXIT",
            "<think>or <answer>no</answer>?</think><answer>EXIT</answer>",
        ),
        (
            "or <answer>no</answer>?</think><answer>EXIT</answer> and",
            "or <answer>no</answer>?</think><answer>EXIT</answer>",
        ),
        ("<code>1</code><think>hm</think><answer>2</answer>", "<code>1</code>"),
        ("<answer>EXIT</answer></think>", "<answer>EXIT</answer>"),
    ],
)
async def test_tags_in_a_thought_within_the_words_end_nothing(text: str, expected: str):
    assert (await ask(whole({"content": text}))).text == expected


# ---- ends


@pytest.mark.parametrize(
    "finish",
    [
        "stop",
        "eos",
        "eos_token",
        "EOS_TOKEN",
        "stop_sequence",
        "end_turn",
        "STOP",
        "tool_calls",
        "",
        None,
        "complete",
    ],
)
@pytest.mark.parametrize("sent", ["", "</", "</ans", "</answer"])
async def test_the_closing_tag_is_put_back_whatever_the_end_is_called(finish: str | None, sent: str):
    reply = await ask(whole({"content": "<answer>EXIT" + sent}, finish))
    assert reply.text == "<answer>EXIT</answer>"


@pytest.mark.parametrize(
    "finish",
    ["length", "max_tokens", "MAX_TOKENS", "model_length", "incomplete", {"type": "length", "length": 7}],
)
async def test_a_reply_that_was_cut_stays_cut(finish: Any):
    for reply in (
        await ask(whole({"content": "<answer>EX"}, finish)),
        await ask(pieces({"content": "<answer>EX"}, finish=finish)),
    ):
        assert (reply.text, reply.finish_reason) == ("<answer>EX", "length")


@pytest.mark.parametrize("finish", ["content_filter", "SAFETY", "refusal", "RECITATION"])
async def test_what_a_filter_stopped_is_known_by_any_name(finish: str):
    assert (await ask(whole({"content": ""}, finish))).finish_reason == "content_filter"


@pytest.mark.parametrize("finish", ["abort", "error", "cancelled", "insufficient_system_resource"])
async def test_a_reply_that_the_server_gave_up_is_asked_for_again(finish: str):
    assert (await ask(whole({"content": "<ans"}, finish), whole({"content": "hi"}))).text == "hi"
    with pytest.raises(ServerError, match=f"a reply that it ended with '{finish}'"):
        await ask(whole({"content": "<ans"}, finish))


# ---- calls


@pytest.mark.parametrize(
    "function",
    [
        {"name": "python", "arguments": '{"code": "1"}'},
        {"name": "python", "arguments": {"code": "1"}},
        {"name": "python", "arguments": json.dumps('{"code": "1"}')},
    ],
)
async def test_arguments_in_every_form(function: dict[str, Any]):
    message = {"content": None, "tool_calls": [{"id": "c1", "index": 0, "function": function}]}
    for reply in (await ask(whole(message), tools=True), await ask(pieces(message), tools=True, heard=[])):
        assert reply.tool_calls == (CALL,)


async def test_the_older_form_of_a_call():
    message = {"content": None, "function_call": {"name": "python", "arguments": '{"code": "1"}'}}
    for reply in (await ask(whole(message), tools=True), await ask(pieces(message), tools=True, heard=[])):
        assert reply.tool_calls == (CALL.model_copy(update={"id": ""}),)


def piece(name: str | None, arguments: str, id: str | None = None, index: int | None = 0) -> dict[str, Any]:
    call = {"id": id, "index": index, "function": {"name": name, "arguments": arguments}}
    return {"tool_calls": [{key: value for key, value in call.items() if value is not None}]}


@pytest.mark.parametrize(
    "deltas",
    [
        [piece("python", '{"code"', "c1"), piece(None, ': "1"}')],
        [piece("python", '{"code"', "c1"), piece("python", ': "1"}', "c1")],
        [piece("python", "", "c1"), piece("python", '{"code": "1"}'), piece("python", "")],
        [piece("py", "", "c1"), piece("thon", '{"code": "1"}')],
        [piece("py", "", "c1"), piece("python", '{"code": "1"}')],
        [piece("python", '{"code": "1"}', "c1", None)],
    ],
)
async def test_a_streamed_call_is_put_together(deltas: list[dict[str, Any]]):
    assert (await ask(pieces(*deltas, finish="tool_calls"), tools=True, heard=[])).tool_calls == (CALL,)


@pytest.mark.parametrize(
    "deltas",
    [
        [piece("python", '{"code": "1"}', "c1"), piece("search", '{"query": "x"}', "c2")],
        [piece("python", '{"code": "1"}', "c1"), piece("search", '{"query"', "c2"), piece(None, ': "x"}')],
        [piece("python", '{"code": "1"}', "c1", 0), piece("search", '{"query": "x"}', "c2", 1)],
        [
            piece("python", "", "c1"),
            piece(None, '{"code": "1"}'),
            piece("search", "", "c2"),
            piece(None, '{"query": "x"}'),
        ],
        [
            piece("python", '{"code"', "c1", 0),
            piece("search", '{"query": "x"}', "c2", 1),
            piece(None, ': "1"}', None, 0),
        ],
    ],
)
async def test_several_calls_stay_several_also_under_one_index(deltas: list[dict[str, Any]]):
    reply = await ask(pieces(*deltas, finish="tool_calls"), tools=True, heard=[])
    second = RawToolCall(id="c2", name="search", arguments='{"query": "x"}')
    assert reply.tool_calls == (CALL, second)


async def test_whole_calls_under_one_index_stay_several():
    function = {"name": "python", "arguments": '{"code": "1"}'}
    calls = [{"index": 0, "id": "c1", "function": function}, {"index": 0, "id": "c1", "function": function}]
    assert (await ask(whole({"content": None, "tool_calls": calls}), tools=True)).tool_calls == (CALL, CALL)


async def test_calls_that_nobody_asked_for_are_put_back_into_the_words():
    message = {
        "content": "I look.",
        "tool_calls": [{"id": "c1", "function": {"name": "python", "arguments": '{"code": "1"}'}}],
    }
    for reply in (
        await ask(whole(message, "tool_calls")),
        await ask(pieces(message, finish="tool_calls"), heard=[]),
    ):
        assert reply.tool_calls == ()
        assert (
            reply.text == 'I look.\n<tool_call>\n{"name": "python", "arguments": {"code": "1"}}\n</tool_call>'
        )


# ---- streams


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
async def test_no_character_of_a_reply_ends_a_line(mark: str):
    event = {"choices": [{"delta": {"content": f"a{mark}b"}, "finish_reason": "stop"}]}
    assert (await ask(events(event), heard=[])).text == f"a{mark}b"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
async def test_lines_end_in_every_way_they_may(newline: str):
    assert (await ask(pieces({"content": "a"}, {"content": "b"}, newline=newline), heard=[])).text == "ab"


async def test_an_event_may_take_several_lines_and_none_may_lie_between_two():
    first = {"choices": [{"delta": {"content": "a"}, "finish_reason": None}]}
    pretty = "\ndata: ".join(json.dumps(first, indent=1).splitlines())
    last = json.dumps({"choices": [{"delta": {"content": "b"}, "finish_reason": "stop"}]})
    body = f": hello\nevent: chunk\nid: 3\ndata: {pretty}\n\ndata:{last}\ndata: [DONE]"
    response = httpx.Response(200, text=body, headers={"content-type": "text/event-stream"})
    assert (await ask(response, heard=[])).text == "ab"


async def test_a_stream_without_its_mark_or_usage_is_whole_once_an_end_was_told():
    reply = await ask(pieces({"content": "hi"}, done=False), heard=[])
    assert reply.text == "hi" and reply.usage.completion_tokens == 0


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
async def test_signs_of_life_are_no_answer(kind: str):
    """A server that sends blanks or comments for ever is as silent as one that sends nothing."""

    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b": still here\n\n" if "event" in kind else b" "
            await asyncio.sleep(0.01)

    response = httpx.Response(200, content=trickle(), headers={"content-type": kind})
    transport = httpx.MockTransport(lambda _: response)
    model = OpenAIModel("m", "http://h/v1", retries=0, seconds=0.1, transport=transport)
    with pytest.raises(ServerError, match=r"did not answer in 0\.1 s"):
        await model.generate(HELLO, on_text=lambda _: None)


async def test_a_long_reply_may_take_longer_than_the_wait_for_its_next_words():
    async def slow() -> AsyncIterator[bytes]:
        for number in range(6):
            finish = "stop" if number == 5 else None
            event = {"choices": [{"delta": {"content": str(number)}, "finish_reason": finish}]}
            yield f"data: {json.dumps(event)}\n\n".encode()
            await asyncio.sleep(0.1)

    response = httpx.Response(200, content=slow(), headers={"content-type": "text/event-stream"})
    transport = httpx.MockTransport(lambda _: response)
    model = OpenAIModel("m", "http://h/v1", retries=0, seconds=0.4, transport=transport)
    assert (await model.generate(HELLO, on_text=lambda _: None)).text == "012345"


# ---- errors where a reply should be


BUSY = {"error": {"message": "The engine is overloaded", "type": "overloaded"}}


@pytest.mark.parametrize(
    "body",
    [
        BUSY,
        {"error": "The engine is overloaded"},
        {"choices": None, **BUSY},
        {"choices": [], **BUSY},
        {"choices": [{"error": BUSY["error"], "message": {"content": ""}}]},
        {"object": "error", "message": "The engine is overloaded", "code": 503},
        {"error": {"message": "The engine is overloaded", "code": "503"}},
    ],
)
async def test_an_error_with_status_200_may_pass_and_its_words_are_told(body: dict[str, Any]):
    fine = whole({"content": "hi"})
    assert (await ask(httpx.Response(200, json=body), fine)).text == "hi"
    assert (await ask(events(body), fine, heard=[])).text == "hi"
    with pytest.raises(ServerError, match=r"The engine is overloaded.*tried 2 times"):
        await ask(httpx.Response(200, json=body))


async def test_an_error_that_cannot_pass_is_told_at_once():
    bodies: list[Any] = []
    with pytest.raises(ModelError, match="no model 'm'"):
        await ask(
            httpx.Response(200, json={"error": {"message": "no such model", "code": 404}}), bodies=bodies
        )
    with pytest.raises(ContextOverflow):
        await ask(
            httpx.Response(200, json={"error": {"message": "exceeds the maximum context length"}}),
            bodies=bodies,
        )
    assert len(bodies) == 2


async def test_an_error_after_words_is_for_the_loop_to_retry_and_says_why():
    started = {"choices": [{"delta": {"content": "<ans"}, "finish_reason": None}]}
    with pytest.raises(InfrastructureError, match="stopped in mid-reply: The engine is overloaded"):
        await ask(events(started, BUSY), heard=[])


async def test_the_words_of_a_failing_server_are_told():
    with pytest.raises(ServerError, match="answers with status 503: no GPU is free"):
        await ask(httpx.Response(503, json={"error": {"message": "no GPU is free"}}))


# ---- refusals


ECHO = json.dumps(
    {"model": "m", "temperature": 0, "seed": 0, "max_tokens": 2048, "stop": [], "logprobs": True}
)


@pytest.mark.parametrize(
    "refusal",
    [
        {
            "error": {
                "message": "Unsupported parameter: 'seed' is not supported with this model.",
                "param": "seed",
            }
        },
        {"error": {"message": "Unsupported value", "param": "seed", "code": "unsupported_value"}},
        {"error": {"message": f"Unknown argument seed. The request was {ECHO}"}},
        {"error": {"message": f"Request {ECHO} holds an unknown argument: seed"}},
        {
            "error": {
                "message": 'Unknown argument in {"temperature": 0, "seed": 0}: seed'
            }
        },
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "seed"],
                    "msg": "Extra inputs are not permitted",
                    "input": 0,
                }
            ]
        },
        {
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not"
            " permitted', 'input': 0}]",
        },
        {"message": "seed: unrecognized field"},
    ],
)
async def test_a_refusal_costs_one_parameter(refusal: dict[str, Any]):
    bodies: list[Any] = []
    reply = await ask(httpx.Response(400, json=refusal), whole({"content": "hi"}), bodies=bodies)
    assert bodies[0].keys() - bodies[1].keys() == {"seed"}
    assert reply.notes == ("m was asked without seed, which its server does not take",)


async def test_a_refusal_of_the_temperature_is_noted():
    words = "'temperature' does not support 0 with this model. Only the default (1) value is supported."
    refusal = {"error": {"message": words, "param": "temperature", "code": "unsupported_value"}}
    reply = await ask(httpx.Response(400, json=refusal), whole({"content": "hi"}))
    assert reply.notes == ("m was asked without temperature, which its server does not take",)


@pytest.mark.parametrize(
    "words",
    [
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "registry.ollama.ai/library/llava does not support tools",
        "tools is not supported by this model",
    ],
)
async def test_a_server_that_takes_no_tools_is_told_of_with_what_helps(words: str):
    with pytest.raises(ModelError, match="speak to it with --dialect deepeyes_v2"):
        await ask(httpx.Response(400, json={"error": {"message": words}}), tools=True)
