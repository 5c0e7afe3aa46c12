"""TRL's GRPOTrainer, given episodes that were played elsewhere.

Four of its methods are replaced and all else is TRL's: the loop, accumulation, clipping and losses, the
optimizer, DDP, FSDP and DeepSpeed, adapters, checkpoints. What always holds:
- a step's rows are the records' own ids, masks and log-probabilities, with the pixels of all their images,
  counted before the forward pass; TRL's own way would drop the pixels of a micro-batch without a word where
  the counts differ;
- log-probabilities are under the distribution that was sampled from, computed as the flat loop does;
- the loss and the gradient of a step are those of the flat loop: what TRL divides by and we do not (its
  micro-batches, its longest completion, places that lost episodes leave empty) is put into the advantages,
  in which every one of these losses is linear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.utils import split_pixel_values_by_grid, split_tensor_dict, unsplit_pixel_values_by_grid

from deepeyes.agent.many import episode_seed
from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.sampling import Sampling
from deepeyes.train.batch import Batch, Collator
from deepeyes.train.exchange.trl import rollouts
from deepeyes.train.logprobs import Mismatch, logprobs_of, mismatch
from deepeyes.train.rl.advantages import advantages
from deepeyes.train.rl.backends.trl_contract import SERIES
from deepeyes.train.rl.correction import importance
from deepeyes.train.rl.recipe import OptimConfig
from deepeyes.train.rl.rollouts import Group
from deepeyes.train.sft.trainer import GoesOn
from deepeyes.train.tokens import Record, TextChunk, record_of


@dataclass
class Lesson:
    """What one process learns from in a step."""

    groups: Sequence[Group]
    images: ImageStore


Play = Callable[[int], Lesson]
"""Plays a step, given its number."""
Told = Callable[[int, dict[str, float | None]], None]
"""Told what a step learned, when its updates are done."""


@dataclass
class First:
    """What the first forward passes of a step say, before its weights have moved."""

    parts: list[Mismatch] = field(default_factory=list[Mismatch])
    entropy: float = 0.0
    """Nats, summed over chosen tokens."""

    def numbers(self) -> dict[str, float]:
        """By the names of the flat loop, over all processes."""
        parts = [part for part in gather_object(self.parts) if part.tokens]
        seen = max(1, sum(part.tokens for part in parts))
        return {
            "entropy": sum(gather_object([self.entropy])) / seen,
            "logprob_diff_max": max((part.largest for part in parts), default=0.0),
            "logprob_diff_mean": sum(part.mean * part.tokens for part in parts) / seen,
            "logprob_pearson": min((part.pearson for part in parts), default=1.0),
        }


class EpisodeTrainer(GoesOn, GRPOTrainer):
    """Learns from what `play` returns; `rows` episodes a step on each process, `part` of them at once."""

    def __init__(
        self, *, play: Play, plan: OptimConfig, collator: Collator, rows: int, state: Callable[[], bytes],
        told: Told, **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__(reward_funcs=[_nobody], **settings)
        self.model: Any
        self._play, self._plan, self._collator, self._rows = play, plan, collator, rows
        self._state, self._told = state, told
        self._first = First()
        self._learned: dict[str, float] = {}
        self._like: Record | None = None
        self._chosen: Tensor | None = None
        self._recorded: Tensor | None = None

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """A step's rows as TRL's loss and accumulation read them."""
        step = self.state.global_step // self.num_iterations
        self.model.eval()
        lesson = self._play(step)
        self.model.train()
        rows = self.rows(lesson)
        torch.manual_seed(episode_seed(self._plan.seed, f"order {step}", self.accelerator.process_index))
        return rows

    def rows(self, lesson: Lesson) -> dict[str, Any]:
        """Tensors of `rows` episodes; those that are missing stand there without a chosen token."""
        token = self._collator.image_token
        groups = [[record_of(trace, image_token=token) for trace in group.traces] for group in lesson.groups]
        gains = self._advantages(lesson.groups)
        records = [record for group in groups for record in group]
        sizes: list[tuple[int, int, int]] = gather_object(
            [(len(records), sum(sum(one.chosen) for one in records), max(map(len, records), default=1))]
        )
        sequences, tokens = sum(one for one, *_ in sizes), sum(one for _, one, _ in sizes)
        self._learned = {"episodes_learned": sequences, "tokens_learned": tokens}
        self._first = First()
        factor = self._factor(max(1, sequences), max(longest for *_, longest in sizes))
        records, gains = self._filled(records, gains)
        self._like = _alike(records)

        four = rollouts(records, token)
        pad = self._collator.pad
        prompt_ids, prompt_mask = _padded(four["prompt_ids"], pad, left=True), _ones(four["prompt_ids"], True)
        completion_ids = _padded(four["completion_ids"], pad)
        made: dict[str, Any] = {
            "prompt_ids": prompt_ids,
            "prompt_mask": prompt_mask,
            "completion_ids": completion_ids,
            "completion_mask": _ones(four["completion_ids"], False),
            "tool_mask": _padded(four["env_mask"], 0),
            "sampling_per_token_logps": _padded(four["logprobs"], 0.0),
            "advantages": torch.tensor(gains)[:, None].expand(completion_ids.shape) * factor,
            "num_items_in_batch": torch.tensor(float(tokens)),
            **self._shown(records, lesson.images),
        }
        if "pixel_values" in made and self._collator.typed:
            ids = torch.cat([prompt_ids, completion_ids], 1)
            made["mm_token_type_ids"] = (ids == token).int()
        device = self.accelerator.device
        made = {key: one.to(device) if isinstance(one, Tensor) else one for key, one in made.items()}
        return self._with_old(made)

    def _advantages(self, groups: Sequence[Group]) -> list[float]:
        """Of this process's episodes; the spread of a batch is that of all processes together."""
        rank = self.accelerator.process_index
        counts: list[int] = gather_object([len(groups)])
        rewards: list[list[float]] = gather_object([group.rewards for group in groups])
        gains = advantages(rewards, self._plan.scale)
        first = sum(counts[:rank])
        return [value for group in gains[first : first + len(groups)] for value in group]

    def _factor(self, sequences: int, longest: int) -> float:
        """What TRL divides by, over what the flat loop does (`sequences` and `longest` of all processes)."""
        places = self._rows * self.accelerator.num_processes
        if self.loss_type == "dapo":
            return 1.0
        if self.loss_type == "dr_grpo":
            return places * self.max_completion_length / (sequences * longest)
        return places / sequences

    def _filled(self, records: list[Record], gains: list[float]) -> tuple[list[Record], list[float]]:
        """Places of lost episodes are taken by the shortest one, none of whose tokens is learned; it has an
        image if any has, because sharded weights need all processes to run the same modules.
        """
        missing = self._rows - len(records)
        if missing < 0:
            raise InputError(f"{-missing} episodes more than places", "lower rollouts.groups")
        pad = self._collator.pad
        nothing = Record("nothing", (TextChunk((pad, pad)),), (0, 0), (0.0, 0.0), Sampling(), (), 1)
        with_image = [record for record in records if record.images]
        shortest = min(with_image or records, key=len, default=nothing)
        empty = replace(shortest, chosen=(0,) * len(shortest), logprobs=(0.0,) * len(shortest))
        return [*records, *[empty] * missing], [*gains, *[0.0] * missing]

    def _shown(self, records: Sequence[Record], images: ImageStore) -> dict[str, Any]:
        """The pixels of all images, counted against their tokens."""
        batch = self._collator(records, images)
        self._collator.forget()
        names = ("pixel_values", "image_grid_thw")
        if "pixel_values" not in batch.inputs:
            return {}
        return {
            **{name: batch.inputs[name] for name in names},
            "num_images": [len(record.images) for record in records],
        }

    def _with_old(self, made: dict[str, Any]) -> dict[str, Any]:
        """With the log-probabilities that a step starts from where they are needed, and what corrects for
        their difference from the recorded ones.
        """
        plan: OptimConfig = self._plan
        if plan.updates == 1 and plan.correction == "none":
            return made
        old: list[Tensor] = []
        split: Any = split_pixel_values_by_grid(made)
        parts: list[Any] = split_tensor_dict(split, self._rows // self.args.per_device_train_batch_size)
        with torch.no_grad():
            for part in parts:
                inputs: dict[str, Any] = unsplit_pixel_values_by_grid(part)
                self._chosen, self._recorded = inputs["completion_mask"] * inputs["tool_mask"], None
                logps, _, _ = self._get_per_token_logps_and_entropies(
                    self.model,
                    torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1),
                    torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1),
                    inputs["completion_ids"].shape[1],
                    **{name: inputs.get(name) for name in _IMAGE_FIELDS},
                )
                old.append(logps)
        made["old_per_token_logps"] = torch.cat(old)
        weights = importance(
            made["old_per_token_logps"], made["sampling_per_token_logps"],
            made["completion_mask"] * made["tool_mask"], plan.correction,
            low=plan.correction_low, high=plan.correction_high,
        )  # fmt: skip
        if weights is not None:
            made["advantages"] = made["advantages"] * weights
        return made

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        """TRL's, over the columns that this micro-batch has."""
        inputs = _trimmed(inputs)
        self._chosen = inputs["completion_mask"] * inputs["tool_mask"]
        args: Any = self.args
        first = self._step // args.steps_per_generation % self.num_iterations == 0
        self._recorded = inputs["sampling_per_token_logps"] if first else None
        return super()._compute_loss(model, inputs)

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Tensor, attention_mask: Tensor, logits_to_keep: int, *_: Any, **more: Any
    ) -> tuple[Tensor, Tensor, None]:
        """Of the chosen tokens alone, 0 elsewhere, each (b, `logits_to_keep`)."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        types, pixels = more.get("mm_token_type_ids"), more.get("pixel_values")
        if self._collator.typed:
            inputs["mm_token_type_ids"] = torch.zeros_like(input_ids) if types is None else types
        if pixels is not None and len(pixels):
            inputs |= {"pixel_values": pixels, "image_grid_thw": more["image_grid_thw"]}
        chosen = self._chosen
        assert chosen is not None and self._like is not None
        with self.accelerator.autocast():
            if not bool(chosen.any()):  # a part of nothing but empty places: all processes still take part
                logits = model(**inputs, logits_to_keep=1, use_cache=False).logits
                nothing = chosen.float() + 0.0 * logits.float().sum()
                return nothing, torch.zeros_like(nothing), None
            width = (
                (0, 0) if input_ids.shape[1] == logits_to_keep else (input_ids.shape[1] - logits_to_keep, 0)
            )
            whole = torch.nn.functional.pad(chosen, width).float()
            batch = Batch(inputs, whole, torch.zeros_like(whole), (self._like,) * len(input_ids))
            scores = logprobs_of(model, batch)
        logprobs = scores.logprobs[:, -logits_to_keep:]
        entropy = scores.entropy[:, -logits_to_keep:]
        if self._recorded is not None:
            self._first.parts.append(mismatch(logprobs, self._recorded, chosen))
            self._first.entropy += float(entropy.sum())
        return logprobs, entropy, None

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As TRL; a step's numbers are told once its last update is done."""
        super().log(logs, start_time)
        updates = self.num_iterations
        if "loss" not in logs or self.state.global_step % updates:
            return
        named = {ours: logs.get(theirs) for ours, theirs in _NAMES.items()}
        step = self.state.global_step // updates - 1
        self._told(step, {**named, **self._learned, **self._first.numbers()})

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """With this process's place in the stream of tasks."""
        super()._save_checkpoint(model, trial)
        folder = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        (folder / stream_file(self.accelerator.process_index)).write_bytes(self._state())


