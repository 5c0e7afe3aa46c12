"""The nano model's stages, from an empty folder to the two checkpoints that ship: dense -> copy -> base ->
cold start.

Run as `python -m deepeyes.train.nano.recipe RECIPE --out DIR`. On a CPU it starts one process a core under
`torchrun`; with a GPU it is one process. A stage that has left its checkpoint is not run again; one that was
killed goes on; what another recipe made is refused, and so is a folder in which another run is at work.
"""

import argparse
import asyncio
import math
import os
import random
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration, Qwen2VLImageProcessorPil

from deepeyes.core.claim import claim, hold, refuse_other
from deepeyes.core.errors import ConfigError
from deepeyes.core.files import replaced_folder, scratch_folder, sweep
from deepeyes.core.images import VisionSpec
from deepeyes.harness.search import BRIEF_CHARS, WORLD, open_engines
from deepeyes.models.nano.build import (
    CELL,
    NanoSize,
    build_model,
    build_processor,
    build_tokenizer,
    processor_of,
    save_processor,
)
from deepeyes.models.nano.model import WEIGHTS
from deepeyes.sandbox import Sandbox
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool
from deepeyes.train.nano.traces import Conversation, write_shard
from deepeyes.world.families import searched

from .batch import Turn, collate, encode
from .corpus import corpus
from .dense import DenseWarmup, draw_dense
from .lessons import Lesson, draw_copy, draw_lesson
from .loop import Plan, Tensors, meet, own_cores, rank_and_world, train_stage
from .sheets import unlabelled
from .speak import Speak, exactness

Row = TypeVar("Row")
DrawLesson = Callable[[random.Random, NanoSize, str], Lesson]
PARTS = 2 if torch.cuda.is_available() else 8
"""Parts of a batch, each of rows of like length: little of it is padding then, which a GPU hardly feels."""
HEADS = Path("heads") / "vision.safetensors"
"""Below a stage's checkpoint: the maps of the vision labels, so that training can go on from it.

Not beside it: servers load every `.safetensors` of the folder they are given.
"""


HELD_OUT = 25
"""Most traces of a family that cold start is measured on and does not learn; a tenth if those are few."""


class SpeakPlan(Plan):
    """A plan for a stage in which the model learns to speak."""

    dense_weight: float = 0.1
    """Weight of the vision labels beside the loss on words."""


class TracePlan(BaseModel):
    """How many examples of each family the teacher works through, in shards of `shard`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    examples: dict[str, int]
    shard: int = 50


class ColdPlan(SpeakPlan):
    """Cold start: which share of the samples are traces of each family; the rest are the base model's
    lessons.
    """

    shares: dict[str, float]
    ablations: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Cold starts to compare with each other, on the traces of these families alone."""
    ablation_steps: int = 800
    """Steps of an ablation that has all families."""

    def only(self, families: tuple[str, ...]) -> "ColdPlan":
        """An ablation on these families alone: it sees as many traces of each of them as one on all families,
        and takes as many fewer steps.
        """
        kept = {family: self.shares[family] for family in families}
        part = sum(kept.values()) / sum(self.shares.values())
        shares = {family: share / part for family, share in kept.items()}
        return self.model_copy(update={"shares": shares, "steps": round(self.ablation_steps * part)})


