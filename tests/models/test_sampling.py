"""How tokens are drawn, and that what is recorded is what was fed.

The shipped weights, in nano's own engine and in Transformers, at temperature 1 and with truncation, over
several turns and with images larger than their view.
"""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from transformers import GenerationConfig

from deepeyes.agent.agent import Agent
from deepeyes.core.images import ImageStore, image_ref
from deepeyes.core.limits import Limits
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Trace
from deepeyes.models.base import ChatModel, Completion
from deepeyes.models.nano.engine import Request
from deepeyes.models.nano.model import NAMES, WEIGHTS, NanoModel, load_nano
from deepeyes.models.nano.pixels import patchify
from deepeyes.models.nano.sampler import distribution
from deepeyes.models.registry import resolve_model
from deepeyes.models.transformers import TransformersModel
from deepeyes.models.transformers_generate import _forbidden
from deepeyes.sandbox import Sandbox
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool
from deepeyes.world.tasks import world_tasks

HOT = Sampling(temperature=1.0, seed=3)
TRUNCATED = Sampling(temperature=0.7, top_p=0.8, top_k=20, seed=5)
HOTTER = Sampling(temperature=1.6, seed=3)
"""Hot enough for malformed replies and failing code, so for conversations of three turns and more."""
EVERYTHING = Sampling(temperature=1.7, top_p=0.9, top_k=40, min_p=0.02, repetition_penalty=1.3, seed=8)


@pytest.fixture(scope="module")
def hf() -> TransformersModel:
    model = resolve_model(f"hf:{WEIGHTS / NAMES['nano']}", device="cpu", dtype="float32", prompt="brief")
    assert isinstance(model, TransformersModel)
    return model


@pytest.fixture
async def nano() -> Any:
    model = load_nano("nano")
    yield model
    await model.aclose()


@pytest.fixture(params=["nano", "hf"])
def model(request: pytest.FixtureRequest, nano: NanoModel, hf: TransformersModel) -> ChatModel:
    return nano if request.param == "nano" else hf


