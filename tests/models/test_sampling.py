"""How tokens are drawn and where replies end, with the shipped weights in nano and in Transformers."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models.talking import HOT, chain, plain, talk

from deepeyes.core.messages import Message
from deepeyes.core.sampling import Sampling
from deepeyes.models.base import ChatModel, Completion
from deepeyes.models.nano.engine import Request
from deepeyes.models.nano.model import NanoModel, load_nano
from deepeyes.models.nano.sampler import distribution
from deepeyes.models.transformers import TransformersModel

# ---- the distribution


SETTINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.3, 0.7, 1.0, 2.5]),
    top_k=st.sampled_from([0, 1, 3, 20, 10_000]),
    top_p=st.sampled_from([1.0, 0.95, 0.5, 0.05]),
    min_p=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    repetition_penalty=st.sampled_from([1.0, 1.2, 0.7, 3.0]),
)


@settings(max_examples=150)
@given(rows=st.lists(SETTINGS, min_size=1, max_size=6), seed=st.integers(0, 2**31), coarse=st.booleans())
def test_every_row_is_drawn_as_transformers_would(
    hf: TransformersModel, rows: list[Sampling], seed: int, coarse: bool
) -> None:
    """In one batch, with tokens that may not be drawn, and with ties where logits are coarse."""
    dice = torch.Generator().manual_seed(seed)
    logits = torch.randn(len(rows), 90, generator=dice) * 4
    logits = logits.round() if coarse else logits
    logits[torch.rand(logits.shape, generator=dice) < 0.2] = -torch.inf
    logits[:, 7] = 0.5
    ids = torch.randint(90, (len(rows), 12), generator=dice)
    met = torch.zeros(logits.shape, dtype=torch.bool).scatter(1, ids, True)
    kept = logits.clone()
    ours = distribution(logits, rows, met)
    assert torch.equal(logits, kept), "the logits belong to the caller"
    assert torch.allclose(ours.exp().sum(-1), torch.ones(len(rows)), atol=1e-5)
    for row, one in enumerate(rows):
        theirs = torch.log_softmax(chain(hf, one, 12)(ids[row : row + 1], logits[row : row + 1]), -1)[0]
        assert torch.equal(ours[row].isinf(), theirs.isinf())
        assert torch.allclose(ours[row], theirs, atol=1e-6)
        assert torch.equal(ours[row], distribution(logits[row : row + 1], [one], met[row : row + 1])[0])


async def test_draws_follow_the_truncated_distribution(nano: NanoModel, hf: TransformersModel) -> None:
    hot = Sampling(temperature=6.0, top_k=8, top_p=0.9)
    question = [Message.make("user", "What colour is the sign?")]

    async def first(seed: int) -> tuple[int, float]:
        conversation = nano.conversation(hot.seeded(seed))
        reply = await conversation.send(question, max_tokens=1)
        await conversation.close()
        assert reply.token_ids and reply.logprobs and reply.prompt_ids
        prompts.add(reply.prompt_ids)
        return reply.token_ids[0], reply.logprobs[0]

    prompts: set[tuple[int, ...]] = set()
    draws = await asyncio.gather(*(first(seed) for seed in range(600)))
    (prompt,) = prompts
    logits = plain(hf, list(prompt), [])[-1:]
    banned = nano.engine._banned.tolist()
    expected = torch.log_softmax(chain(hf, hot, len(prompt), banned)(torch.tensor([prompt]), logits), -1)[0]
    kept = expected.isfinite().nonzero().flatten().tolist()
    assert 3 <= len(kept) <= 8 and {token for token, _ in draws} <= set(kept)
    for token, logprob in draws:
        assert logprob == pytest.approx(float(expected[token]), abs=1e-4)
    counts = np.array([sum(token == one for token, _ in draws) for one in kept])
    wanted = np.array([600 * float(expected[token].exp()) for token in kept])
    assert wanted.min() > 5
    chi_square = float((((counts - wanted) ** 2) / wanted).sum())
    assert chi_square < 30, f"{chi_square} with {len(kept) - 1} degrees of freedom: p is below 0.001"


# ---- seeds and rows


async def test_turns_of_one_conversation_do_not_repeat_each_others_draws(model: ChatModel) -> None:
    """The same hot distribution twice, nearly: equal draws would be a seed that forgets the turn."""
    flat = Sampling(temperature=1e4, seed=11)
    conversation = model.conversation(flat)
    question = [Message.make("user", "x")]
    first, second = [(await conversation.send(question, max_tokens=12)).token_ids for _ in range(2)]
    await conversation.close()
    assert first and second and sum(a == b for a, b in zip(first, second, strict=False)) < 4
    again = model.conversation(flat)
    assert (await again.send(question, max_tokens=12)).token_ids == first
    await again.close()


async def test_a_row_taken_again_knows_nothing_of_before() -> None:
    strict = Sampling(repetition_penalty=1.5)
    one = load_nano("nano", rows=1)
    fresh = await talk(one, strict, turns=2)
    await talk(one, HOT, turns=2, words="SIGN left of the red door, 0 1 2 3 4 5 6 7 8 9 ")
    again = await talk(one, strict, turns=2)
    assert again == fresh
    await one.aclose()


async def test_a_reply_that_is_cancelled_leaves_nothing_in_the_row_of_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = load_nano("nano", rows=1)
    fresh = await talk(one, Sampling(), turns=1)
    began, go_on = threading.Event(), threading.Event()
    step = one.engine._step

    def slow(requests: Sequence[Request]) -> torch.Tensor:
        began.set()
        assert go_on.wait(20)
        return step(requests)

    monkeypatch.setattr(one.engine, "_step", slow)
    lost = one.conversation(HOT)
    sending = asyncio.create_task(lost.send([Message.make("user", "x " * 40)], max_tokens=99))
    assert await asyncio.to_thread(began.wait, 20)
    waiting = asyncio.create_task(talk(one, Sampling(), turns=1))
    await asyncio.sleep(0.05)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await lost.close()
    await asyncio.sleep(0.05)  # the row is taken, and the thread still decodes for who had it
    go_on.set()
    assert await waiting == fresh
    await one.aclose()


# ---- stop strings


@pytest.fixture
def say(model: ChatModel, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the model says to a question, if it wants to say `text`, with these stop strings."""

    async def said(text: str, *stop: str, question: str = "What?", max_tokens: int = 200) -> Completion:
        if isinstance(model, NanoModel):
            tokenizer, end = model.engine.tokenizer, model.engine.end
        else:
            tokenizer = model.processor.tokenizer.backend_tokenizer
            end = model.processor.tokenizer.eos_token_id
        wanted = iter([*tokenizer.encode(text, add_special_tokens=False).ids, end])

        def only_the_next(scores: torch.Tensor) -> torch.Tensor:
            return torch.full_like(scores, -torch.inf).index_fill(1, torch.tensor([next(wanted)]), 0.0)

        if isinstance(model, NanoModel):
            monkeypatch.setattr(
                "deepeyes.models.nano.engine.distribution", lambda scores, *_: only_the_next(scores)
            )
        else:
            generate = type(model.model).generate
            force = [lambda _, scores: only_the_next(scores)]
            monkeypatch.setattr(
                model.model, "generate", lambda **all: generate(model.model, logits_processor=force, **all)
            )
        conversation = model.conversation(Sampling(stop=stop))
        reply = await conversation.send([Message.make("user", question)], max_tokens=max_tokens)
        await conversation.close()
        return reply

    return said


