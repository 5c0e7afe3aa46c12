"""From rows of tokens to a batch with pixels.

What always holds: images are brought to the view that the agent would show, and the number of image
tokens equals the cells in the pixels, or the batch is refused; padding is on the right, is not attended to
and has no label.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence

from deepeyes.core.errors import InputError
from deepeyes.train.sft.dataset import read_image
from deepeyes.train.sft.encode import IGNORE, ConversationEncoder


class Collator:
    """A data collator for one model's inputs, with its images from `rows` (`EncodedDataset.rows`)."""

    def __init__(self, encoder: ConversationEncoder, model: Any, datasets: dict[str, Dataset]) -> None:
        self.encoder = encoder
        self.datasets = datasets
        self.typed = "mm_token_type_ids" in inspect.signature(type(model).forward).parameters
        tokenizer = encoder.processor.tokenizer
        self.pad = int(
            tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        )

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """`input_ids`, `labels`, `attention_mask` and token types (batch, tokens); `pixel_values` (patches,
        dim) and `image_grid_thw` (images, 3) if there is an image in the batch.
        """
        ids = self._padded(rows, "input_ids", self.pad)
        lengths = torch.tensor([len(row["input_ids"]) for row in rows])
        batch = {
            "input_ids": ids,
            "labels": self._padded(rows, "labels", IGNORE),
            "attention_mask": (torch.arange(ids.shape[1])[None] < lengths[:, None]).long(),
        }
        places = ids == self.encoder.image_token_id
        if self.typed:
            batch["mm_token_type_ids"] = places.int()
        views = [self._view(cell) for row in rows for cell in self._cells(row)]
        cells = 0
        if views:
            images = self.encoder.processor.image_processor
            made = images(images=views, do_resize=False, return_tensors="pt")
            batch.update(pixel_values=made["pixel_values"], image_grid_thw=made["image_grid_thw"])
            cells = int(made["image_grid_thw"].prod(-1).sum()) // images.merge_size**2
        if int(places.sum()) != cells:
            raise InputError(
                f"{int(places.sum())} picture tokens for {cells} cells of pictures",
                "remove the run's folder cache and start again",
            )
        return batch

    def _cells(self, row: dict[str, Any]) -> list[Any]:
        if not row["pictures"]:
            return []
        return self.datasets[row.get("split", "train")][int(row["row"])]["images"][: int(row["pictures"])]

    def _view(self, cell: Any) -> Any:
        return self.encoder.vision.view(read_image(cell))

    def _padded(self, rows: Sequence[dict[str, Any]], column: str, value: int) -> torch.Tensor:
        return pad_sequence(
            [torch.tensor(row[column]) for row in rows], batch_first=True, padding_value=value
        )
