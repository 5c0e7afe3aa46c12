"""`hf:` models on a tiny random Qwen2.5-VL: tokens are kept, pictures counted, endings named."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepeyes.core.actions import ToolSpec
from deepeyes.core.errors import ContextOverflow, ModelError
from deepeyes.core.images import image_ref
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.sampling import Sampling
from deepeyes.models.registry import resolve_model

pytest.importorskip("torch")
pytest.importorskip("transformers")

from nano_fixtures import save_tiny

from deepeyes.models.transformers import TransformersModel, render


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(
        tmp_path_factory.mktemp("hf"), ["what does the sign say? <think> red 42 </think>"] * 50, 400
    )


@pytest.fixture
def model(folder: Path) -> Any:
    return resolve_model(f"hf:{folder}", device="cpu", dtype="float32")


def question(model: TransformersModel, seed: int = 0) -> Message:
    noise = np.random.default_rng(seed).integers(0, 256, (200, 300 + seed, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    return Message.make("user", ImagePart.of("image_1", image, image_ref(image), model.vision), "what?")


def test_views_are_what_the_processor_would_make(model: TransformersModel):
    part = question(model).images[0]
    made = model.processor.image_processor(images=[part.pixels], return_tensors="pt")
    _, rows, columns = made["image_grid_thw"][0].tolist()
    assert (columns * 14, rows * 14) == (part.view_width, part.view_height)


async def test_tokens_are_kept_and_pictures_counted(model: TransformersModel):
    talk = model.conversation(Sampling(temperature=1.0, seed=1))
    first = await talk.send([Message.make("system", "Tools: python"), question(model)], max_tokens=6)
    second = await talk.send([question(model, seed=9)], max_tokens=6)
    assert first.prompt_ids and first.token_ids and second.prompt_ids and second.token_ids
    assert talk.ids == [*first.prompt_ids, *first.token_ids, *second.prompt_ids, *second.token_ids]
    cells = sum(value.prod().item() for value in talk.pixels["image_grid_thw"]) // 4
    assert talk.ids.count(model.model.config.image_token_id) == cells
    assert all(len(values) == len(talk.ids) for values in talk.per_token.values())
    for reply in (first, second):
        assert reply.logprobs and len(reply.logprobs) == len(reply.token_ids or ())
        assert all(value <= 0 for value in reply.logprobs)


async def test_a_second_turn_is_what_the_template_would_write(model: TransformersModel):
    messages = [
        Message.make("user", "what?"),
        Message.make("assistant", "red"),
        Message.make("user", "sure?"),
    ]
    whole = render(model.processor, messages, first=True)
    talk = model.conversation()
    first = render(model.processor, messages[:1], first=True)
    later = render(model.processor, messages[2:], first=False)
    assert first + "red" + model.turn_end + later == whole
    await talk.send(messages[:1], max_tokens=3)
    end = model.processor.tokenizer.eos_token_id
    assert talk.owed == ("\n" if talk.ids[-1] == end else "<|im_end|>\n")


async def test_equal_seeds_give_equal_replies_and_greedy_needs_none(model: TransformersModel):
    async def say(seed: int, temperature: float) -> Any:
        talk = model.conversation(Sampling(temperature=temperature, seed=seed))
        return (await talk.send([question(model)], max_tokens=8)).token_ids

    assert await say(1, 1.0) == await say(1, 1.0) != await say(2, 1.0)
    assert await say(1, 0.0) == await say(2, 0.0)


async def test_pictures_matter(model: TransformersModel):
    replies = []
    for colour in ("white", "black"):
        image = Image.new("RGB", (300, 200), colour)
        part = ImagePart.of("image_1", image, image_ref(image), model.vision)
        replies.append(await model.conversation().send([Message.make("user", part, "what?")], max_tokens=1))
    assert replies[0].logprobs != replies[1].logprobs


async def test_stop_strings_streaming_and_length(model: TransformersModel):
    hot = Sampling(temperature=1.0, seed=3)
    long = await model.conversation(hot).send([question(model)], max_tokens=12)
    assert long.finish_reason == "length" and len(long.token_ids or ()) == 12
    mark = next(letter for letter in long.text if letter.isascii() and letter.isalpha())
    heard: list[str] = []
    short = await model.conversation(hot.stopping([mark])).send(
        [question(model)], max_tokens=12, on_text=heard.append
    )
    await asyncio.sleep(0)
    assert short.finish_reason == "stop" and mark in short.text and "".join(heard) == short.text
    assert len(short.token_ids or ()) < 12


async def test_a_conversation_that_does_not_fit_and_stays_as_it_was(model: TransformersModel):
    talk = model.conversation()
    with pytest.raises(ContextOverflow, match="lower --limit turns"):
        await talk.send([Message.make("user", "what " * 5000)])
    assert talk.ids == []
    assert (await talk.send([question(model)], max_tokens=2)).token_ids


async def test_cancelling_stops_the_generation(model: TransformersModel):
    talk = model.conversation()
    begun = asyncio.Event()
    sent = talk.send([question(model)], max_tokens=3000, on_text=lambda _: begun.set())
    work = asyncio.create_task(sent)
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(work, 5)
    assert not model.lock.locked()


async def test_tool_schemas_are_refused(model: TransformersModel):
    with pytest.raises(ModelError, match="use the dialect deepeyes_v2"):
        await model.conversation().send([question(model)], tools=[ToolSpec(name="t", description="")])


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "chat_template.jinja"])
def test_a_folder_that_lacks_a_part_is_one_line(folder: Path, missing: str, tmp_path: Path):
    for file in folder.iterdir():
        if file.name != missing:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelError, match=r"give (a folder or|the one that)") as caught:
        resolve_model(f"hf:{tmp_path}")
    assert "\n" not in str(caught.value)
