"""From real episodes to the forward pass that learns from them: recorded and computed numbers agree."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from deepeyes import Sampling, open_agent
from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import Trace
from deepeyes.models.nano.model import NAMES, WEIGHTS
from deepeyes.models.transformers import do_without_torchvision
from deepeyes.train.batch import Batch, Collator
from deepeyes.train.logprobs import Mismatch, logprobs_of, mismatch
from deepeyes.train.tokens import ImageChunk, Record, TextChunk, record_of
from deepeyes.world.families import FAMILIES, splits_of
from deepeyes.world.tasks import world_tasks

SAMPLINGS = {
    "whole": Sampling(temperature=1.0, seed=3),
    "cool": Sampling(temperature=0.7, seed=4),
    "truncated": Sampling(temperature=1.2, top_p=0.95, top_k=40, min_p=0.01, seed=5),
    "greedy": Sampling(),
}


Fields = dict[str, Any]


@dataclass
class Played:
    """Episodes of all families with their images, as records."""

    traces: list[Trace]
    images: ImageStore
    records: list[Record]


@dataclass
class Learner:
    model: Any
    collator: Collator

    def scores(self, records: list[Record], images: ImageStore) -> tuple[Batch, torch.Tensor]:
        batch = self.collator(records, images)
        with torch.no_grad():
            return batch, logprobs_of(self.model, batch, chunk=100).logprobs

    def mismatch(self, records: list[Record], images: ImageStore) -> Mismatch:
        batch, scores = self.scores(records, images)
        return mismatch(scores, batch.logprobs, batch.chosen)


@cache
def learner() -> Learner:
    do_without_torchvision()
    folder = WEIGHTS / NAMES["nano"]
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    return Learner(model, Collator(model, AutoProcessor.from_pretrained(folder)))


@cache
def played(name: str) -> Played:
    """Two questions of each family, sampled all at once: ragged, of several images and turns."""

    async def play() -> Played:
        images = ImageStore()
        families = [family for family in FAMILIES if "train" in splits_of(family)]
        tasks = list(world_tasks(families, "train", 11, 2 * len(families), images))
        async with open_agent("nano", search="world", sampling=SAMPLINGS[name]) as agent:
            traces = await agent.run(tasks, images=images, concurrency=8)
        token = learner().collator.image_token
        return Played(traces, images, [record_of(trace, image_token=token) for trace in traces])

    return asyncio.run(play())


@pytest.mark.parametrize("name", SAMPLINGS)
def test_the_learner_agrees_with_what_was_recorded_while_sampling(name: str) -> None:
    found = played(name)
    assert max(len(record.images) for record in found.records) >= 3
    assert max(len(trace.turns) for trace in found.traces) >= 3
    apart = learner().mismatch(found.records, found.images)
    assert apart.tokens > 1_000 and apart.largest <= 1e-4 and apart.mean <= 1e-6
    assert apart.pearson > 0.99999


def test_a_record_is_the_episodes_own_token_sequence() -> None:
    token = learner().collator.image_token
    for trace, record in zip(played("whole").traces, played("whole").records, strict=True):
        flat = [i for turn in trace.turns for i in (*(turn.prompt_ids or ()), *(turn.token_ids or ()))]
        assert record.ids(token) == flat and len(record) == len(record.logprobs) == len(flat)
        assert [image.ref for image in record.images] == [
            part.ref for turn in trace.turns for message in turn.sent for part in message.images
        ]
        assert sum(record.chosen) == sum(len(turn.token_ids or ()) for turn in trace.turns)


def several(name: str = "whole") -> tuple[int, Record]:
    """The first episode of several images of one size."""
    for place, record in enumerate(played(name).records):
        images = record.images
        if len(images) >= 2 and images[0].ref != images[1].ref:
            return place, record
    raise AssertionError("no such episode")


def swapped(record: Record) -> Record:
    """Its first two images' pixels in each other's place, at the sizes that the tokens say."""
    first, second, *_ = record.images
    other = {
        first: replace(first, ref=second.ref),
        second: replace(second, ref=first.ref),
    }
    chunks = [other.get(chunk, chunk) if isinstance(chunk, ImageChunk) else chunk for chunk in record.chunks]
    return replace(record, chunks=tuple(chunks))


def test_two_images_in_each_others_place_are_caught() -> None:
    _, record = several()
    images = played("whole").images
    assert learner().mismatch([record], images).largest <= 1e-4
    assert learner().mismatch([swapped(record)], images).largest > 0.01


def test_a_mask_that_is_off_by_one_token_is_caught() -> None:
    _, record = several()
    moved = list(record.chosen)
    begin = moved.index(1)
    moved[begin - 1], moved[begin + moved[begin:].index(0) - 1 if 0 in moved[begin:] else -1] = 1, 0
    apart = learner().mismatch([replace(record, chosen=tuple(moved))], played("whole").images)
    assert apart.largest > 0.01


def test_an_image_that_is_dropped_is_refused_before_any_forward_pass() -> None:
    _, record = several()
    first = record.images[0]
    lost = [
        TextChunk((learner().collator.image_token,) * len(chunk)) if chunk == first else chunk
        for chunk in record.chunks
    ]
    with pytest.raises(InputError, match=r"image tokens for \d+ cells of images"):
        learner().collator([replace(record, chunks=tuple(lost))], played("whole").images)


def changed(trace: Trace, change: Callable[[Fields], Fields]) -> Trace:
    """The first turn with fields of other values."""
    fields = change({name: getattr(trace.turns[0], name) for name in type(trace.turns[0]).model_fields})
    return trace.model_copy(update={"turns": (trace.turns[0].model_copy(update=fields), *trace.turns[1:])})


def without_one(ids: tuple[int, ...], token: int) -> tuple[int, ...]:
    place = ids.index(token)
    return ids[:place] + ids[place + 1 :]


def faults(token: int) -> list[tuple[Callable[[Fields], Fields], str]]:
    """Changes of a turn, and what is said of them."""
    return [
        (lambda turn: {"prompt_ids": (*turn["prompt_ids"], token)}, "beyond its 1 images"),
        (lambda turn: {"prompt_ids": without_one(turn["prompt_ids"], token)}, "fewer than its images need"),
        (
            lambda turn: {"prompt_ids": tuple(one for one in turn["prompt_ids"] if one != token)},
            "shows an image that has no tokens",
        ),
        (lambda turn: {"sent": ()}, "beyond its 0 images"),
        (lambda turn: {"logprobs": None}, "lacks a log-probability"),
        (lambda turn: {"logprobs": turn["logprobs"][1:]}, "lacks a log-probability"),
        (lambda turn: {"token_ids": (token, *turn["token_ids"][1:])}, "wrote an image token"),
    ]


@pytest.mark.parametrize("fault", range(7))
def test_tokens_that_do_not_fit_their_images_are_refused_by_name(fault: int) -> None:
    token = learner().collator.image_token
    change, words = faults(token)[fault]
    trace = played("whole").traces[0]
    assert trace.turns[0].sent and record_of(trace, image_token=token)
    with pytest.raises(InputError, match=words) as caught:
        record_of(changed(trace, change), image_token=token)
    assert trace.id in str(caught.value)


def test_an_episode_without_tokens_says_where_they_come_from() -> None:
    trace = played("whole").traces[0].model_copy(update={"turns": ()})
    with pytest.raises(InputError, match="no recorded tokens: sample with nano"):
        record_of(trace, image_token=1)


def test_a_repetition_penalty_is_refused() -> None:
    trace = played("whole").traces[0]
    odd = trace.model_copy(update={"sampling": Sampling(temperature=1.0, repetition_penalty=1.1)})
    with pytest.raises(InputError, match="repetition penalty"):
        record_of(odd, image_token=learner().collator.image_token)


def test_what_could_not_be_drawn_is_part_of_the_distribution() -> None:
    found = played("whole")
    assert all(trace.banned for trace in found.traces)
    free = [replace(record, banned=()) for record in found.records]
    apart = learner().mismatch(free, found.images).largest
    assert apart > learner().mismatch(found.records, found.images).largest


def test_a_masked_reply_is_not_learned() -> None:
    trace = played("whole").traces[0]
    size = len(trace.turns[0].token_ids or ())
    masked = changed(trace, lambda turn: {"loss_mask": (0,) * size})
    token = learner().collator.image_token
    one, other = record_of(trace, image_token=token), record_of(masked, image_token=token)
    assert sum(one.chosen) - sum(other.chosen) == size and one.chunks == other.chunks


def test_a_batch_pads_without_changing_any_number() -> None:
    found = played("whole")
    _, together = learner().scores(found.records, found.images)
    for place, record in enumerate(found.records[:4]):
        _, alone = learner().scores([record], found.images)
        assert torch.allclose(together[place, : len(record)], alone[0], atol=1e-5)


def test_episodes_are_the_same_only_with_the_same_tokens_images_and_choices() -> None:
    place, record = several()
    assert record.same == replace(record, name="other", logprobs=()).same
    assert record.same != swapped(record).same
    assert record.same != replace(record, chosen=(0,) * len(record)).same
    assert record.same != played("whole").records[place - 1].same


def test_images_are_cut_into_patches_once_and_as_the_processor_does() -> None:
    found = played("whole")
    collator = Collator(learner().model, learner().collator.processor)
    batch = collator([found.records[0], found.records[0]], found.images)
    views = [found.images.get(image.ref) for image in found.records[0].images]
    made = collator.processor.image_processor(
        images=[
            view.resize((image.width, image.height), 3)
            for view, image in zip(views, found.records[0].images, strict=True)
        ],
        do_resize=False,
        return_tensors="pt",
    )
    half = len(batch.inputs["pixel_values"]) // 2
    assert torch.allclose(batch.inputs["pixel_values"][:half], made["pixel_values"], atol=1e-6)
    assert torch.equal(batch.inputs["image_grid_thw"][: len(views)], made["image_grid_thw"])


def test_entropy_is_that_of_the_distribution() -> None:
    found = played("whole")
    batch = learner().collator(found.records[:3], found.images)
    with torch.no_grad():
        scores = logprobs_of(learner().model, batch)
    keep = batch.chosen.bool()
    assert (scores.entropy[keep] >= 0).all() and (scores.entropy[~keep] == 0).all()
    # What was drawn is as unlikely as the entropy says, give or take the luck of the draw.
    assert float(scores.entropy[keep].mean()) == pytest.approx(float(-scores.logprobs[keep].mean()), abs=0.1)
