"""From records to one forward pass: padded ids, the pixels of every image, what was chosen and recorded.

What always holds: padding is on the right, is not attended to and is not chosen; the image tokens of a batch
equal the cells of its pixels, or the batch is refused; an image that several records show is looked up and
cut into patches once.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from deepeyes.core.errors import InputError, ModelError
from deepeyes.core.images import ImageStore
from deepeyes.models.nano.pixels import patchify
from deepeyes.train.tokens import ImageChunk, Record

_OTHER_TOKENIZER = "give a folder in which both are of one model"
Grid = tuple[int, int, int]
Patches = tuple[Tensor, Grid]
"""Patches (patches, dim) of a view and its grid (frames, rows, columns) in patches."""


@dataclass(frozen=True)
class Batch:
    """b episodes of at most t tokens."""

    inputs: dict[str, Tensor]
    """What the model is called with: `input_ids` and `attention_mask` (b, t); `mm_token_type_ids` (b, t) if
    it asks for them; with images `pixel_values` (patches, dim) and `image_grid_thw` (images, 3).
    """
    chosen: Tensor
    """(b, t) 1 where the model chose the token, else 0."""
    logprobs: Tensor
    """(b, t) as the sampler recorded them, 0 elsewhere."""
    records: tuple[Record, ...]

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        moved = {key: value.to(device) for key, value in self.inputs.items()}
        return Batch(moved, self.chosen.to(device), self.logprobs.to(device), self.records)


@dataclass
class Collator:
    """Makes batches for one model; keeps the patches of images until `forget`."""

    model: Any
    processor: Any
    _patches: dict[tuple[str, int, int], Patches] = field(default_factory=dict[tuple[str, int, int], Patches])

    def __post_init__(self) -> None:
        tokenizer = self.processor.tokenizer
        rows = self.model.get_input_embeddings().num_embeddings
        if len(tokenizer) > rows:
            raise ModelError(
                f"the tokenizer has {len(tokenizer)} tokens and the model {rows}", _OTHER_TOKENIZER
            )
        self.image_token = int(tokenizer.convert_tokens_to_ids(self.processor.image_token))
        own = getattr(self.model.config, "image_token_id", self.image_token)
        if own != self.image_token:
            raise ModelError(
                f"an image is token {self.image_token} to the tokenizer and {own} to the model",
                _OTHER_TOKENIZER,
            )
        pad = tokenizer.pad_token_id
        self.pad = int(tokenizer.eos_token_id if pad is None else pad)
        self.typed = "mm_token_type_ids" in inspect.signature(type(self.model).forward).parameters
        self._cut = _patcher(self.processor.image_processor)
        words = json.dumps(sorted(tokenizer.get_vocab().items()))
        self.vocabulary = sha256(words.encode()).hexdigest()
        """Equal for tokenizers in which every token has the same number."""

    def forget(self) -> None:
        """Free the patches that were kept: the next batches show other images."""
        self._patches.clear()

    def __call__(self, records: Sequence[Record], images: ImageStore) -> Batch:
        """One batch; `images` holds what the records show. Raises `InputError` for one that is missing."""
        ids = self._padded([record.ids(self.image_token) for record in records], self.pad)
        lengths = torch.tensor([len(record) for record in records])
        inputs = {
            "input_ids": ids,
            "attention_mask": (torch.arange(ids.shape[1])[None] < lengths[:, None]).long(),
        }
        places = ids == self.image_token
        if self.typed:
            inputs["mm_token_type_ids"] = places.int()
        shown = [self._patched(image, images) for record in records for image in record.images]
        cells = 0
        if shown:
            inputs["pixel_values"] = torch.cat([patches for patches, _ in shown])
            inputs["image_grid_thw"] = torch.tensor([grid for _, grid in shown])
            merge = int(self.processor.image_processor.merge_size)
            cells = int(inputs["image_grid_thw"].prod(-1).sum()) // merge**2
        if int(places.sum()) != cells:
            names = ", ".join(record.name for record in records[:3])
            raise InputError(
                f"{int(places.sum())} image tokens for {cells} cells of images (episodes {names})",
                "train with the processor that the episodes were sampled with",
            )
        chosen = self._padded([record.chosen for record in records], 0).float()
        logprobs = self._padded([record.logprobs for record in records], 0.0)
        return Batch(inputs, chosen, logprobs, tuple(records))

    def _padded(self, rows: Sequence[Sequence[float]], value: float) -> Tensor:
        return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=value)

    def _patched(self, image: ImageChunk, images: ImageStore) -> Patches:
        key = (image.ref.sha256, image.width, image.height)
        if key not in self._patches:
            self._patches[key] = self._cut(image.view(images))
        return self._patches[key]


def _patcher(images: Any) -> Callable[[Image.Image], Patches]:
    """What cuts a view into patches as an image processor does, but faster where it is Qwen's own."""
    one = Image.effect_noise((56, 84), 50).convert("RGB")

    def by_processor(view: Image.Image) -> Patches:
        made = images(images=[view], do_resize=False, return_tensors="pt")
        frames, rows, columns = made["image_grid_thw"][0].tolist()
        return made["pixel_values"], (frames, rows, columns)

    expected, grid = by_processor(one)
    patches, own_grid = patchify(one)
    same = (
        own_grid == grid and patches.shape == expected.shape and torch.allclose(patches, expected, atol=1e-6)
    )
    return patchify if same else by_processor
