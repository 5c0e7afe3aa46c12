"""The nano model without its trained weights: the stock classes load it, and our fast paths equal the stock
ones.
"""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nano_fixtures import SIZE, world_tokenizer
from PIL import Image
from transformers import Qwen2_5_VLForConditionalGeneration

from deepeyes.core.errors import ContextOverflow, ModelError
from deepeyes.core.images import VisionSpec, image_ref
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.sampling import Sampling
from deepeyes.models.nano.build import build_model, build_processor
from deepeyes.models.nano.engine import Engine
from deepeyes.models.nano.model import NanoConversation, NanoModel, load_nano
from deepeyes.models.nano.network import Network
from deepeyes.models.nano.pixels import patchify, to_view
from deepeyes.models.nano.sampler import drawn
from deepeyes.models.nano.size import CELL
from deepeyes.models.registry import resolve_model
from deepeyes.train.rl.engines.nano import as_saved

VISION = VisionSpec(factor=CELL, min_pixels=SIZE.min_tokens * CELL**2, max_pixels=SIZE.max_tokens * CELL**2)


@pytest.fixture(scope="module")
def tokenizer():
    return world_tokenizer()


@pytest.fixture(scope="module")
def built(tokenizer) -> Qwen2_5_VLForConditionalGeneration:
    """The stock classes, untrained."""
    torch.set_num_threads(1)
    return build_model(tokenizer, SIZE, 0).eval()


@pytest.fixture
def model(built, tokenizer, tmp_path: Path) -> NanoModel:
    built.save_pretrained(tmp_path)
    engine = Engine(Network.load(tmp_path), tokenizer.backend_tokenizer, rows=6, length=256)
    return NanoModel("nano-test", engine, VISION, 6)


def picture(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (300, 400, 3), dtype=np.uint8))


def part(name: str = "image_1", seed: int = 0) -> ImagePart:
    image = picture(seed)
    return ImagePart.of(name, image, image_ref(image), VISION)


async def talk(model: NanoModel, temperature: float = 0.0, seed: int = 0):
    conversation = model.conversation(Sampling(temperature=temperature, seed=seed))
    question = Message.make("user", part(), "image_1 400x300 as 224x168\nRead the sign.")
    first = await conversation.send([question], max_tokens=12)
    second = await conversation.send([Message.make("user", "Output:\n", part("image_2", 1))], max_tokens=8)
    await conversation.close()
    return first, second


def test_glyphs_and_digits_are_single_tokens(tokenizer) -> None:
    assert len(tokenizer("K7P", add_special_tokens=False).input_ids) == 3
    assert len(tokenizer("4.6", add_special_tokens=False).input_ids) == 3
    assert tokenizer.decode(tokenizer("<code>\nx = 1\n</code>").input_ids) == "<code>\nx = 1\n</code>"


