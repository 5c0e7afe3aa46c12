"""A chat model over a server that takes and gives token ids: the conversation is kept here, as ids.

What always holds: new messages are rendered by the model's own chat template and tokenized once, by the
processor that trains; replies are appended as they were sampled; every request holds the whole conversation,
so each is a prefix of the episode's tokens. Images are counted against their tokens before anything is sent,
and tokens that stand for images are banned from replies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Protocol

from PIL import Image

from deepeyes.core.actions import ToolSpec
from deepeyes.core.errors import ModelError
from deepeyes.core.images import VisionSpec
from deepeyes.core.messages import Message
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Usage
from deepeyes.models.base import Completion, OnText
from deepeyes.models.transformers import do_without_torchvision, render, turn_end, vision_of

_IMAGE_TOKENS = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>")
"""Tokens that stand for images, as models of the Qwen-VL kind call them."""


@dataclass(frozen=True, eq=False)
class Shown:
    """An image of the conversation, shown once: its pixels, and which of the ids are its tokens."""

    pixels: Image.Image
    offset: int
    length: int


@dataclass(frozen=True)
class Sampled:
    """A reply."""

    ids: tuple[int, ...]
    """With the token that ended it, if one did."""
    logprobs: tuple[float, ...]
    """Of each of them, under the distribution that was drawn from."""
    finish: str = "stop"
    """stop, length, or what else the server said."""


@dataclass(frozen=True)
class Asked:
    """A request for a reply."""

    conversation: str
    """The same for all requests of one conversation, which a server may keep together."""
    ids: tuple[int, ...]
    images: tuple[Shown, ...]
    sampling: Sampling
    banned: tuple[int, ...]
    max_tokens: int


class Sampler(Protocol):
    """A server as a conversation sees it."""

    async def sample(self, asked: Asked) -> Sampled:
        """Raises `InfrastructureError` for what may pass, `ContextOverflow` and `ModelError` else."""
        ...

    async def aclose(self) -> None: ...


class TokenModel:
    """A `ChatModel` whose words `sampler` draws; `processor` is the one that the learner trains with."""

    dialect_name = "deepeyes_v2"

    def __init__(self, name: str, processor: Any, sampler: Sampler, *, prompt: str = "full") -> None:
        do_without_torchvision()
        self.name, self.processor, self.sampler, self.prompt = name, processor, sampler, prompt
        self.vision: VisionSpec = vision_of(processor)
        self.turn_end = turn_end(processor)
        tokenizer = processor.tokenizer
        self.image_token = int(tokenizer.convert_tokens_to_ids(processor.image_token))
        known = tokenizer.get_vocab()
        self.banned = tuple(
            sorted({self.image_token, *(known[one] for one in _IMAGE_TOKENS if one in known)})
        )
        self.policy: int | None = None
        """The version of the weights, where somebody changes them."""
        self._opened = 0

    def conversation(self, sampling: Sampling = Sampling()) -> TokenConversation:
        self._opened += 1
        return TokenConversation(self, sampling, f"{self.name}/{self._opened}")

    async def aclose(self) -> None:
        await self.sampler.aclose()


@dataclass
class TokenConversation:
    """The tokens so far, and the images that some of them stand for."""

    owner: TokenModel
    sampling: Sampling
    name: str
    ids: tuple[int, ...] = ()
    shown: tuple[Shown, ...] = ()
    owed: str = ""
    """What the template writes after a reply and the model did not write itself."""
    turn: int = field(default=0)

    async def send(
        self,
        new_messages: Sequence[Message],
        *,
        max_tokens: int = 2048,
        tools: Sequence[ToolSpec] = (),
        on_text: OnText | None = None,
    ) -> Completion:
        if tools:
            raise ModelError(f"{self.owner.name} is not given tool schemas", "use the dialect deepeyes_v2")
        owner = self.owner
        fed, new = await asyncio.to_thread(self._process, new_messages)
        ids, shown = (*self.ids, *fed), (*self.shown, *new)
        sampling = self.sampling.seeded(self.sampling.seed + self.turn)
        sampled = await owner.sampler.sample(Asked(self.name, ids, shown, sampling, owner.banned, max_tokens))
        wrong = set(sampled.ids) & set(owner.banned)
        if wrong or not sampled.ids or len(sampled.ids) != len(sampled.logprobs):
            what = (
                f"wrote banned tokens {sorted(wrong)}" if wrong else "gave no log-probability for each token"
            )
            raise ModelError(f"{owner.name} {what}", "serve it with a version that docs/rl.md names")
        # Only now is the conversation changed: a failed send leaves it as it was.
        tokenizer = owner.processor.tokenizer
        text = str(tokenizer.decode(sampled.ids, skip_special_tokens=True))
        if on_text is not None and text:
            on_text(text)
        self.ids, self.shown, self.turn = (*ids, *sampled.ids), shown, self.turn + 1
        last = str(tokenizer.decode(sampled.ids[-1:]))
        self.owed = owner.turn_end.removeprefix(last) if owner.turn_end.startswith(last) else owner.turn_end
        return Completion(
            text=text,
            finish_reason=sampled.finish,
            token_ids=sampled.ids,
            logprobs=sampled.logprobs,
            prompt_ids=fed,
            banned=owner.banned,
            policy=owner.policy,
            usage=Usage(prompt_tokens=len(fed), completion_tokens=len(sampled.ids)),
        )

    async def close(self) -> None:
        self.ids, self.shown = (), ()

    def _process(self, messages: Sequence[Message]) -> tuple[tuple[int, ...], tuple[Shown, ...]]:
        """The ids of new messages, and where in the conversation their images are."""
        owner = self.owner
        text = self.owed + render(owner.processor, messages, first=not self.ids)
        parts = [part for message in messages for part in message.images]
        pixels = [part.pixels for part in parts]
        if any(one is None for one in pixels):
            raise ValueError("an image has no pixels: use Message.with_pixels(store) before sending")
        made = owner.processor(text=[text], images=pixels or None, add_special_tokens=False)
        ids = [int(one) for one in made["input_ids"][0]]
        runs, place = list[tuple[int, int]](), len(self.ids)
        for is_image, run in groupby(ids, lambda token: token == owner.image_token):
            size = len(list(run))
            if is_image:
                runs.append((place, size))
            place += size
        if len(runs) != len(parts):
            raise ModelError(
                f"{owner.name} has {len(runs)} runs of image tokens for {len(parts)} images",
                "use the processor of that model",
            )
        shown = (Shown(one, *run) for one, run in zip(pixels, runs, strict=True) if one is not None)
        return tuple(ids), tuple(shown)
