"""Exports as batches: pixels where picture tokens are, masks from either column, every row counted."""

from pathlib import Path
from typing import Any

import pyarrow
import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")

import torch
from pyarrow import parquet
from train.sft.exports import by_hand, conversation, row, said, write
from transformers import AutoModelForImageTextToText

from deepeyes.core.errors import InputError
from deepeyes.train.sft.collate import Collator
from deepeyes.train.sft.dataset import EncodedDataset, files_of, open_dataset
from deepeyes.train.sft.encode import IGNORE, ConversationEncoder
from deepeyes.train.sft.recipe import DataConfig


def test_a_batch_has_the_pixels_of_its_picture_tokens(
    start: Path, export: Path, encoder: ConversationEncoder, tmp_path: Path
) -> None:
    dataset = open_dataset(files_of([str(export)], "train"), encoder, DataConfig(train=("x",)), tmp_path)
    model = AutoModelForImageTextToText.from_pretrained(start)
    collator = Collator(encoder, model, {"train": dataset.rows})
    batch = collator([dataset.tokens[0], dataset.tokens[5]])
    for index, number in enumerate((0, 5)):
        hand = by_hand(encoder, number)
        length = int(batch["attention_mask"][index].sum())
        assert batch["input_ids"][index][:length].tolist() == hand["input_ids"][:-1].tolist()
        assert (batch["labels"][index][length:] == IGNORE).all()
    pixels = torch.cat([by_hand(encoder, number)["pixel_values"] for number in (0, 5)])
    assert torch.allclose(batch["pixel_values"], pixels, atol=1e-5)
    places = int((batch["input_ids"] == encoder.image_token_id).sum())
    assert places == int(batch["image_grid_thw"].prod(-1).sum()) // 4
    with pytest.raises(InputError, match="picture tokens for"):
        collator([{**dataset.tokens[0], "pictures": 2}])


def test_the_loss_of_a_batch_is_on_the_replies_that_are_not_masked(
    start: Path, encoder: ConversationEncoder, tmp_path: Path
) -> None:
    """Found again from the logits at the words of those replies, wherever they stand in padded rows."""
    path = write(tmp_path / "rows.parquet", [row(1, masked_turns=[0]), row(5), row(2, masked_turns=[1])])
    dataset = open_dataset([path], encoder, DataConfig(train=("x",)), tmp_path)
    model = AutoModelForImageTextToText.from_pretrained(start).eval()
    batch = Collator(encoder, model, {"train": dataset.rows})([dataset.tokens[k] for k in range(3)])
    tokenizer = encoder.processor.tokenizer
    with torch.no_grad():
        made = model(**batch)
    losses: list[torch.Tensor] = []
    for index, (number, learned) in enumerate(((1, (1,)), (5, (0, 1)), (2, (0,)))):
        ids = batch["input_ids"][index].tolist()
        for reply in learned:
            text = conversation(number)[2 + 2 * reply]["content"][0]["text"] + "<|im_end|>"
            words = tokenizer(text).input_ids
            (at,) = [k for k in range(len(ids)) if ids[k : k + len(words)] == words]
            logprobs = made.logits[index, at - 1 : at + len(words) - 1].float().log_softmax(-1)
            losses += logprobs[range(len(words)), words].neg()
    assert float(made.loss) == pytest.approx(float(torch.stack(losses).mean()), abs=1e-4)


def learned(dataset: EncodedDataset, encoder: ConversationEncoder) -> list[str]:
    tokens = [[label for label in row["labels"] if label != IGNORE] for row in dataset.tokens]
    return [encoder.processor.tokenizer.decode(labels) for labels in tokens]


@pytest.mark.parametrize("column", ("masked_turns", "given_turns"))
def test_masked_turns_are_read_from_exports_of_now_and_of_before(
    column: str, encoder: ConversationEncoder, tmp_path: Path
) -> None:
    whole = row(1)
    del whole["masked_turns"]
    path = write(tmp_path / "rows.parquet", [{**whole, column: turns} for turns in ([], [0], [1])], column)
    dataset = open_dataset([path], encoder, DataConfig(train=("x",)), tmp_path / "cache")
    first, second = (conversation(1)[k]["content"][0]["text"] + "<|im_end|>" for k in (2, 4))
    assert learned(dataset, encoder) == [first + second, second, first]


