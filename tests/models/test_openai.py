"""The chat-completions client against servers that behave, and against those that do not."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deepeyes.core.actions import RawToolCall, ToolCall, ToolSpec
from deepeyes.core.errors import (
    ContextOverflow,
    DeepEyesError,
    InfrastructureError,
    ModelError,
    ServerError,
)
from deepeyes.core.images import VisionSpec, image_ref
from deepeyes.core.limits import Limits
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.sampling import Sampling
from deepeyes.models.base import Completion
from deepeyes.models.openai import OpenAIModel
from deepeyes.models.openai_refusal import ServerSaid
from deepeyes.models.openai_reply import Accumulator, Unreadable, finished, read_completion
from deepeyes.models.openai_wire import data_url, wire_message

STOP = ("</code>", "</tool_call>", "</answer>")
HELLO = [Message.make("user", "hello")]
TOOLS = [ToolSpec(name="python", description="runs code")]
Handler = Callable[[httpx.Request], httpx.Response]


def reply(text: str = "hi", finish: str = "stop", **choice: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **choice.pop("message", {})}
    usage = {"prompt_tokens": 11, "completion_tokens": 3}
    return {"choices": [{"message": message, "finish_reason": finish, **choice}], "usage": usage}


def ok(text: str = "hi", **more: Any) -> httpx.Response:
    return httpx.Response(200, json=reply(text, **more))


class Server:
    """Answers with each response in turn (the last one for ever) and keeps the requests."""

    def __init__(self, *responses: httpx.Response | Exception) -> None:
        self.responses = list(responses)
        self.bodies: list[dict[str, Any]] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(json.loads(request.content))
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if isinstance(response, Exception):
            raise response
        return response

    def model(self, **options: Any) -> OpenAIModel:
        options = {"retry_seconds": 0, "retries": 2, **options}
        return OpenAIModel("m", "http://127.0.0.1:9/v1/", transport=httpx.MockTransport(self), **options)


async def failure(server: Server, kind: type[DeepEyesError], **options: Any) -> str:
    with pytest.raises(kind) as caught:
        await server.model(**options).generate(HELLO)
    text = str(caught.value)
    assert "\n" not in text and caught.value.remedy and type(caught.value) is kind
    return text


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEEPEYES_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


# ---- what is sent


async def test_request():
    server = Server(ok())
    await server.model(logprobs=True, extra={"top_p": 0.9}).generate(
        HELLO,
        sampling=Sampling(stop=STOP, temperature=0.5, seed=3),
        max_tokens=7,
        tools=[ToolSpec(name="t", description="d")],
    )
    body = server.bodies[0]
    assert str(server.requests[0].url) == "http://127.0.0.1:9/v1/chat/completions"
    assert body["messages"] == [{"role": "user", "content": "hello"}]
    assert (body["max_tokens"], body["temperature"], body["seed"], body["stop"]) == (7, 0.5, 3, list(STOP))
    assert body["tools"][0]["function"]["name"] == "t" and body["logprobs"] is True and body["top_p"] == 0.9
    assert "stream" not in body and "Authorization" not in server.requests[0].headers


async def test_a_request_holds_of_the_sampling_what_was_asked_for():
    server = Server(ok())
    model = server.model()
    await model.generate(HELLO)
    assert server.bodies[0].keys() == {"model", "messages", "max_tokens", "temperature", "seed"}
    assert (server.bodies[0]["temperature"], server.bodies[0]["seed"]) == (0, 0)
    asked = {"top_p": 0.9, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "stop": ["X", "é"]}
    for name, value in asked.items():
        await model.generate(HELLO, sampling=Sampling.model_validate({name: value}))
        assert server.bodies[-1] == {**server.bodies[0], name: value}
    everything = Sampling.model_validate({**asked, "temperature": 0.7, "seed": 3})
    await model.generate(HELLO, sampling=everything)
    assert server.bodies[-1] == {**server.bodies[0], **asked, "temperature": 0.7, "seed": 3}


def test_pictures_are_png_data_urls_at_the_view_size():
    image = Image.effect_noise((300, 200), 40).convert("RGB")
    part = ImagePart.of("image_1", image, image_ref(image), VisionSpec(max_pixels=28 * 28 * 12))
    wire = wire_message(Message.make("user", "look", part, "what?"))
    kinds = [piece["type"] for piece in wire["content"]]
    assert kinds == ["text", "image_url", "text"]
    head, _, data = wire["content"][1]["image_url"]["url"].partition(",")
    sent = Image.open(io.BytesIO(base64.b64decode(data)))
    assert head == "data:image/png;base64" and sent.size == (part.view_width, part.view_height)
    assert part.pixels is not None and sent.tobytes() == part.pixels.tobytes()
    with pytest.raises(ValueError, match="with_pixels"):
        data_url(part.model_copy(update={"pixels": None}))


def test_tool_messages():
    call = ToolCall(id="c1", name="python", arguments={"code": "1"})
    assistant = wire_message(Message(role="assistant", tool_calls=(call,)))
    assert assistant["content"] is None
    assert assistant["tool_calls"][0]["function"] == {"name": "python", "arguments": '{"code": "1"}'}
    tool = Message.make("tool", "3").model_copy(update={"tool_call_id": "c1"})
    assert wire_message(tool) == {"role": "tool", "tool_call_id": "c1", "content": "3"}


async def test_a_conversation_grows_and_a_failed_send_leaves_it_as_it_was():
    server = Server(ok("one<|im_end|>"), httpx.Response(500), ok("two"))
    talk = server.model(retries=0).conversation(Sampling(seed=9))
    await talk.send(HELLO)
    with pytest.raises(ServerError):
        await talk.send([Message.make("user", "lost")])
    await talk.send([Message.make("user", "again")])
    assert [m["content"] for m in server.bodies[-1]["messages"]] == ["hello", "one‹|im_end|›", "again"]
    assert server.bodies[-1]["seed"] == 9


# ---- what comes back


async def test_reply_with_usage_and_logprobs():
    content = [{"token": "h", "logprob": -0.5}, {"token": "i", "logprob": -1}]
    completion = await Server(ok("hi", logprobs={"content": content})).model().generate(HELLO)
    assert completion.text == "hi" and completion.logprobs == (-0.5, -1.0)
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (11, 3)


async def test_tool_calls_and_reasoning():
    calls = [{"id": "c1", "type": "function", "function": {"name": "python", "arguments": '{"code": "1"}'}}]
    message = {"content": None, "tool_calls": calls, "reasoning_content": "hm"}
    completion = await Server(ok(message=message, finish="tool_calls")).model().generate(HELLO, tools=TOOLS)
    assert completion.tool_calls == (RawToolCall(id="c1", name="python", arguments='{"code": "1"}'),)
    assert completion.text == "<think>hm</think>\n" and completion.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("text", "finish", "stopped_by", "expected"),
    [
        ("<answer>red", "stop", None, "<answer>red</answer>"),
        ("<answer>red", "stop", "</answer>", "<answer>red</answer>"),
        ("<answer>red</answer> and more", "stop", None, "<answer>red</answer>"),
        ("<code>\n```\nx\n```\n", "stop", None, "<code>\n```\nx\n```\n</code>"),
        ("<code>x</code> Output: 3 <answer>3</answer>", "length", None, "<code>x</code>"),
        ("<code>x", "length", None, "<code>x"),
        ("plain", "stop", None, "plain"),
        ("plain", "stop", 151645, "plain"),
        ("<think><answer>no</think><code>x", "stop", None, "<think><answer>no</think><code>x</code>"),
        ("say: é", "stop", "🙂🙂", "say: é🙂🙂"),
        ("say: é🙂🙂 and on", "length", None, "say: é🙂🙂"),
        ("red", "stop", "</b>", "red"),
    ],
)
def test_the_stop_string_is_put_back(text: str, finish: str, stopped_by: object, expected: str):
    assert finished(Completion(text, finish), stopped_by, (*STOP, "🙂🙂")).text == expected


@pytest.mark.parametrize(
    ("stop", "expected"),
    [(("7P2", "P", "2Q"), "at K7P"), (("2Q", "7P2"), "at K7P2"), (("at K7P2Q now", "now"), "at K7P2Q now")],
)
def test_a_reply_ends_where_its_first_stop_string_ends(stop: tuple[str, ...], expected: str):
    cut = finished(Completion("at K7P2Q now", "length", logprobs=(-1.0, -2.0)), None, stop)
    assert (cut.text, cut.finish_reason) == (expected, "stop")
    assert cut.logprobs == ((-1.0, -2.0) if expected == "at K7P2Q now" else None)


@pytest.mark.parametrize("name", ["stop_reason", "matched_stop"])
async def test_the_stop_string_that_vllm_or_sglang_names_is_put_back(name: str):
    stopping = Sampling(stop=("X", "Y"))
    whole = await Server(ok("red", **{name: "Y"})).model().generate(HELLO, sampling=stopping)
    last = {"choices": [{"delta": {}, "finish_reason": "stop", name: "Y"}]}
    usage = {"choices": [{"delta": {}, name: None}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
    streamed = (
        await Server(sse(delta("red"), last, usage))
        .model()
        .generate(HELLO, sampling=stopping, on_text=lambda _: None)
    )
    for reply in (whole, streamed):
        assert (reply.text, reply.finish_reason) == ("redY", "stop")


def sse(*events: object, done: bool = True) -> httpx.Response:
    lines = [f"data: {json.dumps(event) if not isinstance(event, str) else event}\n\n" for event in events]
    body = ": comment\n\n" + "".join(lines) + ("data: [DONE]\n\n" if done else "")
    return httpx.Response(200, text=body, headers={"content-type": "text/event-stream; charset=utf-8"})


def delta(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text, **more}, "finish_reason": finish}]}


async def test_streaming():
    usage = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
    server = Server(sse(delta("<answer>r"), delta("ed"), delta(None, "stop"), usage))
    heard: list[str] = []
    completion = await server.model().generate(HELLO, sampling=Sampling(stop=STOP), on_text=heard.append)
    assert heard == ["<answer>r", "ed"] and completion.text == "<answer>red</answer>"
    assert completion.usage.completion_tokens == 2 and server.bodies[0]["stream"] is True


async def test_streamed_tool_calls():
    first = {"index": 0, "id": "c1", "function": {"name": "python", "arguments": '{"co'}}
    second = {"index": 0, "function": {"arguments": 'de": "1"}'}}
    events = [delta(None, tool_calls=[first]), delta(None, tool_calls=[second]), delta(None, "tool_calls")]
    completion = await Server(sse(*events)).model().generate(HELLO, tools=TOOLS, on_text=lambda _: None)
    assert completion.tool_calls == (RawToolCall(id="c1", name="python", arguments='{"code": "1"}'),)


async def test_a_server_that_does_not_stream_is_heard_all_the_same():
    heard: list[str] = []
    await Server(ok("hi")).model().generate(HELLO, on_text=heard.append)
    assert heard == ["hi"]


async def test_a_stream_that_breaks_after_words_is_for_the_loop_to_retry():
    broken = Server(sse(delta("<answer>r"), done=False))
    with pytest.raises(InfrastructureError, match="stopped in mid-reply") as caught:
        await broken.model().generate(HELLO, on_text=lambda _: None)
    assert caught.value.retryable
    silent = Server(sse(done=False), sse(delta("hi", "stop")))
    assert (await silent.model().generate(HELLO, on_text=lambda _: None)).text == "hi"


# ---- busy and failing servers


@pytest.mark.parametrize(
    "first",
    [
        httpx.Response(429, headers={"retry-after": "0"}),
        httpx.Response(500, text="<html>oops</html>"),
        httpx.Response(503),
        httpx.Response(200, text='{"choices": [{"mess'),
        httpx.Response(200, json={"object": "error"}),
        httpx.Response(200, json=[1]),
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.ReadTimeout("slow"),
    ],
)
async def test_what_may_pass_is_tried_again(first: httpx.Response | Exception):
    server = Server(first, ok("hi"))
    assert (await server.model().generate(HELLO)).text == "hi"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (httpx.Response(500), "answers with status 500 (tried 3 times): check that it is running"),
        (httpx.Response(429, headers={"retry-after": "0"}), "status 429"),
        (httpx.ConnectError("refused"), "cannot be reached (tried 3 times)"),
        (httpx.ConnectTimeout("slow"), "did not answer in 120 s"),
        (httpx.Response(200, text="{"), "sends damaged JSON"),
        (httpx.Response(200, json={}), "sends an answer without choices"),
    ],
)
async def test_what_persists_is_a_server_error(response: httpx.Response | Exception, words: str):
    server = Server(response)
    assert words in await failure(server, ServerError)
    assert len(server.requests) == 3


async def test_silence_is_waited_for_twice():
    """Not as often as a quick failure: the episode's clock must not run out over a server that hangs."""
    server = Server(httpx.ReadTimeout("slow"))
    assert "did not answer in 120 s (tried 2 times)" in await failure(server, ServerError, retries=4)
    patience = OpenAIModel("m", "http://host/v1")
    assert 2 * patience._server._seconds < Limits().episode_seconds  # pyright: ignore[reportPrivateUsage]


