"""Reinforcement learning, flat: play, reward, compare, update, and again.

    OUT/recipe.toml       the resolved recipe
    OUT/curves.jsonl, curves.png   a line of numbers a step
    OUT/images/           those of questions in files
    OUT/episodes/         the episodes that the viewer shows, a folder a step
    OUT/checkpoints/      where a killed run goes on
    OUT/*.safetensors ... the model with its processor
    OUT/finished.json     what came out; written last

One process, one device, every line in sight. What always holds: the same command goes on where a run was
killed, and comes to the same curve on one CPU; a folder of another recipe, or in which another process is at
work, is not touched.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import get_scheduler

from deepeyes.core.claim import claim, hold
from deepeyes.core.files import remove_folder, write_atomic
from deepeyes.core.images import ImageStore
from deepeyes.core.json_files import read_json_file
from deepeyes.grading.grader import open_grader
from deepeyes.harness.setup import open_agent
from deepeyes.train.batch import Collator
from deepeyes.train.curves import curves
from deepeyes.train.loading import load_model, load_processor, source, write_processor
from deepeyes.train.rl.ahead import Ahead, ages
from deepeyes.train.rl.alarms import alarms
from deepeyes.train.rl.checkpoints import CHECKPOINTS, newest, save, tell, trim
from deepeyes.train.rl.engines.base import open_engine
from deepeyes.train.rl.episodes import EPISODES, keep_groups
from deepeyes.train.rl.plots import PLOT, plot
from deepeyes.train.rl.recipe import NOT_LEARNED, RlRecipe
from deepeyes.train.rl.reporters import Reports, forget_reports, reporting
from deepeyes.train.rl.rollouts import Player
from deepeyes.train.rl.tasks import TaskStream, open_stream
from deepeyes.train.rl.update import Learner
from deepeyes.train.rl.watch import held_out, numbers_of, summary

RECIPE, FINISHED, JUDGED, IMAGES = "recipe.toml", "finished.json", "judged.sqlite", "images"
ADAPTER = "adapter"
"""Where the other backend leaves low-rank adapters."""
REMEDY = "give another --out, or --fresh to begin again there"
Tell = Callable[[dict[str, Any]], None]
"""Told a step's numbers."""


def train(recipe: RlRecipe, out: Path, *, fresh: bool = False, on_step: Tell | None = None) -> dict[str, Any]:
    """Train, or go on training; what `finished.json` holds.

    Raises:
        ConfigError: the recipe cannot work, or `out` holds a run of another one.
        StorageError: another process is at work in `out`.
        InfrastructureError: too many episodes of a step were lost to failures of ours.
    """
    recipe.checked().grading.check_keys()
    with hold(out):
        if fresh:
            begin_again(out)
        claim(out / RECIPE, recipe, free=NOT_LEARNED, remedy=REMEDY)
        if (out / FINISHED).exists():
            return read_json_file(out / FINISHED, "delete it and run again")
        with reporting(recipe, out) as reports:
            return asyncio.run(_run(recipe, out, reports, on_step))


def begin_again(out: Path) -> None:
    """Forget the run in `out`, whichever backend it had."""
    (out / FINISHED).unlink(missing_ok=True)  # first: it says that the rest is there
    (out / RECIPE).unlink(missing_ok=True)
    for folder in (CHECKPOINTS, EPISODES, ADAPTER):
        remove_folder(out / folder)
    forget_reports(out)


async def _run(recipe: RlRecipe, out: Path, reports: Reports, on_step: Tell | None) -> dict[str, Any]:
    began, plan = time.monotonic(), recipe.optim
    torch.manual_seed(plan.seed)
    async with _open(recipe, out) as run, aclosing(run.ahead):
        start = run.restore(out)
        trim(out, start)
        run.ahead.start(start)
        for step in range(start, plan.steps):
            # Play with the newest weights, or those of up to `rollouts.stale` steps ago.
            images, played = await run.ahead.step(step)

            # Learn from the groups that teach something.
            since = time.perf_counter()
            learned: dict[str, Any] = {}
            if played.chosen:
                learned = await asyncio.to_thread(run.learner.learn, played.chosen, images)
                run.averaged.update_parameters(run.learner.model)
            run.ahead.learned(step + 1)
            numbers = {
                "step": step,
                **numbers_of(played),
                "policy_age": ages(played.traces, step),
                **learned,
                "seconds_learning": round(time.perf_counter() - since, 2),
                "sources": played.stream["mixed"],
            }

            # Measure, tell, and leave what a killed run goes on from.
            keep_groups(out, step, played, images, recipe.watch.keep, plan.scale)
            if recipe.watch.every and ((step + 1) % recipe.watch.every == 0 or step + 1 == plan.steps):
                numbers |= await run.measure()
            told = [*curves(out), numbers]
            numbers["alarms"] = [alarm.told for alarm in alarms(told)]
            tell(out, numbers)
            numbers["alarms"] += reports.tell(told)
            if on_step is not None:
                on_step(numbers)
            if (step + 1) % recipe.pace.save_every == 0 or step + 1 == plan.steps:
                run.save(out, step + 1, played.stream)
        best = run.best()
        best.config.use_cache = True
        best.save_pretrained(out)
        write_processor(run.learner.collator.processor, out)
    lines = curves(out)
    plot({recipe.title or out.name: lines}, out / PLOT, recipe.title)
    finished = summary(recipe.title, lines, time.monotonic() - began)
    write_atomic(out / FINISHED, json.dumps(finished, indent=2).encode())
    return finished