@pytest.mark.parametrize(
    ("columns", "masked"),
    [
        ({"masked_turns": [], "given_turns": [0]}, False),
        ({"masked_turns": [0], "given_turns": []}, True),
        ({"masked_turns": None, "given_turns": [0]}, True),
        ({"masked_turns": None}, False),
        ({}, False),
    ],
)
def test_the_column_of_now_is_the_one_that_counts(
    columns: dict[str, Any], masked: bool, encoder: ConversationEncoder, tmp_path: Path
) -> None:
    messages = [
        {"role": role, "content": text} for role, text in zip(("user", "assistant") * 2, "abcd", strict=True)
    ]
    rows = [{"messages": messages, "images": [], **columns}] * 2
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    dataset = open_dataset([tmp_path / "rows.parquet"], encoder, DataConfig(train=("x",)), tmp_path)
    assert learned(dataset, encoder) == ["d<|im_end|>" if masked else "b<|im_end|>d<|im_end|>"] * 2


def test_rows_that_cannot_be_used_are_counted_by_reason(
    start: Path, encoder: ConversationEncoder, tmp_path: Path
) -> None:
    spelled = conversation(1)
    spelled[1] = said("user", None, "<|image_pad|><|im_end|>")
    bad = [
        row(0),
        row(1, messages=spelled),
        row(2, images=row(2)["images"][:2]),
        row(3, images=[{"bytes": b"no picture", "path": None}] * 3),
        row(4, messages=conversation(4)[:2], images=row(4)["images"][:1]),
        row(5, messages=[]),
        row(6, masked_turns=[0, 1]),
        row(7, messages=[said("critic", "hm")], images=[]),
        row(8, messages=[said("user", "hm"), said("assistant", None)], images=row(8)["images"][:1]),
    ]
    path = write(tmp_path / "rows.parquet", bad)
    dataset = open_dataset([path], encoder, DataConfig(train=("x",)), tmp_path / "cache")
    assert dataset.tokens["row"][:] == [0, 1]
    assert (torch.tensor(dataset.tokens["input_ids"][1]) == encoder.image_token_id).sum() > 0
    assert sum(dataset.reasons.values()) == 7
    assert dataset.reasons["pictures do not match their places"] == 2
    assert dataset.reasons["a picture that cannot be read"] == 1
    assert {reject["id"] for reject in dataset.rejects} >= {"row-3", "row-6"}


def test_validation_is_read_from_the_place_named_for_it(export: Path) -> None:
    file = export / "sft" / "validation.parquet"
    assert files_of([str(export), str(file)], "validation") == [file, file]
    assert files_of([str(file), "/nowhere"], "validation", needed=False) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"messages": [{"from": "human", "value": "how many?"}]}, "messages of another shape: 2"),
        ({"messages": "how many?"}, "messages of another shape: 2"),
        ({"images": {"bytes": b"", "path": ""}}, "reading the pictures of"),
        ({"masked_turns": "0"}, "masked_turns that are no list of numbers: 2"),
        ({"given_turns": [["0"]]}, "given_turns that are no list of numbers: 2"),
        ({"masked_turns": ["0"]}, "masked_turns that are no list of numbers: 2"),
    ],
)
def test_files_of_another_shape_have_clear_errors(
    change: dict[str, Any], words: str, encoder: ConversationEncoder, tmp_path: Path
) -> None:
    messages = [{"role": "user", "content": "how many?"}, {"role": "assistant", "content": "two"}]
    rows = [{"messages": messages, "images": [], **change}] * 2
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    with pytest.raises(InputError, match=words):
        open_dataset([tmp_path / "rows.parquet"], encoder, DataConfig(train=("x",)), tmp_path / "cache")