LONG = "the red sign left of the door says 4 5 6 and nothing else at all"


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        pytest.param(f"look: {LONG} more", (LONG,), f"look: {LONG}", id="long"),
        pytest.param("red 🙂🙂🙂 blue", ("🙂🙂🙂",), "red 🙂🙂🙂", id="several-bytes-a-character"),
        pytest.param("red é blue", ("é",), "red é", id="two-bytes"),
        pytest.param("at K7P2Q now", ("7P2", "P", "2Q"), "at K7P", id="overlapping"),
        pytest.param("a red b", ("red b", "red"), "a red", id="one-within-another"),
        pytest.param("red\nblue", ("assistant\nred", "\nred"), "red\nblue", id="begins-in-the-prompt"),
        pytest.param("blue red", ("What?",), "blue red", id="stands-in-the-prompt"),
        pytest.param("<answer>red</answer>", ("</code>",), "<answer>red</answer>", id="not-said"),
    ],
)
async def test_a_reply_keeps_its_first_stop_string_and_ends(
    say: Any, text: str, stop: tuple[str, ...], expected: str
) -> None:
    reply = await say(text, *stop)
    assert (reply.text, reply.finish_reason) == (expected, "stop")


async def test_a_token_that_says_more_than_the_rest_of_a_stop_string_ends_the_reply(say: Any) -> None:
    reply = await say("a>. b", ">")
    assert (reply.text, reply.finish_reason) == ("a>.", "stop"), "what was sampled is kept whole"
    assert len(reply.token_ids) == len(reply.logprobs) == 2


async def test_a_reply_without_room_for_its_end_says_so(say: Any) -> None:
    assert (await say("red blue sign", "sign", max_tokens=2)).finish_reason == "length"
