"""One run of supervised training, from a recipe to a folder that `hf:` loads.

    OUT/recipe.toml       the resolved recipe
    OUT/rejects.jsonl     rows that were left out, and why
    OUT/checkpoints/      where a killed run goes on
    OUT/curves.jsonl, loss.png
    OUT/adapter/          LoRA's weights alone
    OUT/*.safetensors ... the model with its processor (merged, with LoRA; none if not merged)
    OUT/finished.json     what came out; written last

What always holds: the same command goes on where a run was killed, and comes to the same weights; a folder
of another recipe, or in which another process is at work, is not touched.
"""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from deepeyes.core.claim import hold, refuse_other
from deepeyes.core.errors import ConfigError, InfrastructureError, boundary
from deepeyes.core.files import remove_folder, write_atomic
from deepeyes.core.json_files import read_json_file
from deepeyes.train.curves import curves
from deepeyes.train.evaluation import run_evaluation
from deepeyes.train.loading import load_model, load_processor, write_merged, write_processor
from deepeyes.train.sft.collate import Collator
from deepeyes.train.sft.curves import newest_checkpoint, plot
from deepeyes.train.sft.dataset import EncodedDataset, files_of, mark_of, open_dataset, write_rejects
from deepeyes.train.sft.encode import ConversationEncoder
from deepeyes.train.sft.recipe import NOT_LEARNED, SftRecipe
from deepeyes.train.sft.trainer import (
    half_precision,
    make_trainer,
    settings,
    weights_dtype,
)

RECIPE, IDENTITY, FINISHED = "recipe.toml", "identity", "finished.json"
REJECTS, CHECKPOINTS = "rejects.jsonl", "checkpoints"


def train(recipe: SftRecipe, out: Path, *, fresh: bool = False) -> dict[str, Any]:
    """Train, or go on training; what `finished.json` holds.

    Raises:
        ConfigError: the recipe cannot work, or `out` holds a run of another one.
        StorageError: another process is at work in `out`.
        InputError: there is nothing to learn from.
        ModelError: there is no such model.
    """
    recipe.checked()
    state = PartialState(cpu=not torch.cuda.is_available())
    files = files_of(recipe.data.train, "train")
    held_out = (
        files_of(recipe.data.validation, "validation")
        if recipe.data.validation
        else files_of(recipe.data.train, "validation", needed=False)
    )
    with boundary(ConfigError, f"making the folder {out}", "give a folder as --out"):
        out.mkdir(parents=True, exist_ok=True)
    with hold(out) if state.is_main_process else nullcontext():  # the main process's lock is the run's
        mark = mark_of([*files, *held_out])
        if not fresh:
            _refuse_others(recipe, mark, out)
            if (out / FINISHED).exists():
                return read_json_file(out / FINISHED, "delete it and run again")
        by_split = {"train": files, **({"validation": held_out} if held_out else {})}
        return _train(recipe, out, state, by_split, mark, fresh)


def _train(
    recipe: SftRecipe, out: Path, state: PartialState, files: dict[str, list[Path]], mark: str, fresh: bool
) -> dict[str, Any]:
    """`train` in a folder that is this run's; `files` by split."""
    config = settings(recipe, out, state.num_processes, evaluates="validation" in files)
    processor = load_processor(recipe.model)
    encoder = ConversationEncoder(processor, recipe.model.max_pixels)
    with state.main_process_first():
        datasets = {
            split: open_dataset(some, encoder, recipe.data, out / "cache", recipe.pace.prepare)
            for split, some in files.items()
        }
    model = load_model(recipe.model, weights_dtype(recipe))
    rows = {
        split: dataset.tokens.add_column("split", [split] * len(dataset.tokens))
        for split, dataset in datasets.items()
    }
    collator = Collator(encoder, model, {split: dataset.rows for split, dataset in datasets.items()})
    trainer = make_trainer(
        recipe, config, model, processor, collator, rows["train"], rows.get("validation"), out
    )
    if state.is_main_process:
        _claim(recipe, mark, out, fresh)
        write_rejects(out / REJECTS, list(datasets.items()))
    state.wait_for_everyone()
    checkpoint = newest_checkpoint(out / CHECKPOINTS)
    began = time.monotonic()
    with boundary(
        InfrastructureError, "training", "lower pace.per_device or data.max_tokens, or use LoRA",
        expected=torch.OutOfMemoryError,
    ):  # fmt: skip
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if "validation" in rows:
        trainer.evaluate()
    _write_model(recipe, trainer, processor, out)
    if state.is_main_process:
        plot(out, recipe.title)
        finished = _summary(recipe, trainer, datasets, out, time.monotonic() - began)
        write_atomic(out / FINISHED, json.dumps(finished, indent=2).encode())
    state.wait_for_everyone()
    return read_json_file(out / FINISHED, "delete it and run again")


