"""What is recorded is what was fed, and its log-probabilities are those it was drawn with.

The shipped weights, in nano's own engine and in Transformers, at temperature 1 and with truncation, over
several turns and with images larger than their view.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from models.talking import EVERYTHING, HOT, HOTTER, TRUNCATED, banned, check_logprobs, joined, talk

from deepeyes.agent.agent import Agent
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import Limits
from deepeyes.core.messages import ImagePart
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Trace
from deepeyes.models.base import ChatModel
from deepeyes.models.nano.engine import Request
from deepeyes.models.nano.model import NanoModel
from deepeyes.models.nano.pixels import patchify
from deepeyes.models.transformers import TransformersModel
from deepeyes.sandbox import Sandbox
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool
from deepeyes.world.tasks import world_tasks


@pytest.mark.parametrize("sampling", [HOT, TRUNCATED, EVERYTHING, Sampling(repetition_penalty=1.2)])
async def test_logprobs_are_those_of_one_plain_pass(
    model: ChatModel, hf: TransformersModel, sampling: Sampling
) -> None:
    done = await talk(model, sampling)
    turns = [(one.prompt_ids, one.token_ids, one.logprobs) for one in done.replies]
    check_logprobs(hf, turns, done.images, sampling, banned(model))


async def test_conversations_of_other_lengths_and_settings_do_not_disturb_each_other(
    nano: NanoModel, hf: TransformersModel
) -> None:
    settings = (HOT, TRUNCATED, EVERYTHING, Sampling(), HOT.seeded(9))
    asked = [(one, 2 + number % 2, "word " * 9 * number) for number, one in enumerate(settings)]
    together = await asyncio.gather(*(talk(nano, one, turns=t, words=w) for one, t, w in asked))
    for (sampling, turns, words), done in zip(asked, together, strict=True):
        alone = await talk(nano, sampling, turns=turns, words=words)
        assert alone.ids == done.ids
        recorded = [(one.prompt_ids, one.token_ids, one.logprobs) for one in done.replies]
        check_logprobs(hf, recorded, done.images, sampling, banned(nano))


async def test_nano_and_transformers_take_the_same_likeliest_tokens(
    nano: NanoModel, hf: TransformersModel
) -> None:
    once = Sampling(repetition_penalty=1.2)
    ours, theirs = await talk(nano, once, turns=2), await talk(hf, once, turns=2)
    assert ours.ids == theirs.ids
    assert ours.ids != (await talk(nano, Sampling(), turns=2)).ids, "the penalty changes what is said"


@dataclass
class Fed:
    """What nano's engine really reads and decodes, by conversation, and the patches that its tower sees."""

    ids: dict[int, list[int]]
    patches: list[torch.Tensor]

    @classmethod
    def watch(cls, nano: NanoModel, monkeypatch: pytest.MonkeyPatch) -> "Fed":
        fed, read, step, see = cls({}, []), nano.engine._read, nano.engine._step, nano.engine.network.see

        def reading(one: Request) -> torch.Tensor:
            if one.first:
                fed.ids[one.row] = []
            fed.ids[one.row] += one.ids
            return read(one)

        def seeing(patches: torch.Tensor, grids: list[tuple[int, int, int]]) -> torch.Tensor:
            fed.patches.append(patches)
            return see(patches, grids)

        def stepping(requests: Sequence[Request]) -> torch.Tensor:
            for one in requests:
                fed.ids[one.row].append(one.tokens[-1])
            return step(requests)

        monkeypatch.setattr(nano.engine, "_read", reading)
        monkeypatch.setattr(nano.engine, "_step", stepping)
        monkeypatch.setattr(nano.engine.network, "see", seeing)
        return fed


@pytest.mark.parametrize("max_tokens", [24, 3])
@pytest.mark.parametrize("sampling", [HOT, TRUNCATED])
async def test_recorded_tokens_are_those_that_nano_was_fed(
    nano: NanoModel, monkeypatch: pytest.MonkeyPatch, sampling: Sampling, max_tokens: int
) -> None:
    """Also where replies end in the middle, so that their end is owed to the model."""
    fed = Fed.watch(nano, monkeypatch)
    done = await talk(nano, sampling, max_tokens=max_tokens)
    (ids,) = fed.ids.values()
    assert done.ids[:-1] == ids, "the last token of all is drawn and never fed"
    assert done.ids.count(nano.engine.end) >= 5, "every message and reply but the last ends"
    expected = [patchify(shown.pixels)[0] for shown in done.images if shown.pixels]
    assert len(expected) == 4
    assert torch.equal(torch.cat(fed.patches), torch.cat(expected))