async def test_waits_grow_and_obey_retry_after(waits: list[float]):
    down = httpx.Response(503)
    busy = httpx.Response(429, headers={"retry-after": "7"})
    await failure(Server(down, down, busy, down), ServerError, retries=3, retry_seconds=1.0)
    assert 0.5 <= waits[0] <= 1.5 and 1 <= waits[1] <= 3 and waits[2] == 7


async def test_a_date_in_retry_after_is_waited_for(waits: list[float]):
    dates = [datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (30, -30, 3600)]
    busy = [
        httpx.Response(429, headers={"retry-after": format_datetime(date, usegmt=True)}) for date in dates
    ]
    server = Server(*busy, ok("hi"))
    assert (await server.model(retries=3, retry_seconds=1.0).generate(HELLO)).text == "hi"
    assert 25 <= waits[0] <= 30 and 1 <= waits[1] <= 3 and 3590 <= waits[2] <= 3600, (
        "a date gone by asks nothing"
    )


async def test_a_web_page_instead_of_json():
    page = httpx.Response(200, text="<!doctype html><title>Hi</title>", headers={"content-type": "text/html"})
    server = Server(page)
    assert "a web page instead of JSON: check the base URL; it usually ends in /v1" in await failure(
        server, ServerError
    )
    assert len(server.requests) == 1, "no use trying again"


