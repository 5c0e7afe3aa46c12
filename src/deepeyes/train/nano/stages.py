"""The nano model's stages, from an empty folder to the two checkpoints that ship: dense -> copy -> base ->
traces -> cold start. A recipe with a start, such as the base model that ships, goes on from there, with those
of the first three that it names.

What always holds: a stage that has left its checkpoint is not run again; one that was killed goes on; what
another recipe made is refused; nothing is learned from that a stage is measured on. All stages run under
`torchrun` as well, with the same data for a rank whatever the others do.
"""

import asyncio
import functools
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from hashlib import file_digest
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch

from deepeyes.core.claim import claim, hold, refuse_other
from deepeyes.core.errors import ConfigError
from deepeyes.core.files import append_line, sweep
from deepeyes.core.images import VisionSpec
from deepeyes.harness.search import WORLD
from deepeyes.harness.setup import open_agent
from deepeyes.models.nano.build import build_model, build_tokenizer
from deepeyes.models.nano.model import NAMES, embedded
from deepeyes.models.nano.size import CELL, NanoSize
from deepeyes.models.scripted import ScriptedModel
from deepeyes.world.families import searched

from .batch import Tensors, collate_with_cells, encode, microbatches
from .checkpoint import load, save
from .corpus import corpus
from .dense import WORD_STD, DenseWarmup, Drawing, draw_dense, word_vectors
from .distributed import meet, own_cores, rank_and_world
from .joint_loss import teacher_forced_exact_match
from .lesson import Lesson, draw_copy, draw_lesson
from .loop import BLOCK, number_of, train_stage
from .recipe import PACES, UNKNOWN, ColdStartConfig, DenseConfig, JointStageConfig, NanoRecipe, TraceConfig
from .sheet_lessons import unlabelled
from .traces import SHARDS, StoredConversation, as_message, write_shard

Sample = TypeVar("Sample")
DrawLesson = Callable[[random.Random, NanoSize, str], Lesson]
HELD_OUT = 25
"""Most traces of a family that cold start is measured on, and does not learn from: at most a tenth."""
DENSE_HELD_OUT, LESSONS_HELD_OUT = 200, 300
"""Images and lessons of the validation split that the stages before it are measured on."""


def run(recipe: NanoRecipe, out: Path, ablation: str = "") -> None:
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
        base = make_base(recipe, out)
        make_traces(recipe, out / "traces")
        if not (last / "model.safetensors").exists():
            run_cold(recipe, plan, base, out / "traces", last)


def make_base(recipe: NanoRecipe, out: Path) -> Path:
    """The folder of the model that the cold start begins with: the recipe's start, or what the first three
    stages make.
    """
    names = list(recipe.lessons)
    done = [name for name in names if (out / name / "model.safetensors").exists()]
    ahead = names[names.index(done[-1]) + 1 :] if done else names  # what led to it is not asked for
    before = out / done[-1] if done else start_of(recipe) if recipe.start else None
    for name in ahead:
        plan = recipe.lessons[name]
        if isinstance(plan, DenseConfig):
            run_dense(recipe, plan, before, out / name)
        elif isinstance(plan, JointStageConfig) and before:
            run_lessons(recipe, name, plan, draw_copy if name == "copy" else draw_lesson, before, out / name)
        before = out / name
    assert before, "a recipe has a start or a first stage"
    return before


def start_of(recipe: NanoRecipe) -> Path:
    """The folder of the recipe's start. Raises `ConfigError` where no model is in it."""
    folder = embedded(recipe.start) if recipe.start in NAMES else Path(recipe.start)
    if not (folder / "model.safetensors").exists():
        names = ", ".join(NAMES)
        raise ConfigError(f"start: no model is in {folder}", f"give a checkpoint's folder or one of {names}")
    return folder


def claim_stages(recipe: NanoRecipe, cold: ColdStartConfig, out: Path, last: Path) -> None:
    """Write into the folder of every stage what decides what it makes; raises `ConfigError` where another
    recipe has made it. Checkpoints from elsewhere, which say nothing, are taken as they are.
    """
    made: dict[str, object] = {"seed": recipe.seed, "size": recipe.size.model_dump()}
    _claim(out / "traces", {**made, "shard": recipe.traces.shard})
    if recipe.start:
        with (start_of(recipe) / "model.safetensors").open("rb") as weights:
            made["start"] = file_digest(weights, "sha256").hexdigest()
    for stage, plan in recipe.lessons.items():
        made[stage] = plan.model_dump(exclude=set(PACES))
        _claim(out / stage, made)
    made |= {"traces": recipe.traces.model_dump(), "cold": cold.model_dump(exclude=set(PACES))}
    _claim(last, made)


def _claim(folder: Path, made: dict[str, object]) -> None:
    remedy = "give that recipe, or another --out, or remove this folder and those of the stages after it"
    first = rank_and_world()[0] == 0
    if first and folder.exists():
        sweep(folder)
    mine = first and not (folder / "model.safetensors").exists()
    (claim if mine else refuse_other)(folder / "made.json", made, remedy=remedy)


