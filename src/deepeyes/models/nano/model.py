"""The nano model as the agent loop sees it: conversations that keep their tokens and their place in the
cache.
"""

import asyncio
import json
import os
from collections.abc import Sequence
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from deepeyes.core.actions import ToolSpec
from deepeyes.core.errors import ContextOverflow, ModelError, boundary
from deepeyes.core.images import VisionSpec
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Usage
from deepeyes.models.base import Completion, OnText

from .engine import Engine, Request
from .network import Network
from .size import CELL

WEIGHTS = Path(__file__).parent / "weights"
_BUILD = "build them with `make nano`"
_AGAIN = "save the model and its processor into it again"
NAMES = {"nano": "cold", "nano-sft": "cold", "nano-rl": "rl", "nano-world": "world", "nano-base": "base"}
"""Model name -> folder of its weights: the best by the test, the cold start on tool traces, what
reinforcement learning made of it, the one that knows the drawn world alone, and that before any tool traces.
A model ships by its folder being there.
"""


def load_nano(name: str = "nano", *, folder: Path | None = None, rows: int = 32) -> "NanoModel":
    """The embedded model `name`, or the nano checkpoint in `folder`; up to `rows` conversations at once.

    Raises:
        ModelError: no such name, or no weights in the folder.
    """
    folder = embedded(name) if folder is None else _with_weights(name, folder, f"check the path, or {_BUILD}")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    network = Network.load(folder)
    return NanoModel(name, Engine(network, _tokenizer(folder), rows=rows), _vision(folder), rows)


def embedded(name: str) -> Path:
    """Where the weights of an embedded model are. Raises `ModelError` for no such name, or none there."""
    if name not in NAMES:
        raise ModelError(f"there is no embedded model {name!r}", f"use one of {', '.join(NAMES)}")
    trained = "train one with `deepeyes train rl nano --out DIR` and name it nano:DIR"
    return _with_weights(name, WEIGHTS / NAMES[name], trained if name == "nano-rl" else _BUILD)


def _with_weights(name: str, folder: Path, remedy: str) -> Path:
    if not (folder / "model.safetensors").exists():
        raise ModelError(f"{name} has no weights in {folder}", remedy)
    return folder


def _tokenizer(folder: Path) -> Tokenizer:
    # The parser below raises plain `Exception`; the block holds its call alone.
    with boundary(ModelError, f"reading the tokenizer in {folder}", _AGAIN, expected=Exception):
        tokenizer: Tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _vision(folder: Path) -> VisionSpec:
    """At which sizes the checkpoint sees, from the file that Transformers writes with a processor, or with an
    image processor alone.
    """
    expected = (OSError, ValueError, KeyError, TypeError)
    with boundary(ModelError, f"reading the image sizes in {folder}", _AGAIN, expected=expected):
        whole = folder / "processor_config.json"
        if whole.exists():
            told = json.loads(whole.read_text("utf-8"))["image_processor"]
        else:
            told = json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
        size = told["size"]
        return VisionSpec(factor=CELL, min_pixels=size["shortest_edge"], max_pixels=size["longest_edge"])


def open_nano(folder: str = "", **options: Any) -> "NanoModel":
    """What `nano` and `nano:FOLDER` name (see `load_nano`)."""
    if not folder:
        return load_nano("nano", **options)
    return load_nano(f"nano:{folder}", **{"folder": Path(folder), **options})


def open_sft(**options: Any) -> "NanoModel":
    """What `nano-sft` names (see `load_nano`)."""
    return load_nano("nano-sft", **options)


def open_rl(**options: Any) -> "NanoModel":
    """What `nano-rl` names (see `load_nano`)."""
    return load_nano("nano-rl", **options)


def open_world(**options: Any) -> "NanoModel":
    """What `nano-world` names (see `load_nano`)."""
    return load_nano("nano-world", **options)


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
        self._free = list(range(rows))  # a heap: rows that lie side by side are attended to at once
        self._room = asyncio.Semaphore(rows)

    def conversation(self, sampling: Sampling = Sampling()) -> "NanoConversation":
        """A conversation; it takes a row of the cache with its first message and gives it back when
        closed.
        """
        return NanoConversation(self, sampling)

    async def take_row(self) -> int:
        """A free row, waiting for one if all conversations are busy."""
        await self._room.acquire()
        return heappop(self._free)

    def give_row(self, row: int) -> None:
        """Give a row back."""
        heappush(self._free, row)
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
        images = [image for image in pictures if image.pixels]
        cells = sum(image.view_width * image.view_height for image in images) // CELL**2
        if ids.count(engine.image_token) != cells:
            raise AssertionError("the picture tokens do not match the pictures")
        fed = ids[1:] if self._turn else ids  # the first is the last token of the reply before
        request = Request(
            row=self._row,
            ids=ids,
            images=images,
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
            banned=engine.banned,
            policy=spoken.policy,
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
        return self._model.engine.tokenizer.encode(text, add_special_tokens=False).ids