def test_the_auto_classes_load_a_checkpoint(tokenizer, tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    built = build_model(tokenizer, SIZE, 0)
    built.save_pretrained(tmp_path)
    build_processor(tokenizer, SIZE).save_pretrained(tmp_path)
    again = AutoModelForImageTextToText.from_pretrained(tmp_path)
    assert all(
        torch.equal(a, b)
        for a, b in zip(built.state_dict().values(), again.state_dict().values(), strict=True)
    )
    assert type(AutoProcessor.from_pretrained(tmp_path)).__name__ == "Qwen2_5_VLProcessor"


def test_patches_equal_the_stock_processor(tokenizer) -> None:
    processor = build_processor(tokenizer, SIZE).image_processor
    for size in ((400, 300), (300, 400), (1600, 200), (28, 28)):
        image = picture().resize(size)
        stock = processor(images=[image], return_tensors="pt")
        patches, grid = patchify(to_view(image, SIZE))
        assert grid == tuple(stock["image_grid_thw"][0].tolist())
        assert torch.equal(patches, stock["pixel_values"])


async def test_prompt_tokens_equal_the_chat_template(model: NanoModel, tokenizer) -> None:
    first, _ = await talk(model)
    processor = build_processor(tokenizer, SIZE)
    content = [{"type": "image"}, {"type": "text", "text": "image_1 400x300 as 224x168\nRead the sign."}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    assert processor(text=[text], images=[picture()], return_tensors="pt")["input_ids"][0].tolist() == list(
        first.prompt_ids
    )
    await model.aclose()


async def test_cached_turns_equal_one_full_pass(model: NanoModel, built) -> None:
    first, second = await talk(model)
    ids = [*first.prompt_ids, *first.token_ids, *second.prompt_ids, *second.token_ids]
    x = torch.tensor([ids])
    patches, grids = zip(*(patchify(part(seed=seed).pixels) for seed in (0, 1)), strict=True)
    with torch.no_grad():
        logits = built(
            input_ids=x,
            attention_mask=torch.ones_like(x),
            mm_token_type_ids=(x == model.engine.image_token).int(),
            pixel_values=torch.cat(patches),
            image_grid_thw=torch.tensor(grids),
        ).logits[0]
    said = len(second.token_ids)
    logprobs = torch.log_softmax(logits, -1)[len(ids) - said - 1 : -1]
    expected = logprobs[torch.arange(said), torch.tensor(second.token_ids)]
    assert torch.allclose(
        expected, torch.tensor(second.logprobs), atol=0.05
    )  # the sampler bans a few special tokens
    assert (expected - torch.tensor(second.logprobs)).abs().max() < 0.05
    await model.aclose()


async def test_many_at_once_say_what_each_says_alone(model: NanoModel) -> None:
    alone = await talk(model)
    together = await asyncio.gather(*(talk(model) for _ in range(10)))  # more than the six rows
    assert {turns[1].text for turns in together} == {alone[1].text}
    assert {turns[0].token_ids for turns in together} == {alone[0].token_ids}
    await model.aclose()


async def test_no_special_token_can_be_sampled(model: NanoModel, tokenizer) -> None:
    specials = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    for seed in range(3):
        conversation = model.conversation(Sampling(temperature=5.0, seed=seed))
        said = await conversation.send([Message.make("user", part(), "x")], max_tokens=100)
        assert not specials & set(said.token_ids[:-1])
        await conversation.close()
    await model.aclose()


async def test_a_seed_decides_what_is_sampled(model: NanoModel) -> None:
    same = [await talk(model, 1.0, seed=7) for _ in range(2)]
    assert same[0][0].token_ids == same[1][0].token_ids
    assert (await talk(model, 1.0, seed=8))[0].token_ids != same[0][0].token_ids
    await model.aclose()


async def test_pictures_and_picture_tokens_always_agree(model: NanoModel) -> None:
    conversation = model.conversation()
    assert isinstance(conversation, NanoConversation)
    ids, pictures = conversation._tokens([Message.make("user", part(), "x", part("image_2", 1))])
    cells = sum(p.view_width * p.view_height // CELL**2 for p in pictures)
    assert ids.count(model.engine.image_token) == cells
    with pytest.raises(AssertionError, match="picture tokens"):
        await conversation.send([Message.make("user", "<|image_pad|>")])
    await model.aclose()


async def test_a_long_conversation_is_an_overflow_not_a_crash(model: NanoModel) -> None:
    with pytest.raises(ContextOverflow, match="tokens"):
        await model.conversation().send([Message.make("user", "word " * 400)])
    await model.aclose()


async def test_a_cancelled_wait_frees_the_row(model: NanoModel) -> None:
    conversation = model.conversation()
    task = asyncio.create_task(conversation.send([Message.make("user", part(), "x")], max_tokens=200))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await conversation.close()
    assert (await talk(model))[0].token_ids
    await model.aclose()


def test_unknown_names_and_missing_weights_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="use one of nano"):
        load_nano("nano-huge")
    for ask in (lambda: load_nano("nano", folder=tmp_path), lambda: resolve_model(f"nano:{tmp_path}")):
        with pytest.raises(ModelError, match="make nano"):
            ask()


class Watched:
    """Counts what the engine reads and encodes."""

    def __init__(self, model: NanoModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: list[int] = []
        self.seen = 0
        think, see = model.engine.network.think, model.engine.network.see

        def thinking(embedded: torch.Tensor, *rest: Any) -> torch.Tensor:
            if embedded.shape[1] > 1:
                self.read.append(embedded.shape[1])
            return think(embedded, *rest)

        def seeing(patches: torch.Tensor, grids: list[Any]) -> torch.Tensor:
            self.seen += len(grids)
            return see(patches, grids)

        monkeypatch.setattr(model.engine.network, "think", thinking)
        monkeypatch.setattr(model.engine.network, "see", seeing)


async def test_what_the_samples_of_a_question_share_is_read_once(
    built, model: NanoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by those that wait for a row, and they say what each says that reads all by itself."""
    alone = [await talk(model, 1.0, seed) for seed in range(10)]
    model.engine.learn(as_saved(built.state_dict()), 1)
    watched = Watched(model, monkeypatch)
    together = await asyncio.gather(*(talk(model, 1.0, seed) for seed in range(10)))  # more than rows
    assert [turn.token_ids for turns in together for turn in turns] == [
        turn.token_ids for turns in alone for turn in turns
    ]
    prompt = len(together[0][0].prompt_ids or ())
    assert watched.read.count(prompt) == 1, "the others take it over"
    assert watched.seen == 2, "the question's image and the second one"
    for ours, theirs in zip(together, alone, strict=True):
        apart = torch.tensor(ours[1].logprobs) - torch.tensor(theirs[1].logprobs)
        assert apart.abs().max() < 1e-4
    await model.aclose()


async def test_other_images_of_the_same_size_are_another_question(built, model: NanoModel) -> None:
    """The tokens are the same, what they stand for is not."""

    async def ask(seed: int) -> Any:
        conversation = model.conversation()
        said = await conversation.send([Message.make("user", part(seed=seed), "Read.")], max_tokens=6)
        await conversation.close()
        return said

    first = await ask(0)
    other, again = await ask(1), await ask(0)
    model.engine.learn(as_saved(built.state_dict()), 1)  # which forgets both
    assert other.logprobs == pytest.approx((await ask(1)).logprobs, abs=1e-6)
    assert other.logprobs != pytest.approx(first.logprobs, abs=1e-5)
    assert again.logprobs == pytest.approx(first.logprobs, abs=1e-6)
    await model.aclose()


async def test_new_weights_forget_what_the_old_ones_read(built, model: NanoModel, tokenizer) -> None:
    old = (await talk(model))[0]
    other = build_model(tokenizer, SIZE, 1).eval()
    model.engine.learn(as_saved(other.state_dict()), 2)
    new = (await talk(model))[0]
    model.engine.learn(as_saved(built.state_dict()), 3)
    back = (await talk(model))[0]
    assert old.logprobs != new.logprobs and back.logprobs == pytest.approx(old.logprobs, abs=1e-5)
    network = Network(model.engine.network.shape, as_saved(other.state_dict()))
    engine = Engine(network, tokenizer.backend_tokenizer, rows=6, length=256)
    fresh = NanoModel("nano-fresh", engine, VISION, 6)
    assert (await talk(fresh))[0].logprobs == pytest.approx(new.logprobs, abs=1e-5)
    await model.aclose()
    await fresh.aclose()


async def test_rows_far_apart_decode_together_as_each_does_alone(model: NanoModel) -> None:
    """Some rows are taken and silent, so those that speak do not lie side by side."""
    alone = await talk(model)
    taken = [await model.take_row() for _ in range(5)]
    for row in (taken[1], taken[3]):
        model.give_row(row)
    together = await asyncio.gather(*(talk(model) for _ in range(3)))
    assert {turns[1].token_ids for turns in together} == {alone[1].token_ids}
    await model.aclose()


def test_tokens_are_drawn_as_often_as_the_distribution_says() -> None:
    logprobs = torch.log(torch.tensor([[0.0, 0.25, 0.0, 0.75, 0.0]])).expand(1000, -1)
    points = [(place + 0.5) / 1000 for place in range(1000)]
    assert torch.bincount(drawn(logprobs, points), minlength=5).tolist() == [0, 250, 0, 750, 0]
    edges = drawn(logprobs[:2], [0.0, 1 - 2**-53])
    assert edges.tolist() == [1, 3], "never a token without a share, nor beyond the last"


def test_the_cold_start_has_a_name_that_stays() -> None:
    from deepeyes.models.nano.model import NAMES, embedded
    from deepeyes.models.registry import check_model

    assert embedded("nano-sft").name == "cold" and embedded("nano") in {
        embedded("nano-sft"),
        *_shipped("nano-rl"),
    }
    for name in NAMES:
        check_model(name)


def _shipped(name: str) -> set[Path]:
    from deepeyes.models.nano.model import NAMES, WEIGHTS

    folder = WEIGHTS / NAMES[name]
    return {folder} if (folder / "model.safetensors").exists() else set()


def test_what_is_not_shipped_says_how_to_make_it_and_ships_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepeyes.models.nano import model as nano
    from deepeyes.models.registry import resolve_model
    from deepeyes.train.loading import source

    whole = nano.WEIGHTS
    monkeypatch.setattr(nano, "WEIGHTS", tmp_path)
    for asked in (lambda: resolve_model("nano-rl"), lambda: source("nano-rl")):
        with pytest.raises(
            ModelError, match=r"nano-rl has no weights.*deepeyes train rl nano --out DIR.*nano:DIR"
        ):
            asked()
    (tmp_path / "rl").symlink_to(whole / "cold")
    assert resolve_model("nano-rl").name == "nano-rl" and source("nano-rl") == str(tmp_path / "rl")
