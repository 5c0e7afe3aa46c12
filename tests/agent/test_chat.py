"""`Agent.chat`: questions that follow one another, in one conversation with one state of its tools."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from agent.test_loop import ANSWER, Raising, run
from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.core.actions import RawToolCall
from deepeyes.core.errors import InputError, ServerError
from deepeyes.core.limits import Limits, StopReason
from deepeyes.core.messages import Message
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import TraceWriter, read_traces
from deepeyes.dialects.native import Native
from deepeyes.models.base import ChatModel, Completion, MessageConversation
from deepeyes.models.registry import resolve_model
from deepeyes.models.scripted import ScriptedModel
from deepeyes.sandbox import Sandbox
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool

RED, BLUE = Image.new("RGB", (60, 40), "red"), Image.new("RGB", (30, 20), "blue")


class Server:
    """What a server with the chat protocol does: no memory, and a refusal of turns out of order."""

    name, dialect_name, prompt = "server", "deepeyes_v2", "full"
    vision = ScriptedModel([]).vision

    def __init__(self, *replies: str | Completion) -> None:
        self.replies = list(replies)
        self.sent: list[list[Message]] = []

    def conversation(self, sampling: Sampling = Sampling()) -> MessageConversation:
        return MessageConversation(self, sampling)

    async def generate(self, messages: Any, **_: Any) -> Completion:
        self.sent.append(list(messages))
        roles = [message.role for message in messages if message.role != "system"]
        for before, here in pairwise(roles):
            assert (before, here) != ("user", "user"), "strict servers refuse two in a row"
        calls = [call.id for message in messages for call in message.tool_calls]
        assert calls == [message.tool_call_id for message in messages if message.role == "tool"]
        reply = self.replies.pop(0)
        return reply if isinstance(reply, Completion) else Completion(reply)

    async def aclose(self) -> None: ...


async def test_variables_and_names_of_images_go_on(tmp_path: Path) -> None:
    model = Server(
        run("kept = image_1.crop((0, 0, 9, 9))\ndisplay(kept)"),
        ANSWER,
        run("print(kept.size, image_3.size)\ndisplay(image_3)"),
        ANSWER,
    )
    async with Sandbox.start() as sandbox:
        agent = Agent(model, ToolSet([PythonTool(sandbox)]))
        async with agent.chat(id="talk", writer=TraceWriter(tmp_path)) as chat:
            first = await chat.ask("What colour?", RED)
            second = await chat.ask("And this one?", BLUE)
    assert [part.name for part in first.image_parts()] == ["image_1", "image_2"]
    assert [part.name for part in second.image_parts()] == ["image_1", "image_2", "image_3", "image_4"]
    seen = second.turns[0].observation
    assert seen is not None and seen.stdout.split() == ["(9,", "9)", "(30,", "20)"]
    assert first.id == "talk-01#0" and second.id == "talk-02#0"
    assert [trace.id for trace in read_traces(tmp_path)] == [first.id, second.id]
    assert sum(message.role == "system" for message in model.sent[-1]) == 1


async def test_the_trace_of_a_later_question_is_whole_by_itself() -> None:
    model = Server(run("print(1)"), ANSWER, ANSWER)
    async with Sandbox.start() as sandbox, Agent(model, ToolSet([PythonTool(sandbox)])).chat() as chat:
        await chat.ask("What colour?", RED)
        second = await chat.ask("Are you sure?")
    lived = [(message.role, message.text) for message in second.messages()]
    assert lived[:-1] == [(message.role, message.text) for message in model.sent[-1]]
    assert [role for role, _ in lived] == ["system", *["user", "assistant"] * 3]
    assert len(second.turns) == 1 and second.task.question == "Are you sure?" and second.answer == "red"


async def test_every_question_has_all_turns_and_an_end_of_turns_ends_nothing() -> None:
    """A call that nobody ran is answered before the next question, as strict servers want it."""
    call = RawToolCall(id="c1", name="python", arguments='{"code": "print(1)"}')
    for speech, last in ((None, run("print(1)")), (Native(), Completion("", tool_calls=(call,)))):
        model = Server(last, ANSWER)
        async with Agent(model, ToolSet(), speech, Limits(turns=1)).chat() as chat:
            first = await chat.ask("What colour?", RED)
            assert first.stop_reason == StopReason.max_turns and not chat.is_over
            assert (await chat.ask("Answer now.")).answer == "red"
        assert "It was not run." in "".join(message.text for message in model.sent[-1])


async def test_a_reply_without_an_action_is_explained_before_the_next_question() -> None:
    model = Server("hm", ANSWER)
    async with Agent(model, ToolSet(), None, Limits(malformed=0)).chat() as chat:
        assert (await chat.ask("What colour?", RED)).stop_reason == StopReason.malformed
        assert (await chat.ask("Say it in tags.")).answer == "red"
    said = model.sent[-1][-1].text
    assert "could not be used" in said and "Say it in tags." in said


async def test_after_a_failure_of_ours_the_question_is_not_lost() -> None:
    model = Raising([ServerError("it is down", "start it")])
    async with Agent(model, ToolSet()).chat() as chat:
        assert (await chat.ask("What colour?", RED)).stop_reason == StopReason.infrastructure_error
        second = await chat.ask("Still there?")
    assert second.answer == "red"
    (opening,) = [message for message in second.opening if message.role == "user"]
    assert "What colour?" in opening.text and "Still there?" in opening.text
    assert [part.name for part in opening.images] == ["image_1"]


async def test_a_reply_that_was_broken_off_ends_the_chat(tmp_path: Path) -> None:
    class Slow(Server):
        async def generate(self, messages: Any, **_: Any) -> Completion:
            await asyncio.sleep(60)
            raise AssertionError

    async with Agent(Slow(), ToolSet(), None, Limits(episode_seconds=0.05)).chat(
        writer=TraceWriter(tmp_path)
    ) as chat:
        assert (await chat.ask("What colour?", RED)).stop_reason == StopReason.timeout
        assert chat.is_over
        with pytest.raises(InputError, match="begin another one"):
            await chat.ask("And now?")
    assert len(list(read_traces(tmp_path))) == 1


async def test_a_question_that_cannot_be_asked_takes_no_number() -> None:
    async with Agent(ScriptedModel([ANSWER, ANSWER]), ToolSet()).chat(id="t") as chat:
        with pytest.raises(InputError):
            await chat.ask("  ")
        assert (await chat.ask("x")).id == "t-01#0"


@pytest.mark.parametrize("name", ["nano", "hf"])
async def test_models_in_process_go_on_with_their_tokens(name: str) -> None:
    from deepeyes.models.nano.model import NAMES, WEIGHTS

    if name == "hf":
        weights = WEIGHTS / NAMES["nano"]
        model: ChatModel = resolve_model(f"hf:{weights}", device="cpu", dtype="float32", prompt="brief")
    else:
        model = resolve_model("nano")
    agent = Agent(model, ToolSet(), None, Limits(turns=2, tokens_per_turn=30))
    async with agent.chat() as chat:
        first = await chat.ask("What colour is the circle?", RED)
        second = await chat.ask("And the square?", BLUE)
    await model.aclose()
    fed = [token for turn in first.turns for token in (*(turn.prompt_ids or ()), *(turn.token_ids or ()))]
    begun = second.turns[0].prompt_ids or ()
    assert fed and list(begun[: len(fed)]) == fed and len(begun) > len(fed)
    assert all(turn.prompt_ids and turn.token_ids for turn in second.turns)
