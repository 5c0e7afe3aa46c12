"""Conversations with the shipped weights, and one plain pass over what they recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from transformers import GenerationConfig

from deepeyes.core.images import image_ref
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.sampling import Sampling
from deepeyes.models.base import ChatModel, Completion
from deepeyes.models.nano.model import NanoModel
from deepeyes.models.nano.pixels import patchify
from deepeyes.models.transformers import TransformersModel
from deepeyes.models.transformers_generate import forbidden

HOT = Sampling(temperature=1.0, seed=3)
TRUNCATED = Sampling(temperature=0.7, top_p=0.8, top_k=20, seed=5)
HOTTER = Sampling(temperature=1.6, seed=3)
"""Hot enough for malformed replies and failing code, so for conversations of three turns and more."""
EVERYTHING = Sampling(temperature=1.7, top_p=0.9, top_k=40, min_p=0.02, repetition_penalty=1.3, seed=8)


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
    return model.engine._banned.tolist() if isinstance(model, NanoModel) else forbidden(model.model)


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
