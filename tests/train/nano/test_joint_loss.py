"""The loss on words and cells together, and how many replies are right."""

import random

import pytest
import torch
from nano_fixtures import SIZE, world_tokenizer
from transformers import PreTrainedTokenizerFast

from deepeyes.models.nano.build import build_model
from deepeyes.train.nano.batch import (
    IGNORE,
    NO_LOSS,
    ChatMessage,
    collate_conversations,
    collate_with_cells,
    encode,
)
from deepeyes.train.nano.dense import LABELS, DenseWarmup
from deepeyes.train.nano.joint_loss import JointLoss, teacher_forced_exact_match
from deepeyes.train.nano.lesson import draw_lesson
from deepeyes.train.nano.reading_lessons import draw_reading
from deepeyes.train.nano.sheet_lessons import unlabelled


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return world_tokenizer()


@pytest.mark.parametrize("first", ("assistant", NO_LOSS))
def test_the_loss_is_the_mean_over_the_words_that_are_to_be_learned(
    tokenizer: PreTrainedTokenizerFast, first: str
) -> None:
    joint = JointLoss(DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer), 0.0)
    replies = ("<code>\nlook(3, 1)\n</code>", "<answer>red</answer>")
    told = [ChatMessage(role, (text,)) for role, text in zip((first, "assistant"), replies, strict=True)]
    row = encode(tokenizer, [ChatMessage("user", ("a",)), told[0], ChatMessage("user", ("b",)), told[1]])
    batch = collate_conversations(tokenizer, [row], joint.dense.model)
    logprobs = joint.logits(batch)[0].log_softmax(-1)
    ids, text, losses = row["input_ids"].tolist(), "", list[float]()
    learned = [f"{reply}<|im_end|>" for reply in (replies if first == "assistant" else replies[1:])]
    for place, token in enumerate(ids):
        text += tokenizer.decode([token])
        speaking = text.rpartition("<|im_start|>assistant\n")[2]
        if any(speaking and reply.startswith(speaking) for reply in learned) and "assistant" in text:
            losses.append(-float(logprobs[place - 1, token]))
    assert len(losses) == sum(len(tokenizer(reply).input_ids) for reply in learned)
    assert float(joint(**batch)[0]) == pytest.approx(sum(losses) / len(losses), abs=1e-4)


def test_the_cells_weigh_as_much_as_the_stage_says(tokenizer: PreTrainedTokenizerFast) -> None:
    dense = DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer)
    drawn = (draw_lesson(random.Random(seed), SIZE, "train") for seed in range(60))
    lesson = next(lesson for lesson in drawn if "says" in lesson.kinds)
    batch = collate_with_cells(tokenizer, [(encode(tokenizer, lesson.messages), lesson.cells)], dense.model)
    words, tenth, half = (float(JointLoss(dense, weight)(**batch)[0]) for weight in (0.0, 0.1, 0.5))
    assert half - words == pytest.approx(5 * (tenth - words), rel=1e-3) and tenth > words + 0.1


def test_lessons_without_a_scene_have_a_finite_loss(tokenizer: PreTrainedTokenizerFast) -> None:
    joint = JointLoss(DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer), 0.3)
    drawn = (draw_lesson(random.Random(seed), SIZE, "validation") for seed in range(60))
    sheet = next(lesson for lesson in drawn if lesson.kinds[0] == "crop")
    batch = collate_conversations(tokenizer, [encode(tokenizer, sheet.messages)], joint.dense.model)
    loss, metrics = joint(**batch, cells=sheet.cells)
    assert torch.isfinite(loss) and "char" not in metrics
    text = [turn for _, asked, told in draw_reading(random.Random(1), "train") for turn in (asked, told)]
    batch = collate_conversations(tokenizer, [encode(tokenizer, text)], joint.dense.model)
    loss, _ = joint(**batch, cells=torch.zeros(0, len(LABELS), dtype=torch.long))
    loss.backward()
    assert torch.isfinite(loss)


def test_a_trace_without_labels_changes_nothing_in_the_loss_on_a_lessons_cells(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    joint = JointLoss(DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer), 0.5)
    drawn = (draw_lesson(random.Random(seed), SIZE, "validation") for seed in range(60))
    lesson = next(lesson for lesson in drawn if "says" in lesson.kinds)
    row = encode(tokenizer, lesson.messages)
    trace = {**row, "labels": torch.full_like(row["labels"], IGNORE)}
    alone = joint(**collate_with_cells(tokenizer, [(row, lesson.cells)], joint.dense.model))[0]
    beside = joint(
        **collate_with_cells(
            tokenizer, [(trace, unlabelled(len(lesson.cells))), (row, lesson.cells)], joint.dense.model
        )
    )[0]
    assert torch.allclose(alone, beside, atol=1e-4)


def test_exact_match_is_one_for_a_model_that_knows_and_counts_by_kind(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    joint = JointLoss(DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer), 0.1)
    turns = (
        ChatMessage("user", ("Where is the sign?",)),
        ChatMessage("assistant", ("<answer>4.6, 3.2</answer>",)),
    )
    row = encode(tokenizer, turns)
    row["pixel_values"], row["image_grid_thw"] = torch.zeros(0, 1176), torch.zeros(0, 3, dtype=torch.long)
    batch = collate_conversations(tokenizer, [row], joint.dense.model)
    sure = torch.nn.functional.one_hot(batch["input_ids"].roll(-1, 1), 1024).float()
    joint.logits = lambda _batch: sure  # type: ignore[method-assign]
    assert teacher_forced_exact_match(joint, tokenizer, batch, [("where",)]) == {"near": 1.0, "where": 1.0}
