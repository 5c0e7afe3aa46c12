"""The one training loop of the nano model's stages: many processes, resumable at any step, curves on disk.

What always holds: the data of a step is a function of (stage, step, rank) alone and all state is in the
checkpoint, so a killed run that resumes comes to the same weights and the same curve; a checkpoint is written
beside its place and renamed; weights are averaged over steps (EMA) and the average is what a stage hands on.
Processes are joined by torch.distributed (`torchrun`), on CPU through gloo. Batches are drawn beside the
training, by as many processes as there are cores.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn
from torch.utils.data import DataLoader, Dataset

from deepeyes.core.errors import ConfigError
from deepeyes.core.files import append_line, replaced_file, write_lines
from deepeyes.models.nano.tower import one_frame

from .batch import Tensors, microbatch_weights
from .distributed import meet, own_cores, rank_and_world, share_gradients
from .recipe import StageConfig

Draw = Callable[[int, int], list[Tensors]]
"""(step, samples) -> the step's batch, in parts that are run one after the other: rows of like length go
together."""

BLOCK = 128
"""Batches that are kept to be learned from again, in the same order, before new ones are drawn."""
MOST_DRAWING = 16
"""Most processes that draw beside one that learns: each keeps some files open for every batch it is ahead."""
LOG_EVERY = 50
"""Steps between lines of the curves."""
SMOOTH = 0.98
"""What a curve keeps of itself at each step: single batches differ too much to be read."""
RATE_FLOOR = 0.02
"""The share of the peak rate at which the fall ends, so that the last steps still teach something."""
EMA_WARMUP = 20
"""The average over steps keeps (n + 1) / (n + 20) after n steps until that exceeds `ema`: with a constant
`ema` it would hold on to the weights that the stage began with.
"""
BETAS = (0.9, 0.98)
"""Of AdamW. The second is below the usual 0.999: stages of a few thousand steps need a memory of squared
gradients that is much shorter than they are.
"""


def train_stage(
    module: nn.Module,
    draw: Draw,
    plan: StageConfig,
    folder: Path,
    *,
    evaluate: Callable[[], dict[str, float]] | None = None,
    finish: Callable[[], None] | None = None,
    title: str = "",
) -> None:
    """Train `module`, whose forward(**batch) gives (loss, metrics), on what `draw` draws; leave the
    average in it.

    `folder` gets `curves.jsonl`, and `checkpoint.pt`, which is removed after `finish` has kept the average.
    Raises `ConfigError` if the processes cannot share a batch evenly.
    """
    rank, world = rank_and_world()
    if plan.batch % world:
        raise ConfigError(
            f"{world} processes cannot share a batch of {plan.batch}", "start a number that divides it"
        )
    meet()
    device = torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")
    module.to(device).train()
    optimizers = _optimizers(module, plan)
    average = {name: value.detach().clone() for name, value in module.state_dict().items()}
    checkpoint = folder / "checkpoint.pt"
    folder.mkdir(parents=True, exist_ok=True)
    start, smooth, spent = _resume(checkpoint, module, optimizers, average, device)
    if rank == 0:
        _forget(folder, start)
    began = saved = time.monotonic()

    def seconds() -> float:
        """What all starts of this stage took, but for what a killed one lost."""
        return round(spent + time.monotonic() - began, 1)

    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"), disable=rank > 0,
    ) as progress:  # fmt: skip
        bar = progress.add_task(title, total=plan.steps, completed=start, note="")
        for step, drawn in enumerate(batches(draw, plan, start), start):
            measured: Tensors = {}
            for part, weight in zip(drawn, microbatch_weights(drawn), strict=True):
                loss, metrics = module(**{name: _moved(value, device) for name, value in part.items()})
                (weight * loss).backward()
                measured = {"loss": loss.detach(), **metrics}  # curves show the last part: the longest rows
            share_gradients(module, world)
            torch.nn.utils.clip_grad_norm_(module.parameters(), plan.clip)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = group["peak"] * rate(step, plan)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            _average(average, module, min(plan.ema, (step + 1) / (step + EMA_WARMUP)))
            for name, value in measured.items():
                smooth[name] = SMOOTH * smooth.get(name, float(value)) + (1 - SMOOTH) * float(value)
            progress.update(
                bar, advance=1, note=" ".join(f"{k} {v:.3f}" for k, v in list(smooth.items())[:3])
            )
            if rank == 0 and (step + 1) % LOG_EVERY == 0:
                curve = {name: round(value, 4) for name, value in smooth.items()}
                _log(folder, {"step": step + 1, "seconds": seconds(), **curve})
            if evaluate and (step + 1) % plan.evaluate_every == 0 and step + 1 < plan.steps:
                if rank == 0:
                    module.eval()
                    _log(folder, {"step": step + 1, "held_out": evaluate()})
                    module.train()
                meet()
            if rank == 0 and time.monotonic() - saved > plan.save_every:
                _save(checkpoint, module, optimizers, average, step + 1, smooth, seconds())
                saved = time.monotonic()
    module.load_state_dict(average)
    module.eval()
    if rank == 0:
        if evaluate:
            reached = {"held_out": evaluate(), "averaged": True}
            _log(folder, {"step": plan.steps, "seconds": seconds(), **reached})
        if finish:
            finish()
        checkpoint.unlink(missing_ok=True)
    meet()


class _Drawn(Dataset[list[Tensors]]):
    """The batches of these numbers, with pixels of one frame in half precision: drawn elsewhere, they have
    a way to go."""

    def __init__(self, draw: Draw, samples: int, numbers: Sequence[int]) -> None:
        self.draw, self.samples, self.numbers = draw, samples, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> list[Tensors]:
        parts = self.draw(self.numbers[index], self.samples)
        return [{name: _narrow(name, value) for name, value in part.items()} for part in parts]


def number_of(step: int, times: int) -> int:
    """The batch of a step, where blocks of `BLOCK` batches come so many times before the next block."""
    return step // (BLOCK * times) * BLOCK + step % BLOCK


def batches(draw: Draw, plan: StageConfig, start: int) -> Iterator[list[Tensors]]:
    """The batches of all steps from `start` on, drawn ahead by this process's share of the cores.

    Blocks of `BLOCK` batches come `plan.reuse` times before the next block is drawn.
    """
    _, world = rank_and_world()
    numbers = [number_of(step, plan.reuse) for step in range(start, plan.steps)]
    loader = DataLoader(
        _Drawn(draw, plan.batch // world, list(dict.fromkeys(numbers))),
        batch_size=None,
        num_workers=min(MOST_DRAWING, own_cores()),
        multiprocessing_context="fork",  # what `draw` holds is neither pickled nor copied
        pin_memory=torch.cuda.is_available(),
    )
    if plan.reuse == 1:
        yield from loader
        return
    fresh = iter(loader)
    kept: dict[int, list[Tensors]] = {}
    for number in numbers:
        if number not in kept:
            kept = {old: batch for old, batch in kept.items() if old // BLOCK == number // BLOCK}
            kept[number] = next(fresh)
        yield kept[number]


def _narrow(name: str, value: torch.Tensor) -> torch.Tensor:
    value = one_frame(value) if name == "pixel_values" else value
    return value.half() if value.is_floating_point() else value


def _moved(value: torch.Tensor, device: torch.device) -> torch.Tensor:
    value = value.to(device, non_blocking=True)
    return value.float() if value.is_floating_point() else value


def rate(step: int, plan: StageConfig) -> float:
    """The learning rate of `step` as a share of the peak: a linear rise, a plateau, a cosine fall."""
    rise = min(1.0, (step + 1) / plan.warmup)
    left = (plan.steps - step) / max(1.0, plan.steps * plan.decay)
    fall = 1.0 if left >= 1 else 0.5 - 0.5 * math.cos(math.pi * left)
    return rise * (RATE_FLOOR + (1 - RATE_FLOOR) * fall)


def _optimizers(module: nn.Module, plan: StageConfig) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW for embeddings, norms, biases, the patch projection and the merger,
    whose matrices are so wide that Muon would take longer for them than for all others.
    """
    matrices: dict[float, list[nn.Parameter]] = {}
    others: dict[float, list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        factor = plan.vision_lr if ".visual." in name else 1.0
        hidden = parameter.ndim == 2 and not any(
            part in name for part in ("embed", "lm_head", "nothing", "merger")
        )
        (matrices if hidden else others).setdefault(factor, []).append(parameter)

    def groups(by_factor: dict[float, list[nn.Parameter]], times: float) -> list[dict[str, Any]]:
        return [{"params": params, "peak": plan.lr * factor * times} for factor, params in by_factor.items()]

    muon = torch.optim.Muon(
        groups(matrices, plan.muon),
        lr=plan.lr,
        weight_decay=plan.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    adamw = torch.optim.AdamW(groups(others, 1.0), lr=plan.lr, betas=BETAS, weight_decay=plan.weight_decay)
    return [muon, adamw]


@torch.no_grad()
def _average(average: Tensors, module: nn.Module, keep: float) -> None:
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - keep)


def _save(
    path: Path,
    module: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    average: Tensors,
    step: int,
    smooth: dict[str, float],
    seconds: float,
) -> None:
    state = {
        "module": module.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "average": average,
        "step": step,
        "smooth": smooth,
        "seconds": seconds,
    }
    with replaced_file(path) as part:
        torch.save(state, part)


def _resume(
    path: Path,
    module: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    average: Tensors,
    device: torch.device,
) -> tuple[int, dict[str, float], float]:
    """Load a checkpoint, if there is one, in place; the steps done, the smoothed curve and the seconds
    spent.
    """
    if not path.exists():
        return 0, {}, 0.0
    state = torch.load(path, map_location=device, weights_only=True)
    module.load_state_dict(state["module"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    average.update(state["average"])
    # Older checkpoints have no curve and no seconds.
    return int(state["step"]), dict(state.get("smooth", {})), float(state.get("seconds", 0.0))


def _forget(folder: Path, start: int) -> None:
    """Take out of the curves what was logged after the step that a resumed run starts at."""
    path = folder / "curves.jsonl"
    if path.exists():
        lines = [line for line in path.read_text("utf-8").splitlines() if line.endswith("}")]
        write_lines(path, (line for line in lines if json.loads(line)["step"] <= start))


def _log(folder: Path, record: dict[str, Any]) -> None:
    append_line(folder / "curves.jsonl", json.dumps(record).encode() + b"\n", sync=False)