def picture(number: int) -> Image.Image:
    """Larger than any view, another for every number."""
    noise = np.random.default_rng(number).integers(0, 90, (520, 700 + 64 * number, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    draw = ImageDraw.Draw(image)
    draw.rectangle((60 * number + 20, 40, 60 * number + 300, 300), fill=(200, 30 * number, 40))
    return image


def part(model: ChatModel, number: int) -> ImagePart:
    image = picture(number)
    shown = ImagePart.of(f"image_{number}", image, image_ref(image), model.vision)
    assert shown.view_width * shown.view_height < image.width * image.height / 2
    return shown


@dataclass
class Talk:
    replies: list[Completion]
    images: list[ImagePart]

    @property
    def ids(self) -> list[int]:
        """The recorded sequence."""
        return joined([(one.prompt_ids, one.token_ids) for one in self.replies])


def joined(turns: Sequence[tuple[Any, Any]]) -> list[int]:
    assert all(prompt and tokens for prompt, tokens in turns)
    return [token for prompt, tokens in turns for token in (*prompt, *tokens)]


async def talk(
    model: ChatModel, sampling: Sampling, *, turns: int = 3, max_tokens: int = 24, words: str = ""
) -> Talk:
    """Turns with one image each, and two in the second."""
    conversation = model.conversation(sampling)
    shown = [part(model, number) for number in range(1, turns + 2)]
    done = Talk([], [])
    for turn in range(turns):
        new = shown[:1] if turn == 0 else shown[1:3] if turn == 1 else shown[turn + 1 : turn + 2]
        text = f"{words}What does the sign say?" if turn == 0 else "Output:\n"
        done.images += new
        done.replies.append(
            await conversation.send([Message.make("user", *new, text)], max_tokens=max_tokens)
        )
    await conversation.close()
    return done


# ---- the distribution


def chain(hf: TransformersModel, one: Sampling, length: int, banned: Sequence[int] = ()) -> Any:
    """What Transformers itself does with the logits before it draws, in its own order."""
    drawn = one.temperature > 0
    options = {"temperature": one.temperature, "top_k": one.top_k, "top_p": one.top_p} if drawn else {}
    config = GenerationConfig(
        do_sample=drawn,
        min_p=one.min_p or None,
        repetition_penalty=one.repetition_penalty,
        suppress_tokens=list(banned) or None,
        **options,
    )
    return hf.model._get_logits_processor(
        config, input_ids_seq_length=length, model_kwargs={"attention_mask": torch.ones(1, length)}
    )


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


# ---- what is recorded is what was fed, and its log-probabilities are those it was drawn with


def plain(hf: TransformersModel, ids: list[int], images: Sequence[ImagePart]) -> torch.Tensor:
    """Logits (tokens, vocabulary) of one pass over the whole sequence."""
    x = torch.tensor([ids])
    inputs: dict[str, Any] = {}
    if images:
        patches, grids = zip(*(patchify(shown.pixels) for shown in images if shown.pixels), strict=True)
        inputs = {"pixel_values": torch.cat(patches), "image_grid_thw": torch.tensor(grids)}
        inputs["mm_token_type_ids"] = (x == hf.model.config.image_token_id).int()
    with torch.inference_mode():
        return hf.model(input_ids=x, attention_mask=torch.ones_like(x), **inputs).logits[0]


def banned(model: ChatModel) -> list[int]:
    return model.engine._banned.tolist() if isinstance(model, NanoModel) else _forbidden(model.model)


def check_logprobs(
    hf: TransformersModel,
    turns: Sequence[tuple[Any, Any, Any]],
    images: Sequence[ImagePart],
    sampling: Sampling,
    banned: Sequence[int],
) -> None:
    """Each (prompt_ids, token_ids, logprobs) against one plain pass over all of them, equally processed."""
    ids = joined([(prompt, tokens) for prompt, tokens, _ in turns])
    logits = plain(hf, ids, images)
    place = 0
    for prompt, tokens, logprobs in turns:
        place += len(prompt)
        assert len(logprobs) == len(tokens)
        for token, logprob in zip(tokens, logprobs, strict=True):
            scores = chain(hf, sampling, place, banned)(
                torch.tensor([ids[:place]]), logits[place - 1 : place].clone()
            )
            assert logprob == pytest.approx(float(scores.log_softmax(-1)[0, token]), abs=1e-4)
            place += 1


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
    """What nano's engine really reads and decodes, by conversation."""

    ids: dict[int, list[int]]
    pixels: dict[int, list[torch.Tensor]]

    @classmethod
    def watch(cls, nano: NanoModel, monkeypatch: pytest.MonkeyPatch) -> "Fed":
        fed, read, step = cls({}, {}), nano.engine._read, nano.engine._step

        def reading(requests: Sequence[Request]) -> torch.Tensor:
            for one in requests:
                if one.first:
                    fed.ids[one.row], fed.pixels[one.row] = [], []
                fed.ids[one.row] += one.ids
                fed.pixels[one.row] += one.pixels
            return read(requests)

        def stepping(requests: Sequence[Request]) -> torch.Tensor:
            for one in requests:
                fed.ids[one.row].append(one.tokens[-1])
            return step(requests)

        monkeypatch.setattr(nano.engine, "_read", reading)
        monkeypatch.setattr(nano.engine, "_step", stepping)
        return fed


@pytest.mark.parametrize("max_tokens", [24, 3])
@pytest.mark.parametrize("sampling", [HOT, TRUNCATED])
async def test_recorded_tokens_are_those_that_nano_was_fed(
    nano: NanoModel, monkeypatch: pytest.MonkeyPatch, sampling: Sampling, max_tokens: int
) -> None:
    """Also where replies end in the middle, so that their end is owed to the model."""
    fed = Fed.watch(nano, monkeypatch)
    done = await talk(nano, sampling, max_tokens=max_tokens)
    ((row, ids),) = fed.ids.items()
    assert done.ids[:-1] == ids, "the last token of all is drawn and never fed"
    assert done.ids.count(nano.engine.end) >= 5, "every message and reply but the last ends"
    expected = [patchify(shown.pixels)[0] for shown in done.images if shown.pixels]
    assert len(expected) == 4
    assert all(torch.equal(a, b) for a, b in zip(fed.pixels[row], expected, strict=True))


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
        tokenizer = model.engine.tokenizer if isinstance(model, NanoModel) else model.processor.tokenizer
        wanted = iter([*tokenizer(text, add_special_tokens=False).input_ids, tokenizer.eos_token_id])

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
    reply = await say("<answer>red</answer>. And more", "</answer>")
    assert reply.finish_reason == "stop" and reply.text in ("<answer>red</answer>", "<answer>red</answer>.")
    assert len(reply.token_ids) == len(reply.logprobs)


async def test_a_reply_without_room_for_its_end_says_so(say: Any) -> None:
    assert (await say("red blue sign", "sign", max_tokens=2)).finish_reason == "length"
