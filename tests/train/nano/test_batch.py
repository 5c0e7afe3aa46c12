"""From conversations to tensors: what is learned is the assistant's, and images cost what they show."""

import random

import numpy as np
import pytest
import torch
from nano_fixtures import SIZE, world_tokenizer
from PIL import Image
from transformers import PreTrainedTokenizerFast

from deepeyes.models.nano.build import build_model
from deepeyes.models.nano.pixels import patchify, to_view
from deepeyes.models.nano.size import MERGE, PATCH
from deepeyes.train.nano.batch import (
    IGNORE,
    NO_LOSS,
    ChatMessage,
    collate_conversations,
    encode,
    microbatch_weights,
    microbatches,
)
from deepeyes.train.nano.dense import DenseWarmup
from deepeyes.train.nano.joint_loss import JointLoss
from deepeyes.train.nano.lesson import draw_lesson


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return world_tokenizer()


def test_labels_are_the_assistants_tokens_and_their_end(tokenizer: PreTrainedTokenizerFast) -> None:
    lesson = draw_lesson(random.Random(1), SIZE, "train")
    row = encode(tokenizer, lesson.messages)
    learned = row["input_ids"][row["labels"] != IGNORE]
    assert torch.equal(learned, row["labels"][row["labels"] != IGNORE])
    said = "".join(f"{turn.parts[0]}<|im_end|>" for turn in lesson.messages if turn.role == "assistant")
    assert tokenizer.decode(learned.tolist()) == said
    assert row["replies"].max() + 1 == len(lesson.kinds)


def view(side: int, seed: int) -> Image.Image:
    """An image of noise, as the model sees it: smaller than it is, where it is large."""
    noise = np.random.default_rng(seed).integers(0, 256, (side, 2 * side, 3), dtype=np.uint8)
    return to_view(Image.fromarray(noise), SIZE)


def talk() -> list[ChatMessage]:
    """Looks at three images, some larger than their views; the first look is off on purpose."""
    return [
        ChatMessage("system", ("Tools: python",)),
        ChatMessage("user", (view(900, 0), "image_1\n", "what does it say?")),
        ChatMessage(NO_LOSS, ("<code>\nlook(image_1)\n</code>",)),
        ChatMessage("user", ("Output:\n", view(70, 1), view(700, 2), "image_2, image_3\n")),
        ChatMessage("assistant", ("<answer>K7</answer>",)),
    ]


def test_a_message_without_loss_reads_as_the_assistants_and_is_not_learned(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    row = encode(tokenizer, talk())
    read = tokenizer.decode(row["input_ids"].tolist())
    assert read.count("<|im_start|>assistant\n") == 2 and NO_LOSS not in read
    assert (
        tokenizer.decode(row["labels"][row["labels"] != IGNORE].tolist()) == "<answer>K7</answer><|im_end|>"
    )
    assert set(row["replies"].tolist()) == {-1, 0}, "it is not counted among the replies"


def test_images_stand_where_they_came_and_are_their_views(tokenizer: PreTrainedTokenizerFast) -> None:
    shown = [part for message in talk() for part in message.parts if isinstance(part, Image.Image)]
    row = encode(tokenizer, talk())
    grids = row["image_grid_thw"].tolist()
    assert [(columns * PATCH, rows * PATCH) for _, rows, columns in grids] == [image.size for image in shown]
    assert all(rows * columns <= SIZE.max_tokens * MERGE**2 for _, rows, columns in grids)
    assert torch.equal(row["pixel_values"], torch.cat([patchify(image)[0] for image in shown]))
    pieces = tokenizer.decode(row["input_ids"].tolist()).split("<|vision_start|>")
    counts = [piece.count("<|image_pad|>") for piece in pieces]
    assert counts == [0, *(rows * columns // MERGE**2 for _, rows, columns in grids)]
    assert pieces[1].endswith("Output:\n") and pieces[3].partition("<|vision_end|>")[2].startswith("image_2")


def test_padding_is_not_learned_and_changes_nothing_before_it(tokenizer: PreTrainedTokenizerFast) -> None:
    joint = JointLoss(DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer), 0.0).eval()
    long, short = encode(tokenizer, talk()), encode(tokenizer, talk()[:2] + talk()[-1:])
    alone = collate_conversations(tokenizer, [short], joint.dense.model)
    both = collate_conversations(tokenizer, [short, long], joint.dense.model)
    size = len(short["input_ids"])
    assert both["input_ids"].shape == both["labels"].shape == (2, len(long["input_ids"]))
    assert (both["labels"][0, size:] == IGNORE).all() and (both["replies"][0, size:] == -1).all()
    with torch.no_grad():
        assert torch.allclose(joint.logits(both)[:1, :size], joint.logits(alone), atol=1e-4)


@pytest.mark.parametrize(("rows", "parts", "sizes"), [(8, 3, [3, 3, 2]), (2, 8, [1, 1]), (5, 1, [5])])
def test_microbatches_are_in_order_and_never_empty(rows: int, parts: int, sizes: list[int]) -> None:
    made = microbatches(list(range(rows)), parts)
    assert [len(part) for part in made] == sizes and [row for part in made for row in part] == [*range(rows)]


def test_a_microbatch_weighs_as_much_as_it_has_labels() -> None:
    parts = [{"labels": torch.tensor(labels)} for labels in ([[5, IGNORE, 0]], [[IGNORE, 1, IGNORE]], [[7]])]
    assert microbatch_weights(parts) == [0.5, 0.25, 0.25]
    assert microbatch_weights(parts[:1]) == [1.0]


def test_images_cost_as_many_tokens_as_they_have_cells(tokenizer: PreTrainedTokenizerFast) -> None:
    model = build_model(tokenizer, SIZE, 0)
    pad = tokenizer.convert_tokens_to_ids("<|image_pad|>")
    lessons = [draw_lesson(random.Random(seed), SIZE, "train") for seed in range(6)]
    batch = collate_conversations(
        tokenizer, [encode(tokenizer, lesson.messages) for lesson in lessons], model
    )
    cells = int((batch["image_grid_thw"][:, 1] * batch["image_grid_thw"][:, 2]).sum()) // 4
    assert int((batch["input_ids"] == pad).sum()) == cells == sum(len(lesson.cells) for lesson in lessons)
    first = batch["position_ids"][:, 0, batch["input_ids"][0] == pad]
    assert first[1].unique().numel() * first[2].unique().numel() == first.shape[1], "rows and columns"


def test_a_batch_in_parts_has_the_gradient_of_the_whole(tokenizer: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    joint = JointLoss(DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer), 0.0)
    rows = [encode(tokenizer, draw_lesson(random.Random(seed), SIZE, "train").messages) for seed in range(4)]
    gradients: list[torch.Tensor] = []
    for parts in ([rows], [rows[:1], rows[1:]]):
        joint.zero_grad()
        batches = [collate_conversations(tokenizer, part, joint.dense.model) for part in parts]
        for batch, weight in zip(batches, microbatch_weights(batches), strict=True):
            (weight * joint(**batch)[0]).backward()
        gradient = joint.dense.model.lm_head.weight.grad
        assert gradient is not None
        gradients.append(gradient.clone())
    assert torch.allclose(gradients[0], gradients[1], atol=1e-5)
