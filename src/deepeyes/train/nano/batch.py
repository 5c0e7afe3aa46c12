"""From conversations to tensors: token ids, labels on the assistant's turns only, pixels and their grids."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

from deepeyes.models.nano.build import MERGE
from deepeyes.models.nano.pixels import patchify

Part = str | Image.Image
IGNORE = -100


@dataclass(frozen=True)
class Turn:
    """One message: who speaks, and text and views (pictures at the size the model sees) in order.

    The role "given" is the assistant's where nothing is to be learned from it.
    """

    role: str
    parts: tuple[Part, ...]


def encode(tokenizer: PreTrainedTokenizerFast, turns: Sequence[Turn]) -> dict[str, torch.Tensor]:
    """One conversation as `input_ids`, `labels`, `replies` (tokens,), `pixel_values` (patches, dim),
    `image_grid_thw`.

    Labels are the assistant's own tokens and its closing `<|im_end|>`; all else is ignored by the loss.
    `replies` says which of the assistant's turns a label belongs to, -1 elsewhere. `image_grid_thw` is
    (pictures, 3), in patches.
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

    for turn in turns:
        reply += turn.role == "assistant"
        speaker = "assistant" if turn.role == "given" else turn.role
        add(f"<|im_start|>{speaker}\n", False)
        for part in turn.parts:
            if isinstance(part, str):
                add(part, turn.role == "assistant")
            else:
                patches, grid = patchify(part)
                pixels.append(patches)
                grids.append(grid)
                count = grid[1] * grid[2] // MERGE**2
                add("<|vision_start|>" + "<|image_pad|>" * count + "<|vision_end|>", False)
        add("<|im_end|>", turn.role == "assistant")
        add("\n", False)
    return {
        "input_ids": torch.tensor(ids),
        "labels": torch.tensor(labels),
        "replies": torch.tensor(replies),
        "pixel_values": torch.cat(pixels) if pixels else torch.zeros(0, 1176),
        "image_grid_thw": torch.tensor(grids) if grids else torch.zeros(0, 3, dtype=torch.long),
    }


def collate(
    tokenizer: PreTrainedTokenizerFast,
    rows: Sequence[dict[str, torch.Tensor]],
    model: Qwen2_5_VLForConditionalGeneration,
) -> dict[str, torch.Tensor]:
    """Pad conversations on the right into one batch, with the `position_ids` (3, rows, tokens) that `model`
    gives them: found here, where batches are drawn, they cost a GPU no waiting.

    There is no mask: attention looks back only, so what pads the end of a row changes nothing before it.
    """
    pad = torch.nn.utils.rnn.pad_sequence
    ids = pad(
        [row["input_ids"] for row in rows], batch_first=True, padding_value=int(tokenizer.pad_token_id or 0)
    )
    labels = pad([row["labels"] for row in rows], batch_first=True, padding_value=IGNORE)
    replies = pad([row["replies"] for row in rows], batch_first=True, padding_value=-1)
    grids = torch.cat([row["image_grid_thw"] for row in rows])
    kinds = (ids == model.config.image_token_id).int()
    return {
        "input_ids": ids,
        "labels": labels,
        "replies": replies,
        "position_ids": model.model.get_rope_index(ids, kinds, image_grid_thw=grids)[0],
        "pixel_values": torch.cat([row["pixel_values"] for row in rows]),
        "image_grid_thw": grids,
    }
