"""Any image-text-to-text model that Transformers can load, in this process (`hf:PATH_OR_ID`).

What always holds: a conversation is a list of token ids. New messages are rendered by the model's own chat
template and tokenized once, replies are appended as they were sampled, and nothing is made again from text.
Image tokens come from the processor alone and cannot be sampled, so they always equal the images. One
generation runs at a time; every turn reads the whole conversation again, so for speed serve the model and
use `openai:` instead.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deepeyes.core.actions import ToolSpec
from deepeyes.core.errors import (
    ContextOverflow,
    InfrastructureError,
    ModelError,
    boundary,
)
from deepeyes.core.extras import needs
from deepeyes.core.images import VisionSpec
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Usage
from deepeyes.models.base import Completion, OnText
from deepeyes.models.hub import located
from deepeyes.models.transformers_generate import context, ends, forbidden, generate, text_of

_MAX_VIEW = 1280 * 28 * 28


class TransformersModel:
    """A `ChatModel` over one model and its processor."""

    dialect_name = "deepeyes_v2"

    def __init__(
        self, name: str, model: Any, processor: Any, *, prompt: str = "full", vision: VisionSpec
    ) -> None:
        self.name = name
        self.model = model
        self.processor = processor
        self.prompt = prompt
        self.vision = vision
        self.turn_end = turn_end(processor)
        self.lock = asyncio.Lock()
        self.policy: int | None = None
        """The version of the weights, where somebody changes them."""

    @classmethod
    def load(
        cls,
        path_or_id: str,
        *,
        prompt: str = "full",
        device: str | None = None,
        dtype: str = "auto",
        max_pixels: int | None = None,
    ) -> TransformersModel:
        """Load weights and processor (on a GPU when there is one). Raises `ModelError`."""
        source = located(path_or_id)
        with boundary(ModelError, f"loading hf:{path_or_id}", needs("nano"), expected=ImportError):
            import torch
            from transformers import AutoModelForImageTextToText, AutoProcessor
            from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        do_without_torchvision()
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        remedy = "give a folder or a Hub id of an image-text-to-text model with a chat template"
        with boundary(
            ModelError,
            f"loading hf:{path_or_id}",
            remedy,
            expected=(OSError, ValueError, ImportError, KeyError, RuntimeError),
        ):
            processor = AutoProcessor.from_pretrained(source)
            model: Any = AutoModelForImageTextToText.from_pretrained(source, dtype=dtype)
            model.to(device).eval()
        if not getattr(processor, "chat_template", None):
            raise ModelError(f"hf:{path_or_id} has no chat template", remedy)
        vision = vision_of(processor, max_pixels)
        return cls(f"hf:{path_or_id}", model, processor, prompt=prompt, vision=vision)

    def conversation(self, sampling: Sampling = Sampling()) -> TransformersConversation:
        return TransformersConversation(self, sampling)

    async def aclose(self) -> None:
        return None


@dataclass
class TransformersConversation:
    """The tokens so far, and what the processor made of the images."""

    owner: TransformersModel
    sampling: Sampling = Sampling()
    ids: list[int] = field(default_factory=list[int])
    owed: str = ""
    """What the template writes after a reply and the model did not write itself, such as the line break after
    `<|im_end|>`. It is put before the next message.
    """
    per_token: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """Model inputs with one value a token, such as token types."""
    pixels: dict[str, Any] = field(default_factory=dict[str, Any])
    """Model inputs with one or more rows an image."""
    turn: int = 0

    async def send(
        self,
        new_messages: Sequence[Message],
        *,
        max_tokens: int = 2048,
        tools: Sequence[ToolSpec] = (),
        on_text: OnText | None = None,
    ) -> Completion:
        if tools:
            raise ModelError(
                "models of hf: are not given tool schemas", "use the dialect deepeyes_v2, or serve the model"
            )
        stopped = threading.Event()
        loop = asyncio.get_running_loop()

        def hear(text: str) -> None:
            if on_text is not None and text:
                loop.call_soon_threadsafe(on_text, text)

        async with self.owner.lock:
            work = asyncio.ensure_future(
                asyncio.to_thread(self._reply, new_messages, max_tokens, hear if on_text else None, stopped)
            )
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                stopped.set()  # a thread cannot be cancelled, but generation looks at this after every token
                await work
                raise

    async def close(self) -> None:
        self.ids, self.per_token, self.pixels = [], {}, {}

    def _reply(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        hear: OnText | None,
        stopped: threading.Event,
    ) -> Completion:
        import torch

        new = self._process(messages)
        fed = new.pop("input_ids")
        ids = [*self.ids, *fed]
        per_token = {
            key: [*self.per_token.get(key, [0] * len(self.ids)), *new.pop(key)]
            for key in [key for key, value in new.items() if isinstance(value, list)]
        }
        pixels = {**self.pixels, **{key: _joined(self.pixels.get(key), value) for key, value in new.items()}}
        room = context(self.owner.model) - len(ids)
        if room < 8:
            raise ContextOverflow(
                f"{len(ids)} tokens do not fit the context of {self.owner.name}", "lower --limit turns"
            )
        with boundary(
            InfrastructureError,
            f"generating with {self.owner.name}",
            "lower --limit turns or use a larger machine",
            expected=torch.OutOfMemoryError,
        ):
            tokens, logprobs = generate(
                self.owner.model,
                self.owner.processor.tokenizer,
                ids,
                per_token,
                pixels,
                self.sampling.seeded(self.sampling.seed + self.turn),
                min(max_tokens, room),
                hear,
                stopped,
            )
        # Only now is the conversation changed: a failed send leaves it as it was.
        text = text_of(self.owner.processor.tokenizer, tokens)
        ended = bool(tokens) and tokens[-1] in ends(self.owner.model)
        complete = ended or self.sampling.stops(text)
        self.ids = [*ids, *tokens]
        self.per_token = {key: [*values, *[0] * len(tokens)] for key, values in per_token.items()}
        self.pixels = pixels
        self.owed = self.owner.turn_end
        if ended:
            self.owed = self.owed.removeprefix(self.owner.processor.tokenizer.decode(tokens[-1:]))
        self.turn += 1
        return Completion(
            text=text,
            finish_reason="stop" if complete else "length",
            token_ids=tuple(tokens),
            logprobs=tuple(logprobs),
            prompt_ids=tuple(fed),
            banned=tuple(forbidden(self.owner.model)),
            policy=self.owner.policy,
            usage=Usage(prompt_tokens=len(fed), completion_tokens=len(tokens)),
        )

    def _process(self, messages: Sequence[Message]) -> dict[str, Any]:
        """The processor's inputs for the new messages: lists with one value a token, tensors for images."""
        processor = self.owner.processor
        text = self.owed + render(processor, messages, first=not self.ids)
        images = [_pixels(part) for message in messages for part in message.images]
        made = processor(text=[text], images=images or None, add_special_tokens=False, return_tensors="pt")
        shape = made["input_ids"].shape
        inputs = {key: value for key, value in made.items() if key != "attention_mask" and value is not None}
        return {key: value[0].tolist() if value.shape == shape else value for key, value in inputs.items()}


