"""Whole episodes with a chat-completions server: the trace tells how replies were really drawn."""

import json
from typing import Any

import httpx
import pytest
from PIL import Image
from tools.fake_sandbox import FakeSandbox

from deepeyes.agent.agent import Agent
from deepeyes.core.errors import ModelError
from deepeyes.core.limits import Limits, StopReason
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Trace
from deepeyes.models.openai import OpenAIModel
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool

REPLIES = [
    ("<think>look</think><code>\n```python\nprint(1)\n```\n", "</code>"),
    ("<think>clear</think><answer>red", "</answer>"),
]


class Picky:
    """A server that refuses requests with these parameters, naming one at a time, and keeps the others."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.taken: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        for name in self.refused:
            if name in body:
                return httpx.Response(400, json={"error": {"message": f"Unsupported parameter: '{name}'"}})
        reply, end = REPLIES[len(self.taken) % 2]
        text = reply if "stop" in body else f"{reply}{end} and on and on"
        self.taken.append(body)
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return httpx.Response(200, json={"choices": [choice]})


async def ask(server: Picky, sampling: Sampling) -> Trace:
    model = OpenAIModel(
        "m",
        "http://127.0.0.1:9/v1",
        dialect_name="deepeyes_v2",
        transport=httpx.MockTransport(server),
        retries=0,
    )
    agent = Agent(model, ToolSet([PythonTool(FakeSandbox())]), None, Limits(retries=0), sampling)
    return await agent.ask(Image.new("RGB", (60, 40), "red"), "What colour?")


async def test_the_trace_holds_the_sampling_that_was_sent() -> None:
    server = Picky()
    asked = Sampling(
        temperature=0.7, top_p=0.9, top_k=5, min_p=0.1, repetition_penalty=1.1, seed=4, stop=("X",)
    )
    trace = await ask(server, asked)
    assert (trace.answer, len(server.taken), trace.notes) == ("red", 2, ())
    assert trace.sampling.stop == ("</code>", "</tool_call>", "</answer>", "X")
    for body in server.taken:
        sent = {name: body[name] for name in Sampling.model_fields}
        assert Sampling.model_validate(sent) == trace.sampling == asked.stopping(trace.sampling.stop)


@pytest.mark.parametrize("refused", [("temperature",), ("seed",), ("seed", "temperature")])
async def test_a_server_without_temperature_or_seed_is_told_of_once(refused: tuple[str, ...]) -> None:
    server = Picky(*refused)
    trace = await ask(server, Sampling(temperature=0.7, seed=4))
    assert (trace.stop_reason, len(trace.turns)) == (StopReason.answered, 2)
    assert sorted(trace.notes) == sorted(
        f"m was asked without {name}, which its server does not take" for name in refused
    )


async def test_a_server_without_stop_strings_needs_no_word() -> None:
    trace = await ask(Picky("stop"), Sampling())
    assert [turn.text for turn in trace.turns] == [reply + end for reply, end in REPLIES]
    assert (trace.answer, trace.notes) == ("red", ())


async def test_a_server_without_a_setting_that_was_asked_for_ends_the_run() -> None:
    with pytest.raises(ModelError, match=r"does not take top_k .*: leave top_k out"):
        await ask(Picky("top_k"), Sampling(temperature=1.0, top_k=5))