@pytest.mark.parametrize("max_tokens", [24, 3])
async def test_recorded_tokens_are_those_that_transformers_was_fed(
    hf: TransformersModel, monkeypatch: pytest.MonkeyPatch, max_tokens: int
) -> None:
    calls: list[dict[str, Any]] = []
    generate = hf.model.generate
    monkeypatch.setattr(hf.model, "generate", lambda **inputs: calls.append(inputs) or generate(**inputs))
    done = await talk(hf, HOT, max_tokens=max_tokens)
    last = len(done.replies[-1].token_ids or ())
    assert done.ids[:-last] == calls[-1]["input_ids"][0].tolist()
    patches = [patchify(shown.pixels)[0] for shown in done.images if shown.pixels]
    assert torch.equal(calls[-1]["pixel_values"], torch.cat(patches))


async def test_nano_and_transformers_write_conversations_alike(
    nano: NanoModel, hf: TransformersModel
) -> None:
    """The same replies, ended and cut off: the same tokens before, between and after them."""
    for max_tokens in (24, 3):
        ours, theirs = [await talk(one, Sampling(), max_tokens=max_tokens) for one in (nano, hf)]
        assert ours.ids == theirs.ids


async def episodes(model: ChatModel, sampling: Sampling, n: int) -> tuple[list[Trace], ImageStore]:
    store = ImageStore()
    tasks = list(world_tasks(["tiny"], "validation", 4, n, store))
    async with Sandbox.start() as sandbox:
        agent = Agent(model, ToolSet([PythonTool(sandbox)]), None, Limits(turns=4), sampling)
        return await agent.run(tasks, images=store, concurrency=n), store


@pytest.mark.parametrize("sampling", [HOT, HOTTER, TRUNCATED])
async def test_a_trace_holds_what_nano_was_fed_and_drew(
    nano: NanoModel, hf: TransformersModel, monkeypatch: pytest.MonkeyPatch, sampling: Sampling
) -> None:
    """Through the agent loop, with images that came out of the sandbox, many episodes at once."""
    fed = Fed.watch(nano, monkeypatch)
    traces, store = await episodes(nano, sampling, 8)
    assert max(len(trace.turns) for trace in traces) >= (3 if sampling is HOTTER else 2)
    assert any(turn.observation and turn.observation.images for trace in traces for turn in trace.turns)
    sequences = sorted(joined([(t.prompt_ids, t.token_ids) for t in trace.turns])[:-1] for trace in traces)
    assert sequences == sorted(fed.ids.values())
    for trace in traces:
        assert trace.sampling.temperature == sampling.temperature and trace.sampling.stop
        for turn in trace.turns:
            assert turn.loss_mask == (1,) * len(turn.token_ids or ())
        images = [shown.with_pixels(store) for shown in seen(trace)]
        turns = [(turn.prompt_ids, turn.token_ids, turn.logprobs) for turn in trace.turns]
        check_logprobs(hf, turns, images, trace.sampling, banned(nano))


def seen(trace: Trace) -> list[ImagePart]:
    return [shown for turn in trace.turns for message in turn.sent for shown in message.images]


async def test_a_trace_holds_what_transformers_was_fed(
    hf: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[int]] = []
    generate = hf.model.generate
    monkeypatch.setattr(
        hf.model, "generate", lambda **all: calls.append(all["input_ids"][0].tolist()) or generate(**all)
    )
    traces, store = await episodes(hf, HOTTER, 4)
    assert max(len(trace.turns) for trace in traces) >= 2
    for trace in traces:
        ids = joined([(turn.prompt_ids, turn.token_ids) for turn in trace.turns])
        assert ids[: -len(trace.turns[-1].token_ids or ())] in calls
        turns = [(turn.prompt_ids, turn.token_ids, turn.logprobs) for turn in trace.turns]
        images = [shown.with_pixels(store) for shown in seen(trace)]
        check_logprobs(hf, turns, images, trace.sampling, banned(hf))
