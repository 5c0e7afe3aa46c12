"""The nano model as the agent loop sees it: conversations that keep their tokens and their place in the
cache.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration, Qwen2VLImageProcessorPil
from transformers.utils import logging

from deepeyes.core.actions import ToolSpec
from deepeyes.core.errors import ContextOverflow, ModelError
from deepeyes.core.images import VisionSpec
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Usage
from deepeyes.models.base import Completion, OnText

from .build import CELL, MERGE
from .engine import Engine, Grid, Request
from .pixels import patchify
from .tower import quicken

WEIGHTS = Path(__file__).parent / "weights"
NAMES = {"nano": "cold", "nano-base": "base"}
"""Model name -> folder of its weights: the best so far, and the model before any tool traces."""


def load_nano(name: str = "nano", *, folder: Path | None = None, rows: int = 32) -> "NanoModel":
    """The embedded model `name`, or the nano checkpoint in `folder`; up to `rows` conversations at once.

    Raises:
        ModelError: no such name, or no weights in the folder.
    """
    if folder is None:
        if name not in NAMES:
            raise ModelError(f"there is no embedded model {name!r}", f"use one of {', '.join(NAMES)}")
        folder = WEIGHTS / NAMES[name]
    if not (folder / "model.safetensors").exists():
        raise ModelError(f"{name} has no weights in {folder}", "build them with `make nano`")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    logging.disable_progress_bar()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    size = Qwen2VLImageProcessorPil.from_pretrained(folder).size
    vision = VisionSpec(factor=CELL, min_pixels=size["shortest_edge"], max_pixels=size["longest_edge"])
    return NanoModel(name, Engine(quicken(model), tokenizer, rows=rows), vision, rows)


def open_nano(folder: str = "", **options: Any) -> "NanoModel":
    """What `nano` and `nano:FOLDER` name (see `load_nano`)."""
    if not folder:
        return load_nano("nano", **options)
    return load_nano(f"nano:{folder}", **{"folder": Path(folder), **options})


def open_base(**options: Any) -> "NanoModel":
    """What `nano-base` names (see `load_nano`)."""
    return load_nano("nano-base", **options)


class NanoModel:
    """A `ChatModel` over one `Engine`."""

    dialect_name = "deepeyes_v2"
    prompt = "brief"

    def __init__(self, name: str, engine: Engine, vision: VisionSpec, rows: int) -> None:
        self.name = name
        self.vision = vision
        self.engine = engine
        self._free = list(range(rows))
        self._room = asyncio.Semaphore(rows)

    def conversation(self, sampling: Sampling = Sampling()) -> "NanoConversation":
        """A conversation; it takes a row of the cache with its first message and gives it back when
        closed.
        """
        return NanoConversation(self, sampling)

    async def take_row(self) -> int:
        """A free row, waiting for one if all conversations are busy."""
        await self._room.acquire()
        return self._free.pop()

    def give_row(self, row: int) -> None:
        """Give a row back."""
        self._free.append(row)
        self._room.release()

    async def aclose(self) -> None:
        """Stop the engine's thread."""
        await asyncio.to_thread(self.engine.stop)


class NanoConversation:
    """One row of the cache: what was said is never tokenized again."""

    def __init__(self, model: NanoModel, sampling: Sampling) -> None:
        self._model = model
        self._sampling = sampling
        self._row: int | None = None
        self._owed: list[int] = []
        self._turn = 0

    async def send(
        self,
        new_messages: Sequence[Message],
        *,
        max_tokens: int = 2048,
        tools: Sequence[ToolSpec] = (),
        on_text: OnText | None = None,
    ) -> Completion:
        """See `Conversation.send`; raises `ContextOverflow` where the messages no longer fit the row."""
        engine = self._model.engine
        new, pictures = self._tokens(new_messages)
        ids = [*self._owed, *new]
        held = 0 if self._row is None else engine.held(self._row)
        if held + len(ids) + 8 > engine.length:
            raise ContextOverflow(
                f"the conversation has {held + len(ids)} tokens and {self._model.name} holds {engine.length}",
                "ask a shorter question or lower --limit turns",
            )
        if self._row is None:
            self._row = await self._model.take_row()
        patched = [patchify(image.pixels) for image in pictures if image.pixels]
        grids: list[Grid] = [grid for _, grid in patched]
        if ids.count(engine.image_token) != sum(rows * columns // MERGE**2 for _, rows, columns in grids):
            raise AssertionError("the picture tokens do not match the pictures")
        fed = ids[1:] if self._turn else ids  # the first is the last token of the reply before
        request = Request(
            row=self._row,
            ids=ids,
            pixels=[pixels for pixels, _ in patched],
            grids=grids,
            max_tokens=max_tokens,
            sampling=self._sampling,
            seed=hash((self._sampling.seed, self._turn)),
            first=not self._turn,
            on_text=on_text,
            future=asyncio.get_running_loop().create_future(),
        )
        spoken = await engine.speak(request)
        self._turn += 1
        last = spoken.tokens[-1]
        self._owed = [last] if last == engine.end else [last, engine.end]
        self._owed += self._encode("\n")
        return Completion(
            text=spoken.text,
            finish_reason=spoken.finish,
            token_ids=spoken.tokens,
            logprobs=spoken.logprobs,
            prompt_ids=tuple(fed),
            usage=Usage(prompt_tokens=len(fed), completion_tokens=len(spoken.tokens)),
        )

    async def close(self) -> None:
        """Give the row back."""
        if self._row is not None:
            self._model.give_row(self._row)
            self._row = None

    def _tokens(self, messages: Sequence[Message]) -> tuple[list[int], list[ImagePart]]:
        """The chat template's tokens of `messages` and the opening of the reply, and the images among
        them.
        """
        ids: list[int] = []
        pictures: list[ImagePart] = []
        for message in messages:
            ids += self._encode(f"<|im_start|>{message.role}\n")
            for part in message.parts:
                if isinstance(part, ImagePart):
                    pictures.append(part)
                    cells = part.view_width * part.view_height // CELL**2
                    ids += self._encode("<|vision_start|>" + "<|image_pad|>" * cells + "<|vision_end|>")
                else:
                    ids += self._encode(part.text)
            ids += self._encode("<|im_end|>\n")
        return ids + self._encode("<|im_start|>assistant\n"), pictures

    def _encode(self, text: str) -> list[int]:
        return self._model.engine.tokenizer(text, add_special_tokens=False).input_ids