def stream_file(rank: int) -> str:
    """The file of a checkpoint that has a process's place in the stream of tasks."""
    return f"stream-{rank}.json"


_NAMES = {
    "loss": "loss",
    "clipped_low": "clip_ratio/low_mean",
    "clipped_high": "clip_ratio/high_mean",
    "gradient_norm": "grad_norm",
    "lr": "learning_rate",
}
"""Our names of what TRL logs."""
_IMAGE_FIELDS = ("pixel_values", "image_grid_thw", "num_images", "mm_token_type_ids")


def _nobody(**_: Any) -> list[float | None]:
    """TRL wants a reward function; rewards are told with the episodes."""
    raise InputError("TRL asked for rewards", f'install "trl=={SERIES}.*"')


def _alike(records: Sequence[Record]) -> Record:
    """One of them, as all were drawn alike. Raises `InputError` if they were not."""
    kinds = {(record.sampling.seeded(0), record.banned) for record in records}
    if len(kinds) > 1:
        raise InputError(
            "episodes of one step were drawn in different ways", "use one engine and one sampling"
        )
    return records[0]


def _padded(rows: Sequence[Sequence[float]], value: float, *, left: bool = False) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(row) for row in rows],
        batch_first=True,
        padding_value=value,
        padding_side="left" if left else "right",
    )


def _ones(rows: Sequence[Sequence[int]], left: bool) -> Tensor:
    return _padded([[1] * len(row) for row in rows], 0, left=left)


def _trimmed(inputs: dict[str, Any]) -> dict[str, Any]:
    """Without the columns that are padding in every row: TRL pads to the longest of a whole step."""
    before, after = inputs["prompt_ids"].shape[1], inputs["completion_ids"].shape[1]
    left = int(inputs["prompt_mask"].any(0).int().argmax())
    right = int(inputs["completion_mask"].any(0).sum())
    cut = dict(inputs)
    for name, value in inputs.items():
        if not isinstance(value, Tensor) or value.ndim != 2:
            continue
        if name in ("prompt_ids", "prompt_mask"):
            cut[name] = value[:, left:]
        elif name == "mm_token_type_ids":
            cut[name] = value[:, left : before + right]
        elif value.shape[1] == after and name not in ("pixel_values", "image_grid_thw"):
            cut[name] = value[:, :right]
    return cut
