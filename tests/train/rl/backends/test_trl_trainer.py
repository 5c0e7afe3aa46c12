"""The library door learns exactly what the flat loop does, from the same recorded episodes."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

import torch
from datasets import Dataset
from train.rl.backends.recorded import FAMILIES, SAMPLES, Played, model_and_collator, played
from transformers import PrinterCallback, TrainerCallback
from transformers.optimization import get_constant_schedule
from trl.trainer.grpo_trainer import GRPOTrainer

from deepeyes.core.errors import ConfigError, InputError
from deepeyes.core.images import ImageStore
from deepeyes.train.rl.backends import trl_contract, trl_trainer
from deepeyes.train.rl.backends.trl_contract import LOSS_TYPES, SERIES, check_trl, settings
from deepeyes.train.rl.backends.trl_trainer import EpisodeTrainer, Lesson
from deepeyes.train.rl.recipe import OptimConfig
from deepeyes.train.rl.rollouts import Group
from deepeyes.train.rl.update import Learner
from deepeyes.train.tokens import ImageChunk, Record, record_of

Weights = dict[str, torch.Tensor]
ROWS = len(FAMILIES) * SAMPLES


@dataclass
class Learned:
    """What an update came to."""

    loss: float
    gradient: torch.Tensor
    """All of it, in one row."""
    numbers: dict[str, Any]


def plan(**changes: Any) -> OptimConfig:
    return OptimConfig(**{"steps": 1, "lr": 1e-12, "clip": 1e9, **changes})


def flat(how: OptimConfig, given: Played) -> Learned:
    model, collator = model_and_collator()
    optimizer = torch.optim.AdamW(model.parameters(), lr=how.lr)
    learner = Learner(model, optimizer, get_constant_schedule(optimizer), collator, how, 4096, False)
    numbers = learner.learn(given.groups, given.images)
    return Learned(float(numbers["loss"] or 0), gradient(model), numbers)


def library(how: OptimConfig, given: Played, tmp_path: Path, *, rows: int = ROWS, part: int = 3) -> Learned:
    model, collator = model_and_collator()
    seen = _Seen()
    told: list[dict[str, Any]] = []
    trainer = EpisodeTrainer(
        play=lambda _: Lesson(given.groups, given.images),
        plan=how,
        collator=collator,
        rows=rows,
        state=lambda: b"{}",
        told=lambda step, numbers: told.append({"step": step, **numbers}),
        model=model,
        args=settings(
            how, tmp_path, num_generations=rows, per_device_train_batch_size=part, use_cpu=True,
            gradient_accumulation_steps=rows // part, steps_per_generation=rows // part, report_to=[],
            save_strategy="no", disable_tqdm=True, bf16=False, gradient_checkpointing=False,
            max_completion_length=777,
        ),
        train_dataset=Dataset.from_dict({"prompt": [""] * rows}),
        processing_class=collator.processor,
        callbacks=[seen],
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return Learned(float(told[-1]["loss"]), seen.gradients[-1], told[-1])


class _Seen(TrainerCallback):
    """Keeps the gradient of every update."""

    def __init__(self) -> None:
        self.gradients: list[torch.Tensor] = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.gradients.append(gradient(more["model"]))


def gradient(model: Any) -> torch.Tensor:
    return torch.cat([w.grad.flatten().clone() for w in model.parameters() if w.grad is not None])


def apart(one: Learned, other: Learned) -> float:
    """Of two gradients, by the length of the first."""
    return float((one.gradient - other.gradient).norm() / one.gradient.norm())


def with_records(change: Callable[[Record], Record], monkeypatch: pytest.MonkeyPatch) -> None:
    """The library door is given records that are changed."""
    monkeypatch.setattr(trl_trainer, "record_of", lambda trace, **more: change(record_of(trace, **more)))


def test_the_recorded_batch_is_of_the_kind_that_goes_wrong() -> None:
    token = model_and_collator()[1].image_token
    records = [record_of(trace, image_token=token) for group in played().groups for trace in group.traces]
    assert len({len(record.images) for record in records}) >= 2, "ragged numbers of images"
    assert max(len(record.images) for record in records) >= 2 and len({len(one) for one in records}) > 5
    shown = {image.ref.sha256 for record in records for image in record.images}
    assert len(shown) > len(FAMILIES), "tools returned some of them"


@pytest.mark.parametrize(
    "how",
    [
        {"loss": "dapo"},
        {"loss": "grpo", "correction": "truncate", "correction_high": 0.9999},
        *(
            pytest.param(how, marks=pytest.mark.slow)
            for how in (
                {"loss": "grpo"},
                {"loss": "gspo"},
                {"loss": "dapo", "scale": "batch"},
                {"loss": "dr_grpo", "scale": "none"},
                {"loss": "dapo", "correction": "sequence_mask"},
            )
        ),
    ],
    ids=lambda how: "-".join(map(str, how.values())),
)
def test_both_doors_have_the_same_loss_and_gradient(how: dict[str, Any], tmp_path: Path) -> None:
    one, other = flat(plan(**how), played()), library(plan(**how), played(), tmp_path)
    assert one.gradient.norm() > 1e-3
    assert apart(one, other) < 1e-4
    assert abs(one.loss - other.loss) < 1e-5
    for name in ("tokens_learned", "episodes_learned"):
        assert one.numbers[name] == other.numbers[name]
    for name in ("entropy", "logprob_diff_max", "logprob_pearson", "gradient_norm"):
        assert one.numbers[name] == pytest.approx(other.numbers[name], rel=1e-3, abs=2e-5)
    assert other.numbers["logprob_diff_max"] <= 1e-4


@pytest.mark.parametrize(
    "loss", ["grpo", *(pytest.param(one, marks=pytest.mark.slow) for one in ("dapo", "dr_grpo", "gspo"))]
)
def test_places_of_lost_episodes_change_nothing(loss: str, tmp_path: Path) -> None:
    first, *_, last = played().groups
    fewer = Group(last.task, last.traces[:2], last.rewarded[:2])
    given = Played([first, fewer], played().images)
    one = flat(plan(loss=loss), given)
    assert one.gradient.norm() > 1e-3
    assert apart(one, library(plan(loss=loss), given, tmp_path, rows=9, part=3)) < 1e-4


def test_a_second_update_is_clipped_alike(tmp_path: Path) -> None:
    how = plan(updates=2, lr=1e-3, loss="dapo", clip_low=0.001, clip_high=0.001)
    one, other = flat(how, played()), library(how, played(), tmp_path)
    assert one.numbers["clipped_low"] > 0.01 and one.numbers["clipped_high"] > 0.01, "some are"
    assert apart(one, other) < 0.02, "after one update each, whose rounding Adam makes larger"


def test_one_bit_of_a_mask_changes_the_gradient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = flat(plan(), played())
    moved: list[str] = []

    def move(record: Record) -> Record:
        if moved or len(record.images) < 2:
            return record
        moved.append(record.name)
        odd = min(range(len(record)), key=record.logprobs.__getitem__)  # one with a gradient
        return replace(record, chosen=(*record.chosen[:odd], 0, *record.chosen[odd + 1 :]))

    with_records(move, monkeypatch)
    assert apart(one, library(plan(), played(), tmp_path)) > 1e-3 and moved


def test_swapped_images_change_the_gradient_and_the_log_probabilities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = played()
    one = flat(plan(), given)

    def swap(record: Record) -> Record:
        """Another image of the same size in place of each."""
        chunks = [
            replace(chunk, ref=other) if isinstance(chunk, ImageChunk) and (other := _other(chunk)) else chunk
            for chunk in record.chunks
        ]
        return replace(record, chunks=tuple(chunks))

    with_records(swap, monkeypatch)
    other = library(plan(), given, tmp_path)
    assert apart(one, other) > 0.1 and other.numbers["logprob_diff_max"] > 0.1


def _other(chunk: ImageChunk) -> Any:
    from PIL import Image

    noise = Image.effect_noise((chunk.ref.width, chunk.ref.height), 90).convert("RGB")
    return played().images.put(noise)


def test_an_image_that_is_missing_stops_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(record: Record) -> Record:
        """An image becomes as many image tokens without pixels."""
        from deepeyes.train.tokens import TextChunk

        token = model_and_collator()[1].image_token
        chunks = [
            TextChunk((token,) * len(chunk)) if isinstance(chunk, ImageChunk) else chunk
            for chunk in record.chunks
        ]
        return replace(record, chunks=tuple(chunks))

    with_records(lose, monkeypatch)
    with pytest.raises(InputError, match="image tokens for 0 cells"):
        library(plan(), played(), tmp_path)


def test_a_step_without_anything_to_learn_changes_nothing(tmp_path: Path) -> None:
    learned = library(plan(lr=1.0), Played([], ImageStore()), tmp_path, rows=4, part=2)
    assert learned.loss == 0 and not learned.gradient.any() and learned.numbers["tokens_learned"] == 0


def test_episodes_that_were_drawn_in_different_ways_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(range(100))
    with_records(lambda record: replace(record, banned=(next(drawn),)), monkeypatch)
    with pytest.raises(InputError, match="drawn in different ways"):
        library(plan(), played(), tmp_path)


def test_the_installed_library_has_every_hook_that_is_used() -> None:
    check_trl()
    reading = inspect.getsource(GRPOTrainer._compute_loss)
    for words in ("(B, T)", "current_gradient_accumulation_steps", "self.args.steps_per_generation"):
        assert words in reading, f"TRL's loss no longer has {words!r}: check `_factor` and `rows`"
    assert "dataset_images" in inspect.getsource(GRPOTrainer._generate_and_score_completions)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda patch: patch.setattr(trl_contract, "version", lambda _: "1.17.0"), r"TRL is 1\.17\.0"),
        (lambda patch: patch.delattr(GRPOTrainer, "_compute_loss"), "another GRPOTrainer._compute_loss"),
        (
            lambda patch: patch.setattr(GRPOTrainer, "_save_checkpoint", lambda self, folder: None),
            "another GRPOTrainer._save_checkpoint",
        ),
        (
            lambda patch: patch.setattr(GRPOTrainer, "_compute_loss", _other_loss),
            "no longer reads prompt_ids, completion_ids",
        ),
    ],
)
def test_another_library_is_refused(
    change: Callable[[pytest.MonkeyPatch], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(monkeypatch)
    with pytest.raises(ConfigError, match=rf'{words}.*install "trl=={SERIES}'):
        check_trl()


def _other_loss(self: Any, model: Any, inputs: Any) -> None:
    return None


def test_losses_of_recipes_are_all_known() -> None:
    from deepeyes.train.rl.losses.registry import LOSSES

    assert set(LOSS_TYPES) == set(LOSSES)