def render(processor: Any, messages: Sequence[Message], *, first: bool) -> str:
    """The chat template's text for `messages` and the opening of the reply.

    Later messages are rendered behind a dummy exchange whose text is then cut off: what stands before does
    not change how new messages are written, and templates that insert a default system prompt do so only at
    the start.
    """
    chat = [_chat(message) for message in messages]
    if first:
        return str(processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False))
    before = processor.apply_chat_template(_DUMMY, tokenize=False)
    whole = processor.apply_chat_template([*_DUMMY, *chat], add_generation_prompt=True, tokenize=False)
    if not whole.startswith(before):
        raise ModelError(
            "the chat template rewrites earlier turns", "serve the model and use openai: instead"
        )
    return str(whole[len(before) :])


def vision_of(processor: Any, max_pixels: int | None = None) -> VisionSpec:
    """The limits of the model's image processor (of the Qwen-VL kind), or sensible ones."""
    images = getattr(processor, "image_processor", None)
    patch, merge = getattr(images, "patch_size", None), getattr(images, "merge_size", None)
    size = dict(getattr(images, "size", None) or {})
    low, high = size.get("shortest_edge"), size.get("longest_edge")
    if not isinstance(patch, int) or not isinstance(merge, int) or not low or not high or low > high:
        return VisionSpec(max_pixels=max_pixels or _MAX_VIEW)
    return VisionSpec(factor=patch * merge, min_pixels=low, max_pixels=min(high, max_pixels or _MAX_VIEW))


_DUMMY = [
    {"role": "user", "content": [{"type": "text", "text": "q"}]},
    {"role": "assistant", "content": [{"type": "text", "text": "@@"}]},
]


def turn_end(processor: Any) -> str:
    """What the chat template writes after the words of a reply, such as `<|im_end|>` and a newline."""
    return str(processor.apply_chat_template(_DUMMY, tokenize=False)).rpartition("@@")[2]


def _chat(message: Message) -> dict[str, Any]:
    role = "user" if message.role == "tool" else message.role
    content = [
        {"type": "image"} if isinstance(part, ImagePart) else {"type": "text", "text": part.text}
        for part in message.parts
    ]
    return {"role": role, "content": content}


def _pixels(part: ImagePart) -> Any:
    if part.pixels is None:
        raise ValueError(f"{part.name} has no pixels: use Message.with_pixels(store) before sending")
    return part.pixels


def _joined(before: Any, new: Any) -> Any:
    import torch

    return new if before is None else torch.cat([before, new])


def do_without_torchvision() -> None:
    """Qwen's processors ask for a video processor, which alone needs torchvision: without it,
    leave that out.
    """
    import transformers
    from transformers.utils.import_utils import is_torchvision_available

    if is_torchvision_available():
        return
    for name in ("Qwen2VLProcessor", "Qwen2_5_VLProcessor", "Qwen3VLProcessor"):
        processor = getattr(transformers, name)
        processor.get_attributes = classmethod(lambda cls: ["image_processor", "tokenizer"])