def run_dense(recipe: NanoRecipe, plan: DenseConfig, start: Path | None, out: Path) -> None:
    """Stage 1: a fresh model whose vision tower knows what it sees; or the start, whose tower learns to see
    more in words that stay as they are, so that the language model goes on to understand it.
    """
    if start:
        joint, tokenizer = load(start, dense_weight=0.0)
        module = joint.dense
        word_vectors(module.model).requires_grad_(False)
    else:
        tokenizer = build_tokenizer(corpus(recipe.seed), recipe.size.vocabulary)
        module = DenseWarmup(build_model(tokenizer, recipe.size, recipe.seed), tokenizer)
        torch.nn.init.normal_(word_vectors(module.model), std=WORD_STD)

    def images(rng: random.Random, samples: int, split: str) -> list[Drawing]:
        return [draw_dense(rng, recipe.size, split, plan.em) for _ in range(samples)]

    def batch(drawings: Sequence[Drawing]) -> Tensors:
        rows = [drawing.seen(recipe.size) for drawing in drawings]
        return {
            "pixel_values": torch.cat([row[0] for row in rows]),
            "image_grid_thw": torch.tensor([row[1] for row in rows]),
            "labels": torch.cat([row[2] for row in rows]),
        }

    def fresh(number: int, samples: int) -> list[Drawing]:
        return images(random.Random(f"dense/{recipe.seed}/{number}/{rank_and_world()[0]}"), samples, "train")

    kept = functools.lru_cache(BLOCK)(fresh)

    def draw(step: int, samples: int) -> list[Tensors]:
        if plan.views == 1:
            return [batch(fresh(step, samples))]
        rng = random.Random(f"dense/look/{recipe.seed}/{step}/{rank_and_world()[0]}")
        return [batch([image.part(rng) for image in kept(number_of(step, plan.views), samples)])]

    @torch.no_grad()
    def evaluate() -> dict[str, float]:
        held_out = batch(images(random.Random("dense/held-out"), DENSE_HELD_OUT, "validation"))
        loss, metrics = module(**{name: value.to(module.model.device) for name, value in held_out.items()})
        return {"loss": float(loss), **{name: round(float(value), 4) for name, value in metrics.items()}}

    finish = partial(save, out, module, tokenizer, recipe.size)
    train_stage(module, draw, plan, out, evaluate=evaluate, finish=finish, title="dense")


def run_lessons(
    recipe: NanoRecipe, stage: str, plan: JointStageConfig, draw_one: DrawLesson, start: Path, out: Path
) -> None:
    """Stages 2 and 3: the model learns to speak, from one kind of lesson or from all."""
    joint, tokenizer = load(start, plan.dense_weight)
    model = joint.dense.model

    def batch(
        rng: random.Random, samples: int, split: str, parts: int
    ) -> tuple[list[Tensors], list[tuple[str, ...]]]:
        drawn = (draw_one(rng, recipe.size, split) for _ in range(samples))
        rows = [(encode(tokenizer, lesson.messages), lesson.cells, lesson.kinds) for lesson in drawn]
        rows.sort(key=lambda row: len(row[0]["input_ids"]))
        tensors = [
            collate_with_cells(tokenizer, [row[:2] for row in part], model)
            for part in microbatches(rows, parts)
        ]
        return tensors, [kinds for _, _, kinds in rows]

    def draw(step: int, samples: int) -> list[Tensors]:
        rng = random.Random(f"{stage}/{recipe.seed}/{step}/{rank_and_world()[0]}")
        return batch(rng, samples, "train", parts_of_a_batch())[0]

    def evaluate() -> dict[str, float]:
        (whole,), kinds = batch(random.Random("base/held-out"), LESSONS_HELD_OUT, "validation", parts=1)
        return teacher_forced_exact_match(joint, tokenizer, whole, kinds)

    finish = partial(save, out, joint.dense, tokenizer, recipe.size)
    train_stage(joint, draw, plan, out, evaluate=evaluate, finish=finish, title=stage)


def make_traces(recipe: NanoRecipe, out: Path) -> None:
    """Stage 4: the teacher's traces, really executed, on every core; every process sees to its share of the
    shards.
    """
    rank, world = rank_and_world()
    missing = [shard for shard in shards(recipe.traces, out)[rank::world] if not shard.path.exists()]
    workers = min(len(missing), own_cores())
    if workers > 1:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            shares = [missing[first::workers] for first in range(workers)]
            list(pool.map(_teach_shards, [recipe] * workers, shares))
    elif missing:
        _teach_shards(recipe, missing)
    meet()


class Shard(NamedTuple):
    """A file of traces: of which family, and the numbers of its examples; of `unknown` ones the teacher says
    that it cannot tell.
    """

    path: Path
    family: str
    indices: range
    unknown: bool