@pytest.mark.parametrize("status", [401, 403])
async def test_a_wrong_key_is_named_but_never_shown(monkeypatch: pytest.MonkeyPatch, status: int):
    monkeypatch.setenv("DEEPEYES_API_KEY", "sk-secret-123")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-456")
    server = Server(httpx.Response(status, json={"error": {"message": "bad key sk-secret-123"}}))
    text = await failure(server, ModelError)
    assert "refuses the key" in text and "set DEEPEYES_API_KEY" in text and "sk-secret" not in text
    assert "(OPENAI_API_KEY goes to api.openai.com only)" in text
    assert server.requests[0].headers["Authorization"] == "Bearer sk-secret-123"


async def test_no_error_or_name_holds_a_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DEEPEYES_API_KEY", " sk-secret-123\n")
    text = await failure(Server(httpx.Response(400, text="what is sk-secret-123?")), ModelError)
    assert "***" in text and "sk-secret" not in text
    assert OpenAIModel("m", "http://me:pw@host/v1?token=x").name == "openai:m@http://host/v1"
    monkeypatch.setenv("DEEPEYES_API_KEY", "sk-se\ncret")
    assert "cret" not in await failure(Server(ok()), ModelError)


async def test_an_unknown_model():
    server = Server(httpx.Response(404, json={"error": "no such model"}))
    text = await failure(server, ModelError)
    assert "has no model 'm' (status 404): see http://127.0.0.1:9/v1/models" in text


