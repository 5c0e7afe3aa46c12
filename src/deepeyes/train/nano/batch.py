"""From conversations to tensors: token ids, labels on the assistant's messages only, pixels and their grids.

What always holds: what is not the assistant's own words or the `<|im_end|>` after them has no label, nor has
a message whose role is `NO_LOSS`; an image is as many tokens as its view has cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, cast

import torch
from PIL import Image
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

from deepeyes.models.nano.pixels import PATCH_VALUES, patchify
from deepeyes.models.nano.size import MERGE

Tensors = dict[str, torch.Tensor]
Part = str | Image.Image
Row = TypeVar("Row")

IGNORE = -100
NO_LOSS = "no_loss"
"""The role of what the assistant says where nothing is to be learned from it."""


@dataclass(frozen=True)
class ChatMessage:
    """Who speaks (system, user, assistant or `NO_LOSS`), and text and views (images at the size the model
    sees) in order.
    """

    role: str
    parts: tuple[Part, ...]


class Exchange(NamedTuple):
    """One question of a lesson with its answer, and the kind of thing that was asked for."""

    kind: str
    asked: ChatMessage
    told: ChatMessage


def encode(tokenizer: PreTrainedTokenizerFast, messages: Sequence[ChatMessage]) -> Tensors:
    """One conversation as `input_ids`, `labels`, `replies` (tokens,), `pixel_values` (patches, dim),
    `image_grid_thw` (images, 3), in patches.

    `replies` says which of the assistant's messages a label belongs to, -1 elsewhere; messages without loss
    are not counted.
    """
    ids: list[int] = []
    labels: list[int] = []
    replies: list[int] = []
    reply = -1
    pixels: list[torch.Tensor] = []
    grids: list[tuple[int, int, int]] = []

    def add(text: str, learn: bool) -> None:
        tokens = tokenizer(text, add_special_tokens=False).input_ids
        ids.extend(tokens)
        labels.extend(tokens if learn else [IGNORE] * len(tokens))
        replies.extend([reply if learn else -1] * len(tokens))

    for message in messages:
        learn = message.role == "assistant"
        reply += learn
        speaker = "assistant" if message.role == NO_LOSS else message.role
        add(f"<|im_start|>{speaker}\n", False)
        for part in message.parts:
            if isinstance(part, str):
                add(part, learn)
            else:
                patches, grid = patchify(part)
                pixels.append(patches)
                grids.append(grid)
                count = grid[1] * grid[2] // MERGE**2
                add("<|vision_start|>" + "<|image_pad|>" * count + "<|vision_end|>", False)
        add("<|im_end|>", learn)
        add("\n", False)
    return {
        "input_ids": torch.tensor(ids),
        "labels": torch.tensor(labels),
        "replies": torch.tensor(replies),
        "pixel_values": torch.cat(pixels) if pixels else torch.zeros(0, PATCH_VALUES),
        "image_grid_thw": torch.tensor(grids) if grids else torch.zeros(0, 3, dtype=torch.long),
    }


def collate_conversations(
    tokenizer: PreTrainedTokenizerFast, rows: Sequence[Tensors], model: Qwen2_5_VLForConditionalGeneration
) -> Tensors:
    """Pad conversations on the right into one batch, with the `position_ids` (3, rows, tokens) that `model`
    gives them: found here, where batches are drawn, they cost a GPU no waiting.

    There is no mask: attention looks back only, so what pads the end of a row changes nothing before it.
    """
    blank = cast("int | None", tokenizer.pad_token_id) or 0
    ids = pad_sequence([row["input_ids"] for row in rows], batch_first=True, padding_value=blank)
    labels = pad_sequence([row["labels"] for row in rows], batch_first=True, padding_value=IGNORE)
    replies = pad_sequence([row["replies"] for row in rows], batch_first=True, padding_value=-1)
    grids = torch.cat([row["image_grid_thw"] for row in rows])
    token_types = (ids == model.config.image_token_id).int()
    find_positions: Any = model.model.get_rope_index  # annotated for LongTensor, which no tensor is
    return {
        "input_ids": ids,
        "labels": labels,
        "replies": replies,
        "position_ids": find_positions(ids, token_types, image_grid_thw=grids)[0],
        "pixel_values": torch.cat([row["pixel_values"] for row in rows]),
        "image_grid_thw": grids,
    }


def collate_with_cells(
    tokenizer: PreTrainedTokenizerFast,
    rows: Sequence[tuple[Tensors, torch.Tensor]],
    model: Qwen2_5_VLForConditionalGeneration,
) -> Tensors:
    """Conversations, each with the labels (cells, kinds) of its images' cells, as one batch; `cells` has the
    labels of all.
    """
    batch = collate_conversations(tokenizer, [row for row, _ in rows], model)
    return {**batch, "cells": torch.cat([cells for _, cells in rows])}


def microbatches(rows: list[Row], parts: int) -> list[list[Row]]:
    """`rows` cut into at most `parts` lists of like length, none of them empty."""
    size = -(-len(rows) // parts)
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def microbatch_weights(parts: Sequence[Tensors]) -> list[float]:
    """The share of a batch's labels in each of its parts: by these, the sum of the parts' mean losses is the
    mean over all labels.
    """
    if len(parts) == 1:
        return [1.0]
    counts = [int((part["labels"] >= 0).sum()) for part in parts]
    return [count / sum(counts) for count in counts]
