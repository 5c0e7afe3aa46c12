"""One run of reinforcement learning with TRL's trainer: recipe, episodes and folder are the flat loop's.

    OUT/checkpoints/      TRL's, each with every process's place in the stream of tasks
    OUT/adapter/          LoRA's weights alone
    and all else as in `loop`

What always holds: every process plays its own groups, of tasks that no other process draws from the world;
one process writes. The same command goes on where a run was killed; with one process on one CPU it comes to
the same curve.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback

from deepeyes.core.blocking import BackgroundLoop
from deepeyes.core.claim import claim, hold, refuse_other
from deepeyes.core.errors import ConfigError, InfrastructureError, boundary
from deepeyes.core.files import write_atomic
from deepeyes.core.images import ImageStore
from deepeyes.core.json_files import read_json_file
from deepeyes.core.trace import Trace
from deepeyes.grading.grader import open_grader
from deepeyes.harness.setup import open_agent
from deepeyes.train.batch import Collator
from deepeyes.train.curves import curves
from deepeyes.train.loading import load_model, load_processor, source, write_merged, write_processor
from deepeyes.train.rl.alarms import alarms
from deepeyes.train.rl.backends.together import light, together
from deepeyes.train.rl.backends.trl_contract import check_trl, settings
from deepeyes.train.rl.backends.trl_trainer import EpisodeTrainer, Lesson, stream_file
from deepeyes.train.rl.backends.weights import Merged
from deepeyes.train.rl.checkpoints import CHECKPOINTS, tell, trim
from deepeyes.train.rl.engines.base import open_engine
from deepeyes.train.rl.episodes import keep_groups
from deepeyes.train.rl.loop import ADAPTER, FINISHED, IMAGES, JUDGED, RECIPE, REMEDY, Tell, begin_again
from deepeyes.train.rl.plots import PLOT, plot
from deepeyes.train.rl.recipe import NOT_LEARNED, RlRecipe, TasksConfig
from deepeyes.train.rl.reporters import Reports, reporting
from deepeyes.train.rl.rollouts import Player
from deepeyes.train.rl.tasks import TaskStream, open_stream
from deepeyes.train.rl.watch import held_out, numbers_of, summary
from deepeyes.train.sft.curves import MARK, newest_checkpoint
from deepeyes.train.sft.trainer import adapters, is_half

_APART = 1_000_003
"""Between the seeds of two processes."""


def train(recipe: RlRecipe, out: Path, *, fresh: bool = False, on_step: Tell | None = None) -> dict[str, Any]:
    """Train, or go on training; what `finished.json` holds.

    Raises:
        ConfigError: the recipe cannot work, TRL is another one, or `out` holds a run of another recipe.
        StorageError: another process is at work in `out`.
        InfrastructureError: too many episodes of a step were lost to failures of ours.
    """
    recipe.checked().grading.check_keys()
    check_trl()
    state = PartialState(cpu=not torch.cuda.is_available())
    rows = rows_of(recipe, state.num_processes)
    with hold(out) if state.is_main_process else nullcontext():
        if fresh and state.is_main_process:
            begin_again(out)
        state.wait_for_everyone()
        refuse_other(out / RECIPE, recipe, free=NOT_LEARNED, remedy=REMEDY)
        if state.is_main_process:
            claim(out / RECIPE, recipe, free=NOT_LEARNED, remedy=REMEDY)
        if (out / FINISHED).exists():
            return read_json_file(out / FINISHED, "delete it and run again")
        with reporting(recipe, out) if state.is_main_process else nullcontext() as reports:
            return _Run(recipe, out, state, rows, reports, on_step).go()


def rows_of(recipe: RlRecipe, processes: int) -> int:
    """Episodes a step of each process. Raises `ConfigError` where they cannot be shared out."""
    groups, part = recipe.rollouts.groups, recipe.pace.per_device
    if groups % processes:
        raise ConfigError(
            f"rollouts.groups = {groups} is not a multiple of the {processes} processes", "change one of them"
        )
    rows = groups // processes * recipe.rollouts.samples
    if rows % part:
        raise ConfigError(
            f"{rows} episodes a process are not a multiple of pace.per_device = {part}", "change one of them"
        )
    return rows


class _Run:
    """Everything that is open while a run goes on, on one process."""

    def __init__(
        self,
        recipe: RlRecipe,
        out: Path,
        state: PartialState,
        rows: int,
        reports: Reports | None,
        on_step: Tell | None,
    ) -> None:
        self.recipe, self.out, self.reports, self.on_step = recipe, out, reports, on_step
        self.rank, self.world, self.main = state.process_index, state.num_processes, state.is_main_process
        self.wait_for_everyone = state.wait_for_everyone
        self.processor = load_processor(recipe.model)
        self.half = is_half(recipe.backend.precision)
        kept_half = recipe.lora.rank > 0 and self.half
        config = settings(
            recipe.optim,
            out / CHECKPOINTS,
            num_generations=recipe.rollouts.samples,
            per_device_train_batch_size=recipe.pace.per_device,
            gradient_accumulation_steps=rows // recipe.pace.per_device,
            steps_per_generation=rows // recipe.pace.per_device,
            max_completion_length=recipe.rollouts.limits.tokens,
            temperature=recipe.rollouts.sampling.temperature,
            bf16=self.half,
            use_cpu=not torch.cuda.is_available(),
            gradient_checkpointing=recipe.pace.gradient_checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            dataloader_pin_memory=torch.cuda.is_available(),
            save_strategy="steps",
            save_steps=recipe.pace.save_every * recipe.optim.updates,
            save_total_limit=recipe.pace.keep,
            report_to=[],
            disable_tqdm=True,
            run_name=recipe.title or out.name,
        )
        model = load_model(recipe.model, torch.bfloat16 if kept_half else torch.float32)
        self.questions = ImageStore(out / IMAGES)
        self.stream = self._stream()
        self.trainer = EpisodeTrainer(
            play=self._play,
            plan=recipe.optim,
            collator=Collator(model, self.processor),
            rows=rows,
            state=lambda: json.dumps(self.stream.state()).encode(),
            told=self._told,
            model=model,
            args=config,
            train_dataset=Dataset.from_dict({"prompt": [""] * recipe.rollouts.groups}),
            processing_class=self.processor,
            peft_config=adapters(recipe.lora, model),
            callbacks=[_Marks()],
        )
        self.trainer.remove_callback(PrinterCallback)  # a step is told by `on_step`
        self.loop = BackgroundLoop("rollouts")
        self.numbers: dict[str, Any] = {}

    def go(self) -> dict[str, Any]:
        """Train to the end; what `finished.json` holds."""
        recipe, rollouts, began = self.recipe, self.recipe.rollouts, time.monotonic()
        folder = Path(source(recipe.model.path))
        self.engine = open_engine(rollouts, folder, self.trainer.model, self.processor, self.out)
        try:
            agent = self.loop.enter(
                open_agent(
                    self.engine.model,
                    search=rollouts.search,
                    dialect=rollouts.dialect,
                    limits=rollouts.limits,
                    sampling=rollouts.sampling,
                )
            )
            judged = JUDGED if self.main else f"{self.rank}-{JUDGED}"
            grade = self.loop.enter(open_grader(recipe.grading, cache=self.out / judged))
            own = rollouts.model_copy(update={"groups": rollouts.groups // self.world})
            self.player = Player(agent, grade, own, recipe.reward)
            checkpoint = newest_checkpoint(self.out / CHECKPOINTS)
            start = self._restore(checkpoint)
            if self.main:
                trim(self.out, start)
            self.wait_for_everyone()
            with boundary(
                InfrastructureError, "training", "lower pace.per_device or limits.tokens, or use LoRA",
                expected=torch.OutOfMemoryError,
            ):  # fmt: skip
                self.trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            self._write_model()
            if self.main:
                self._finish(time.monotonic() - began)
        finally:
            self.loop.wait(self.engine.model.aclose())
            self.loop.close()
        self.wait_for_everyone()
        return read_json_file(self.out / FINISHED, "delete it and run again")

    def _stream(self) -> TaskStream:
        """This process's tasks: other ones of the world, its share of each file."""
        seed = self.recipe.tasks.seed + _APART * self.rank
        stream = open_stream(self.recipe.tasks.model_copy(update={"seed": seed}), self.questions)
        files = {
            name: tasks[self.rank :: self.world] if len(tasks) >= self.world else tasks
            for name, tasks in stream.files.items()
        }
        return TaskStream(stream.plan, files)

    def _restore(self, checkpoint: Path | None) -> int:
        """Go on in the stream of tasks; the step to begin with."""
        if checkpoint is None:
            return 0
        path = checkpoint / stream_file(self.rank)
        if not path.exists():
            raise ConfigError(
                f"{checkpoint} is of a run on fewer processes", f"give {self.world} fewer, or --fresh"
            )
        self.stream.restore(
            read_json_file(path, "delete that checkpoint: the run goes on from the one before")
        )
        return int(checkpoint.name.rpartition("-")[2]) // self.recipe.optim.updates

    def _play(self, step: int) -> Lesson:
        """This process's groups of a step, with the newest weights; the main process takes all numbers."""
        recipe = self.recipe
        images = ImageStore(None, parent=self.questions)
        self.engine.learn(Merged(self.trainer), step)
        seed = recipe.optim.seed + _APART * self.rank
        played = self.loop.wait(self.player.step(step, seed, self.stream, images))
        if self.main:
            keep_groups(self.out, step, played, images, recipe.watch.keep, recipe.optim.scale)
        everyone = together(played)
        self.numbers = {
            "step": step,
            **numbers_of(everyone),
            "sources": self.stream.state()["mixed"],
        }
        self._began = time.perf_counter()
        return Lesson(played.chosen, images)

    def _told(self, step: int, learned: dict[str, float | None]) -> None:
        """A step is done: its line of the curve."""
        numbers = {**self.numbers, **learned}
        numbers["seconds_learning"] = round(time.perf_counter() - self._began, 2)
        numbers |= self._measure(step + 1)
        if self.reports is None:  # another process tells it
            return
        told = [*curves(self.out), numbers]
        numbers["alarms"] = [alarm.told for alarm in alarms(told)]
        tell(self.out, numbers)
        numbers["alarms"] += self.reports.tell(told)
        if self.on_step is not None:
            self.on_step(numbers)

    def _measure(self, done: int) -> dict[str, Any]:
        """The fixed held-out set at temperature 1 after `done` steps, each process its share."""
        watch, tasks = self.recipe.watch, self.recipe.tasks
        families = watch.world or tuple(tasks.world)
        due = watch.every and (done % watch.every == 0 or done == self.recipe.optim.steps)
        if not due or not families:
            return {}
        images = ImageStore()
        fixed: TasksConfig = tasks.fixed(families, watch.split)
        asked = TaskStream(fixed).each(watch.n, images)[self.rank :: self.world]
        self.engine.learn(Merged(self.trainer), -1)
        dropped = Counter[str]()
        self.trainer.model.eval()
        groups = self.loop.wait(self.player.play(asked, tasks.seed, images, dropped, watch.samples))
        self.trainer.model.train()
        traces: list[Trace] = gather_object([light(trace) for group in groups for trace in group.traces])
        lost: list[Counter[str]] = gather_object([dropped])
        return held_out(traces, sum(lost, Counter[str]()))

    def _write_model(self) -> None:
        """The weights that came out, adapters merged in; every process takes part."""
        recipe, out = self.recipe, self.out
        kind = torch.bfloat16 if self.half else torch.float32
        if recipe.lora.rank:
            self.trainer.save_model(str(out / ADAPTER))
            if self.main and recipe.lora.merge:
                write_merged(recipe.model, out / ADAPTER, out, kind)
        else:
            weights = self.trainer.accelerator.get_state_dict(self.trainer.model_wrapped)
            model: Any = self.trainer.accelerator.unwrap_model(self.trainer.model)
            if self.main:
                model.config.use_cache = True
                model.save_pretrained(out, state_dict=weights)
        if self.main:
            write_processor(self.processor, out)

    def _finish(self, seconds: float) -> None:
        recipe, lines = self.recipe, curves(self.out)
        plot({recipe.title or self.out.name: lines}, self.out / PLOT, recipe.title)
        finished = summary(recipe.title, lines, seconds)
        write_atomic(self.out / FINISHED, json.dumps(finished, indent=2).encode())


class _Marks(TrainerCallback):
    """Marks a checkpoint once it is whole."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / MARK).touch()