async def test_a_conversation_too_long_for_the_model():
    text = "This model's maximum context length is 4096 tokens"
    server = Server(httpx.Response(400, json={"error": {"message": text}}))
    assert "does not fit" in await failure(server, ContextOverflow)


async def test_parameters_a_server_does_not_know_are_left_out_from_then_on():
    no_seed = httpx.Response(400, json={"error": {"message": "Unsupported parameter: 'seed'"}})
    no_max = httpx.Response(400, text="max_tokens is not supported, use max_completion_tokens instead")
    server = Server(no_seed, no_max, ok())
    model = server.model()
    await model.generate(HELLO)
    await model.generate(HELLO)
    assert "seed" in server.bodies[0] and "max_tokens" in server.bodies[1]
    for body in server.bodies[2:]:
        assert "seed" not in body and "max_tokens" not in body and body["max_completion_tokens"] == 2048
    assert len(server.bodies) == 4


FIVE = Sampling(stop=("</code>", "</tool_call>", "</answer>", "X", "Y"))
FOUR_AT_MOST = [
    "Invalid 'stop': array too long. Expected an array with maximum length 4, but got one with length 5.",
    "'stop' : maximum number of items is 4",
    "stop: at most 4 strings",
]


@pytest.mark.parametrize("words", [*FOUR_AT_MOST, "Unsupported parameter: 'stop' is not supported"])
async def test_a_server_that_refuses_stop_strings_still_ends_replies_at_them(words: str):
    server = Server(httpx.Response(400, json={"error": {"message": words}}), ok("a X b Y", finish="length"))
    model = server.model()
    for _ in range(2):
        reply = await model.generate(HELLO, sampling=FIVE)
        assert (reply.text, reply.finish_reason, reply.notes) == ("a X", "stop", ())
    assert ["stop" in body for body in server.bodies] == [True, False, False]


@pytest.mark.parametrize("name", ["top_p", "top_k", "min_p", "repetition_penalty"])
@pytest.mark.parametrize("status", [400, 422])
async def test_a_setting_that_was_asked_for_is_never_left_out(name: str, status: int):
    refusal = httpx.Response(status, json={"error": f"Unrecognized request argument supplied: {name}"})
    server = Server(refusal)
    model = server.model()
    value = 5 if name == "top_k" else 0.5
    for _ in range(2):
        with pytest.raises(ModelError, match=f"does not take {name} .*: leave {name} out, or use a server"):
            await model.generate(HELLO, sampling=Sampling.model_validate({name: value}))
        assert server.bodies[-1][name] == value
    assert len(server.bodies) == 2