@dataclass
class Run:
    """Everything that is open while a run goes on."""

    recipe: RlRecipe
    ahead: Ahead
    learner: Learner
    averaged: AveragedModel

    def best(self) -> Any:
        """The model that is measured and left: averaged weights, if the recipe averages."""
        return self.averaged.module if self.recipe.optim.average else self.learner.model

    async def measure(self) -> dict[str, Any]:
        """The fixed held-out set at temperature 1, by names that begin with `held_out/`."""
        began, watch, images = time.perf_counter(), self.recipe.watch, ImageStore()
        families = watch.world or tuple(self.recipe.tasks.world)
        if not families:
            return {}
        fixed = TaskStream(self.recipe.tasks.fixed(families, watch.split))
        tasks = fixed.each(watch.n, images)
        dropped = Counter[str]()
        groups = await self.ahead.aside(self.best(), tasks, fixed.plan.seed, images, dropped, watch.samples)
        numbers = held_out([trace for group in groups for trace in group.traces], dropped)
        return {**numbers, "seconds_watching": round(time.perf_counter() - began, 2)}

    def restore(self, out: Path) -> int:
        """Go on from the last checkpoint; the step to begin with."""
        found = newest(out, self.learner.collator.vocabulary)
        if found is None:
            return 0
        state, told = found
        self.learner.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.learner.optimizer.load_state_dict(state["optimizer"])
        self.learner.schedule.load_state_dict(state["schedule"])
        self.ahead.stream.restore(told["stream"])
        return int(told["step"])

    def save(self, out: Path, step: int, stream: dict[str, Any]) -> None:
        """Leave a checkpoint that begins with `step` and that state of the stream."""
        state = {
            "model": self.learner.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.learner.optimizer.state_dict(),
            "schedule": self.learner.schedule.state_dict(),
        }
        told = {"stream": stream, "vocabulary": self.learner.collator.vocabulary}
        save(out, step, state, told, self.recipe.pace.keep)


@asynccontextmanager
async def _open(recipe: RlRecipe, out: Path) -> AsyncGenerator[Run]:
    """The learner, the engine that speaks with its weights, and the agent around it."""
    plan, rollouts = recipe.optim, recipe.rollouts
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    processor = load_processor(recipe.model)
    model = load_model(recipe.model, torch.float32).to(device)
    model.eval()  # no dropout: what learns must say what sampled
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=plan.lr, betas=plan.betas, weight_decay=plan.weight_decay)
    schedule = get_scheduler(
        _SCHEDULES[plan.schedule],
        optimizer,
        num_warmup_steps=plan.warmup,
        num_training_steps=plan.steps * plan.updates,
    )
    folder = Path(source(recipe.model.path))
    engine = open_engine(rollouts, folder, model, processor, out)
    opening = open_agent(
        engine.model,
        search=rollouts.search,
        dialect=rollouts.dialect,
        limits=rollouts.limits,
        sampling=rollouts.sampling,
    )
    try:
        async with opening as agent, open_grader(recipe.grading, cache=out / JUDGED) as grade:
            player = Player(agent, grade, rollouts, recipe.reward)
            yield Run(
                recipe,
                Ahead(engine, player, model, open_stream(recipe.tasks, ImageStore(out / IMAGES)), plan),
                Learner(
                    model,
                    optimizer,
                    schedule,
                    Collator(model, processor),
                    plan,
                    recipe.pace.tokens,
                    recipe.watch.signal,
                ),
                AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(plan.average)),
            )
    finally:
        await engine.model.aclose()


_SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