def evaluate(recipe: SftRecipe, out: Path) -> str:
    """Run the recipe's command on the finished model; what it printed, also in `evaluation.txt`.

    Raises:
        ConfigError: the command cannot be run, or there is no model to give it.
        DeepEyesError: it failed.
    """
    recipe.check_evaluation()
    return run_evaluation(recipe.evaluation, f"hf:{out}", out)


def _refuse_others(recipe: SftRecipe, mark: str, out: Path) -> None:
    """Raise `ConfigError` if `out` holds anything but this run."""
    remedy = "give another --out, or --fresh to begin again there"
    identity = out / IDENTITY
    if not identity.exists():
        if (out / "config.json").exists():
            raise ConfigError(f"{out} holds a model that is not of this run", "give another --out")
        return
    refuse_other(out / RECIPE, recipe, free=NOT_LEARNED, remedy=remedy)
    with boundary(ConfigError, f"reading {identity}", remedy, expected=(OSError, UnicodeError)):
        was = identity.read_text("utf-8").split()
    if was[1:] != [mark]:
        raise ConfigError(f"{out} holds a run on other data: the files have changed", remedy)


def _claim(recipe: SftRecipe, mark: str, out: Path, fresh: bool) -> None:
    """Make `out` the folder of this recipe's run; only once all that it needs is there."""
    if fresh:
        (out / FINISHED).unlink(missing_ok=True)  # first: it says that the rest is there
        for name in (CHECKPOINTS, "adapter"):
            remove_folder(out / name)
    write_atomic(out / RECIPE, recipe.dump().encode())
    write_atomic(out / IDENTITY, f"{recipe.identity}\n{mark}\n".encode())


def _write_model(recipe: SftRecipe, trainer: Any, processor: Any, out: Path) -> None:
    """The weights that came out, in bf16 if the run computed in it; every process takes part."""
    half = half_precision(recipe)
    if recipe.lora.rank:
        trainer.save_model(str(out / "adapter"))
        if trainer.is_world_process_zero() and recipe.lora.merge:
            write_merged(recipe.model, out / "adapter", out, torch.bfloat16 if half else torch.float32)
    else:
        state = trainer.accelerator.get_state_dict(trainer.model_wrapped)
        model = trainer.accelerator.unwrap_model(trainer.model)
        if trainer.is_world_process_zero():
            if half:
                same = {value.data_ptr(): value.to(torch.bfloat16) for value in state.values()}
                state = {name: same[value.data_ptr()] for name, value in state.items()}
                model.config.dtype = torch.bfloat16
            model.config.use_cache = True
            model.save_pretrained(out, state_dict=state)
    if trainer.is_world_process_zero() and not recipe.adapters_alone:
        write_processor(processor, out)


def _summary(
    recipe: SftRecipe, trainer: Any, datasets: dict[str, EncodedDataset], out: Path, seconds: float
) -> dict[str, Any]:
    last = {key: value for line in curves(out) for key, value in line.items()}
    return {
        "title": recipe.title,
        "identity": recipe.identity,
        "steps": trainer.state.global_step,
        "epochs": round(float(trainer.state.epoch or 0), 3),
        "conversations": {split: len(dataset.tokens) for split, dataset in datasets.items()},
        "left_out": {split: dataset.reasons for split, dataset in datasets.items()},
        "loss": last.get("loss"),
        "held_out_loss": last.get("eval_loss"),
        "seconds": round(seconds, 1),
    }