class Recipe(BaseModel):
    """One TOML file: the model's size and a plan a stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int
    size: NanoSize
    dense: Plan
    copy_: SpeakPlan = Field(alias="copy")
    base: SpeakPlan
    traces: TracePlan
    cold: ColdPlan


def run(recipe: Recipe, out: Path, ablation: str = "") -> None:
    """Run the stages that `out` does not hold yet; with an `ablation`, its cold start beside the others."""
    if ablation and ablation not in recipe.cold.ablations:
        raise ConfigError(
            f"the recipe has no ablation {ablation!r}", f"it has {', '.join(recipe.cold.ablations) or 'none'}"
        )
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("high" if torch.cuda.is_available() else "highest")
    plan = recipe.cold.only(recipe.cold.ablations[ablation]) if ablation else recipe.cold
    last = out / (f"cold-{ablation}" if ablation else "cold")
    with hold(out) if rank_and_world()[0] == 0 else nullcontext():  # the first rank's lock is the run's
        claim_stages(recipe, plan, out, last)
        meet()
        dense, copied, base = (out / stage for stage in ("dense", "copy", "base"))
        done = [(folder / "model.safetensors").exists() for folder in (dense, copied, base)]
        if not any(done):
            run_dense(recipe, dense)
        if not any(done[1:]):
            run_lessons(recipe, "copy", recipe.copy_, draw_copy, dense, copied)
        if not done[2]:
            run_lessons(recipe, "base", recipe.base, draw_lesson, copied, base)
        make_traces(recipe, out / "traces")
        if not (last / "model.safetensors").exists():
            run_cold(recipe, plan, out / "base", out / "traces", last)


def claim_stages(recipe: Recipe, cold: ColdPlan, out: Path, last: Path) -> None:
    """Write into the folder of every stage what decides what it makes; raises `ConfigError` where another
    recipe has made it. Checkpoints from elsewhere, which say nothing, are taken as they are.
    """
    paces = {"save_every", "evaluate_every", "ablations", "ablation_steps"}
    made: dict[str, object] = {"seed": recipe.seed, "size": recipe.size.model_dump()}
    _claim(out / "traces", {**made, "shard": recipe.traces.shard})
    for stage, plan in (("dense", recipe.dense), ("copy", recipe.copy_), ("base", recipe.base)):
        made[stage] = plan.model_dump(exclude=paces)
        _claim(out / stage, made)
    made |= {"traces": recipe.traces.model_dump(), "cold": cold.model_dump(exclude=paces)}
    _claim(last, made)


def _claim(folder: Path, made: dict[str, object]) -> None:
    remedy = "give that recipe, or another --out, or remove this folder and those of the stages after it"
    first = rank_and_world()[0] == 0
    if first and folder.exists():
        sweep(folder)
    mine = first and not (folder / "model.safetensors").exists()
    (claim if mine else refuse_other)(folder / "made.json", made, remedy=remedy)


def run_dense(recipe: Recipe, out: Path) -> None:
    """Stage 1: a fresh model whose vision tower knows what it sees."""
    tokenizer = build_tokenizer(corpus(recipe.seed), recipe.size.vocabulary)
    model = build_model(tokenizer, recipe.size, recipe.seed)
    torch.nn.init.normal_(model.get_input_embeddings().weight, std=0.3)
    module = DenseWarmup(model, tokenizer)

    def batch(rng: random.Random, samples: int, split: str) -> Tensors:
        rows = [draw_dense(rng, recipe.size, split) for _ in range(samples)]
        return {
            "pixel_values": torch.cat([row[0] for row in rows]),
            "image_grid_thw": torch.tensor([row[1] for row in rows]),
            "labels": torch.cat([row[2] for row in rows]),
        }

    def draw(step: int, samples: int) -> list[Tensors]:
        return [batch(random.Random(f"dense/{recipe.seed}/{step}/{rank_and_world()[0]}"), samples, "train")]

    @torch.no_grad()
    def evaluate() -> dict[str, float]:
        held_out = batch(random.Random("dense/held-out"), 200, "validation")
        loss, metrics = module(**{name: value.to(model.device) for name, value in held_out.items()})
        return {"loss": float(loss), **{name: round(float(value), 4) for name, value in metrics.items()}}

    finish = partial(save, out, module, tokenizer, recipe.size)
    train_stage(module, draw, recipe.dense, out, evaluate=evaluate, finish=finish, title="dense")


def run_lessons(
    recipe: Recipe, stage: str, plan: SpeakPlan, draw_one: DrawLesson, start: Path, out: Path
) -> None:
    """Stages 2 and 3: the model learns to speak, from one kind of lesson or from all."""
    speak, tokenizer = load(start, plan.dense_weight)
    model = speak.dense.model

    def batch(
        rng: random.Random, samples: int, split: str, parts: int
    ) -> tuple[list[Tensors], list[tuple[str, ...]]]:
        drawn = (draw_one(rng, recipe.size, split) for _ in range(samples))
        rows = [(encode(tokenizer, lesson.turns), lesson.cells, lesson.kinds) for lesson in drawn]
        rows.sort(key=lambda row: len(row[0]["input_ids"]))
        tensors = [together(tokenizer, [row[:2] for row in part], model) for part in runs(rows, parts)]
        return tensors, [kinds for _, _, kinds in rows]

    def draw(step: int, samples: int) -> list[Tensors]:
        rng = random.Random(f"{stage}/{recipe.seed}/{step}/{rank_and_world()[0]}")
        return batch(rng, samples, "train", PARTS)[0]

    def evaluate() -> dict[str, float]:
        (whole,), kinds = batch(random.Random("base/held-out"), 300, "validation", parts=1)
        return exactness(speak, tokenizer, whole, kinds)

    finish = partial(save, out, speak.dense, tokenizer, recipe.size)
    train_stage(speak, draw, plan, out, evaluate=evaluate, finish=finish, title=stage)


def make_traces(recipe: Recipe, out: Path) -> None:
    """Stage 4: the teacher's traces, really executed, on every core; every process sees to its share of the
    shards.
    """
    rank, world = rank_and_world()
    missing = [shard for shard in shards(recipe.traces, out)[rank::world] if not shard[0].exists()]
    workers = min(len(missing), own_cores())
    if workers > 1:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            shares = [missing[first::workers] for first in range(workers)]
            list(pool.map(_teach_shards, [recipe] * workers, shares))
    elif missing:
        _teach_shards(recipe, missing)
    meet()


def _teach_shards(recipe: Recipe, missing: Sequence[tuple[Path, str, range]]) -> None:
    torch.set_num_threads(1)
    limit = recipe.size.max_tokens * CELL**2
    vision = VisionSpec(factor=CELL, min_pixels=recipe.size.min_tokens * CELL**2, max_pixels=limit)

    async def work() -> None:
        async with Sandbox.start() as sandbox, open_engines([WORLD], snippet_chars=BRIEF_CHARS) as engines:
            python = PythonTool(sandbox)
            alone = ToolSet([python])
            every = ToolSet([python, *engines.tools(python, brief=True)])
            for path, family, indices in missing:
                # Where no search is needed there may be one all the same.
                odd = indices.start // recipe.traces.shard % 2
                tools = every if searched(family) or odd else alone
                kept, tried = await write_shard(path, family, "train", recipe.seed, indices, tools, vision)
                sys.stdout.write(f"traces: {path.name} keeps {kept} of {tried}\n")

    asyncio.run(work())


def shards(plan: TracePlan, folder: Path) -> list[tuple[Path, str, range]]:
    """Every shard's file, family and the numbers of its examples."""
    return [
        (folder / f"{family}-{first:06d}.pt", family, range(first, min(first + plan.shard, count)))
        for family, count in plan.examples.items()
        for first in range(0, count, plan.shard)
    ]