def _teach_shards(recipe: NanoRecipe, missing: Sequence[Shard]) -> None:
    torch.set_num_threads(1)
    limit = recipe.size.max_tokens * CELL**2
    vision = VisionSpec(factor=CELL, min_pixels=recipe.size.min_tokens * CELL**2, max_pixels=limit)

    learner = ScriptedModel([], prompt="brief", vision=vision)

    async def work() -> None:
        async with open_agent(learner, search=WORLD) as teacher:
            alone = replace(teacher, tools=teacher.tools.only("python"))
            for path, family, indices, unknown in missing:
                # Where no search is needed there may be one all the same.
                odd = indices.start // recipe.traces.shard % 2
                agent = teacher if searched(family) or odd else alone
                began = time.monotonic()
                kept, tried = await write_shard(
                    path, family, "train", recipe.seed, indices, agent, unknown=unknown
                )
                seconds = round(time.monotonic() - began, 1)
                told = {"shard": path.name, "kept": kept, "tried": tried, "seconds": seconds}
                append_line(path.parent / SHARDS, json.dumps(told).encode() + b"\n", sync=False)
                sys.stdout.write(f"traces: {path.name} keeps {kept} of {tried}\n")

    asyncio.run(work())


def shards(plan: TraceConfig, folder: Path) -> list[Shard]:
    """All of them."""

    def cut(stem: str, family: str, count: int, unknown: bool) -> list[Shard]:
        firsts = range(0, count, plan.shard)
        ends = (min(first + plan.shard, count) for first in firsts)
        return [
            Shard(folder / f"{stem}-{first:06d}.pt", family, range(first, end), unknown)
            for first, end in zip(firsts, ends, strict=True)
        ]

    taught = [cut(family, family, count, False) for family, count in plan.examples.items()]
    strange = [cut(f"{UNKNOWN}-{family}", family, count, True) for family, count in plan.unknown.items()]
    return [shard for several in (*taught, *strange) for shard in several]


def run_cold(recipe: NanoRecipe, plan: ColdStartConfig, start: Path, traces: Path, out: Path) -> None:
    """Stage 5: the base model learns from the traces which tool to use when, and how."""
    joint, tokenizer = load(start, plan.dense_weight)
    model = joint.dense.model
    if plan.vision_lr == 0:
        model.model.visual.requires_grad_(False)
    traces_of: dict[str, list[StoredConversation]] = {family: [] for family in plan.shares}
    for shard in shards(recipe.traces, traces):
        family = UNKNOWN if shard.unknown else shard.family
        if family in traces_of:
            traces_of[family] += torch.load(shard.path, weights_only=True)
    split = {family: split_held_out(kept) for family, kept in traces_of.items()}
    families, weights = [*split, ""], [*plan.shares.values(), max(0.0, 1 - sum(plan.shares.values()))]

    def row(rng: random.Random) -> tuple[Tensors, torch.Tensor]:
        family = rng.choices(families, weights)[0]
        if not family:
            lesson = draw_lesson(rng, recipe.size, "train")
            return encode(tokenizer, lesson.messages), lesson.cells
        return encoded(rng.choice(split[family][1]))

    def encoded(conversation: StoredConversation) -> tuple[Tensors, torch.Tensor]:
        row = encode(tokenizer, [as_message(role, parts) for role, parts in conversation])
        return row, unlabelled(int((row["input_ids"] == model.config.image_token_id).sum()))

    def draw(step: int, samples: int) -> list[Tensors]:
        rng = random.Random(f"cold/{recipe.seed}/{step}/{rank_and_world()[0]}")
        rows = sorted((row(rng) for _ in range(samples)), key=lambda row: len(row[0]["input_ids"]))
        return [collate_with_cells(tokenizer, part, model) for part in microbatches(rows, parts_of_a_batch())]

    def evaluate() -> dict[str, float]:
        right: dict[str, float] = {}
        for family, (held_out, _) in split.items():
            if not held_out:
                continue
            batch = collate_with_cells(tokenizer, [encoded(conversation) for conversation in held_out], model)
            kinds = [[family] * sum(role == "assistant" for role, _ in said) for said in held_out]
            right |= teacher_forced_exact_match(joint, tokenizer, batch, kinds)
        return right

    def finish() -> None:
        if plan.keep:
            keep_of(load(start, dense_weight=0.0)[0].dense.model, model, plan.keep)
        save(out, joint.dense, tokenizer, recipe.size)

    train_stage(joint, draw, plan, out, evaluate=evaluate, finish=finish, title="cold start")


@torch.no_grad()
def keep_of(start: torch.nn.Module, model: torch.nn.Module, share: float) -> None:
    """Make the weights of `model` a mean of them and those of `start`, which has the given share."""
    before = dict(start.named_parameters())
    for name, weights in model.named_parameters():  # shared ones once
        weights.lerp_(before[name].to(weights), share)


def split_held_out(samples: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """(what a stage is measured on, what it learns from): no sample is in both, none in neither."""
    apart = min(HELD_OUT, len(samples) // 10)
    return samples[:apart], samples[apart:]


def parts_of_a_batch() -> int:
    """In how many parts a batch is run, each of rows of like length: little of it is padding then, which a
    GPU hardly feels.
    """
    return 2 if torch.cuda.is_available() else 8