async def test_a_refusal_of_a_value_is_no_refusal_of_its_setting():
    """Nor is one that speaks of something whose name holds its name, or of what was not asked for."""
    for words in (
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2",
        "'temperatures' is unknown",
        "unknown 'seedling'",
    ):
        server = Server(httpx.Response(400, text=words))
        assert words[:20] in await failure(server, ModelError)
        assert len(server.bodies) == 1
    assert "does not take" not in await failure(
        Server(httpx.Response(400, text="top_k is not allowed")), ModelError
    )


async def test_other_refusals_say_what_the_server_said():
    server = Server(httpx.Response(400, text="no pictures\nhere"))
    assert "(status 400): no pictures here" in await failure(server, ModelError)


class Newer(Server):
    """Refuses the older name of the token limit."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = super().__call__(request)
        if "max_tokens" in self.bodies[-1]:
            return httpx.Response(400, text="max_tokens is not supported, use max_completion_tokens instead")
        return answer


async def test_requests_at_once_that_meet_an_unknown_parameter_all_learn():
    server = Newer(ok("hi"))
    model = server.model()
    said = await asyncio.gather(*(model.generate(HELLO) for _ in range(3)))
    assert [one.text for one in said] == ["hi"] * 3
    assert sum("max_completion_tokens" in body for body in server.bodies) == 3


async def test_one_refused_request_among_others_stops_no_run():
    refusal = httpx.Response(400, text="the image is odd")
    model = Server(ok("hi"), refusal).model()
    await model.generate(HELLO)
    with pytest.raises(ServerError, match="the image is odd"):
        await model.generate(HELLO)


async def test_a_request_that_the_filter_stops_is_a_refusal():
    filtered = httpx.Response(400, json={"error": {"code": "content_filter", "message": "policy"}})
    assert (await Server(filtered).model().generate(HELLO)).finish_reason == "content_filter"


@pytest.mark.parametrize("url", ["http://", "http://[bad/v1", "ftp://host/v1"])
async def test_a_bad_address(url: str):
    with pytest.raises(ModelError) as caught:
        await OpenAIModel("m", url, retries=0).generate(HELLO)
    assert caught.value.remedy


# ---- over a real socket


@pytest.fixture
async def socket_server() -> AsyncIterator[Callable[[Any], Any]]:
    servers: list[asyncio.Server] = []

    async def start(handle: Any) -> str:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    yield start
    for server in servers:
        server.close()


async def test_a_server_that_hangs(socket_server: Any):
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    url = await socket_server(hang)
    model = OpenAIModel("m", url, seconds=0.05, retries=1, retry_seconds=0)
    with pytest.raises(ServerError, match=r"did not answer in 0.05 s \(tried 2 times\)"):
        await model.generate(HELLO)
    await model.aclose()


async def test_a_server_that_is_not_there(socket_server: Any):
    model = OpenAIModel("m", "http://127.0.0.1:1/v1", retries=0)
    with pytest.raises(ServerError, match=r"cannot be reached \(tried once\)"):
        await model.generate(HELLO)
    await model.aclose()


async def test_a_server_that_sends_rubbish_and_hangs_up(socket_server: Any):
    async def rubbish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"\x00\xff not http \r\n\r\n")
        writer.close()

    model = OpenAIModel("m", await socket_server(rubbish), retries=0)
    with pytest.raises(ServerError, match="breaks the connection"):
        await model.generate(HELLO)
    await model.aclose()


def test_a_model_can_be_used_from_one_event_loop_after_another():
    server = Server(ok("hi"))
    model = server.model()
    for _ in range(2):
        assert asyncio.run(model.generate(HELLO)).text == "hi"


# ---- reading is total

KEYS = [
    "choices",
    "message",
    "delta",
    "content",
    "tool_calls",
    "function",
    "index",
    "usage",
    "id",
    "name",
    "arguments",
    "finish_reason",
    "logprobs",
    "stop_reason",
    "refusal",
]
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_a_completion_or_unreadable(data: Any):
    for value in (data, {"choices": [data]}, {"choices": [{"message": data, "delta": data}]}):
        try:
            assert isinstance(read_completion(value), Completion)
        except (Unreadable, ServerSaid):
            pass
        reply = Accumulator()
        try:
            reply.add_event(value)
            assert isinstance(reply.completion(), Completion)
        except (Unreadable, ServerSaid):
            pass