def run_cold(recipe: Recipe, plan: ColdPlan, start: Path, traces: Path, out: Path) -> None:
    """Stage 5: the base model learns from the traces which tool to use when, and how."""
    speak, tokenizer = load(start, plan.dense_weight)
    model = speak.dense.model
    stock: dict[str, list[Conversation]] = {family: [] for family in plan.shares}
    for path, family, _ in shards(recipe.traces, traces):
        if family in stock:
            stock[family] += torch.load(path, weights_only=True)
    apart = {family: min(HELD_OUT, len(kept) // 10) for family, kept in stock.items()}
    held_out = {family: kept[: apart[family]] for family, kept in stock.items() if apart[family]}
    stock = {family: kept[apart[family] :] for family, kept in stock.items()}
    families, weights = [*stock, ""], [*plan.shares.values(), 1 - sum(plan.shares.values())]

    def row(rng: random.Random) -> tuple[Tensors, torch.Tensor]:
        family = rng.choices(families, weights)[0]
        if not family:
            lesson = draw_lesson(rng, recipe.size, "train")
            return encode(tokenizer, lesson.turns), lesson.cells
        return encoded(rng.choice(stock[family]))

    def encoded(conversation: Conversation) -> tuple[Tensors, torch.Tensor]:
        row = encode(tokenizer, [as_turn(role, parts) for role, parts in conversation])
        return row, unlabelled(int((row["input_ids"] == model.config.image_token_id).sum()))

    def draw(step: int, samples: int) -> list[Tensors]:
        rng = random.Random(f"cold/{recipe.seed}/{step}/{rank_and_world()[0]}")
        rows = sorted((row(rng) for _ in range(samples)), key=lambda row: len(row[0]["input_ids"]))
        return [together(tokenizer, part, model) for part in runs(rows, PARTS)]

    def evaluate() -> dict[str, float]:
        right: dict[str, float] = {}
        for family, kept in held_out.items():
            batch = together(tokenizer, [encoded(conversation) for conversation in kept], model)
            replies = [
                [family] * sum(role == "assistant" for role, _ in conversation) for conversation in kept
            ]
            right |= exactness(speak, tokenizer, batch, replies)
        return right

    finish = partial(save, out, speak.dense, tokenizer, recipe.size)
    train_stage(speak, draw, plan, out, evaluate=evaluate, finish=finish, title="cold start")


def together(
    tokenizer: PreTrainedTokenizerFast,
    rows: Sequence[tuple[Tensors, torch.Tensor]],
    model: Qwen2_5_VLForConditionalGeneration,
) -> Tensors:
    """Conversations, each with the labels of its pictures' cells, as one batch."""
    batch = collate(tokenizer, [row for row, _ in rows], model)
    return {**batch, "cells": torch.cat([cells for _, cells in rows])}


def runs(rows: list[Row], parts: int) -> list[list[Row]]:
    """`rows` in `parts` runs of like number, none of them empty."""
    size = -(-len(rows) // parts)
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def as_turn(role: str, parts: list[str | torch.Tensor]) -> Turn:
    """A stored message with its pictures as pictures."""
    return Turn(role, tuple(p if isinstance(p, str) else Image.fromarray(p.numpy()) for p in parts))


def load(folder: Path, dense_weight: float) -> tuple[Speak, PreTrainedTokenizerFast]:
    """A stage's checkpoint, with its vision heads, ready to be taught further."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    dense = DenseWarmup(model, tokenizer)
    dense.load_state_dict(load_file(folder / HEADS), strict=False)
    return Speak(dense, dense_weight), tokenizer


def save(out: Path, dense: DenseWarmup, tokenizer: PreTrainedTokenizerFast, size: NanoSize) -> None:
    """Write a checkpoint that the Auto classes load, and the vision heads below it; the model's weights come
    last, and whole: they are what says that the stage is done.
    """
    heads = {name: value for name, value in dense.state_dict().items() if not name.startswith("model.")}
    with scratch_folder(out / "model") as part:
        (part / HEADS).parent.mkdir()
        save_file(heads, part / HEADS)
        save_processor(build_processor(tokenizer, size), part)
        dense.model.save_pretrained(part)
        (out / HEADS).parent.mkdir(exist_ok=True)
        files = [path for path in part.rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: path.name == "model.safetensors"):
            path.replace(out / path.relative_to(part))


def shareable(recipe: Recipe, most: int) -> int:
    """The largest number of processes, up to `most`, that share the batches of all stages evenly."""
    common = math.gcd(*(plan.batch for plan in (recipe.dense, recipe.copy_, recipe.base, recipe.cold)))
    return max(number for number in range(1, max(1, most) + 1) if common % number == 0)


def install(recipe: Path, out: Path, weights: Path = WEIGHTS) -> None:
    """Put what the stages made where `nano` and `nano-base` are loaded from: bf16, with the recipe that made
    it.
    """
    for stage in ("base", "cold"):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(out / stage)
        model = Qwen2_5_VLForConditionalGeneration.from_pretrained(out / stage, dtype=torch.bfloat16)
        images = Qwen2VLImageProcessorPil.from_pretrained(out / stage)
        with replaced_folder(weights / stage) as part:
            model.save_pretrained(part)
            save_processor(processor_of(tokenizer, images), part)
            for file in (recipe, out / stage / "curves.jsonl"):
                shutil.copy(file, part / file.name)


def main() -> None:
    """Command line: start the processes, or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/nano"))
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument(
        "--install", action="store_true", help="afterwards, make this the model that `nano` is"
    )
    parser.add_argument("--ablation", default="", help="the cold start of this name instead of the full one")
    arguments = parser.parse_args()
    with arguments.recipe.open("rb") as file:
        recipe = Recipe.model_validate(tomllib.load(file))
    processes = shareable(recipe, arguments.processes)
    if "RANK" not in os.environ and not torch.cuda.is_available() and processes > 1:
        with hold(arguments.out):  # a folder in use is refused before any process is started
            pass
        command = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            f"--nproc-per-node={processes}",
        ]
        command += ["-m", "deepeyes.train.nano.recipe", str(arguments.recipe), "--out", str(arguments.out)]
        command += ["--ablation", arguments.ablation] if arguments.ablation else []
        status = subprocess.call(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if status == 0 and arguments.install:
            install(arguments.recipe, arguments.out)
        raise SystemExit(status)
    run(recipe, arguments.out, arguments.ablation)
    if arguments.install:
        install(arguments.recipe, arguments.out)


if __name__ == "__main__":
    main()
