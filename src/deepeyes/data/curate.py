"""Curation from raw rows to data to learn from: every stage in order, each in parts, each resumable.

    read -> normalise -> verifiable -> difficulty -> tool_benefit -> synthesize -> verify -> fingerprint
         -> deduplicate -> decontaminate -> mix -> split

What always holds: a stage that is complete is not touched again; what a stage rejects goes no further and is
in `rejects.jsonl` with its reason; the funnel accounts for every row. Given models that answer alike, the
result depends on the recipe alone: not on how it is executed, or how often the run was killed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from deepeyes.core.files import write_atomic, write_lines
from deepeyes.core.trace import Trace
from deepeyes.data.item import Item
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.claim import claimed
from deepeyes.data.run.folder import RunFolder, StageCount, StageFolder
from deepeyes.data.run.funnel import FUNNEL_FILE, REJECTS_FILE
from deepeyes.data.run.oddities import tries_of
from deepeyes.data.run.probe import Asking, AskingWork, OpenAgent, OpenGrader, ProbeWork, RetryRounds
from deepeyes.data.run.read import read_sources
from deepeyes.data.run.runners import Runner, StageWork, ThisProcess
from deepeyes.data.run.teach import TeachWork
from deepeyes.data.stages.stage import Stage, apply, concerns
from deepeyes.data.stages.teach.teachers import WORLD_CHECKS
from deepeyes.grading.grader import open_grader as grader_of

_ASKING: Mapping[str, Callable[[Asking, Any, StageFolder, StageFolder], AskingWork]] = {
    "model": ProbeWork,
    "teacher": TeachWork,
}
"""Who does the work of the stages that ask, by their mode."""


class Progress(Protocol):
    """Told what happens. `total` is None where nobody knows it."""

    def __call__(self, stage: str, done: int, total: int | None) -> None: ...


def _silent(stage: str, done: int, total: int | None) -> None:
    return None


@dataclass(frozen=True)
class Execution:
    """How a recipe is carried out: where, how much at once, how persistently. Changes nothing in what comes
    out.
    """

    runner: Runner = field(default_factory=ThisProcess)
    concurrency: int = 32
    """Episodes in flight."""
    retry: RetryRounds = field(default_factory=RetryRounds)


async def curate(
    recipe: CurationRecipe,
    out: Path,
    open_agent: OpenAgent,
    *,
    execution: Execution | None = None,
    open_grader: OpenGrader | None = None,
    progress: Progress = _silent,
) -> list[StageCount]:
    """Run the stages that `out` does not hold yet; returns the counts of all.

    `open_grader` opens a grader of your own in the place of the one that `recipe.grading` describes.

    Raises `StorageError` for a folder in which another process is at work, `ConfigError` for one whose models
    were asked under other settings and for families in `mix` that no row is of, `InputError` for a source
    that cannot be opened, `InfrastructureError` when models or tools stay away; the same call goes on
    afterwards.
    """
    run = RunFolder(out)
    with claimed(run, recipe.checked()):
        execution = execution or Execution()
        asking = Asking(
            run,
            open_agent,
            open_grader or partial(grader_of, recipe.grading, cache=run.judged),
            concurrency=execution.concurrency,
            retry=execution.retry,
            checks=WORLD_CHECKS,
            tolerate=recipe.verify.tolerate,
        )
        work = _Curation(recipe, run, asking, execution.runner, progress)
        counts = [work.read()]
        if recipe.mix.by == "family":
            recipe.mix.check({item.task.family for item in run.stage(1, "read").kept()})
        for number, stage in enumerate(recipe.stages, 2):
            counts.append(await work.stage(number, stage, counts[-1]))
        write_atomic(run.path / FUNNEL_FILE, _funnel(recipe, counts).encode())
        write_lines(run.path / REJECTS_FILE, rejects(run))
        return counts


@dataclass(frozen=True)
class _Curation:
    recipe: CurationRecipe
    run: RunFolder
    asking: Asking
    runner: Runner
    progress: Progress

    def read(self) -> StageCount:
        target = self.run.stage(1, "read")
        if (count := target.count()) is not None:
            return count
        recipe, rows = self.recipe, 0
        limits = [source.limit for source in recipe.sources.values()]
        total = sum(limits) if all(limits) else None  # at most: a source may hold less

        def step(more: int) -> None:
            nonlocal rows
            rows += more
            self.progress("read", rows, total)

        step(0)
        parts = read_sources(self.run, recipe.sources, recipe.batch, target, step, WORLD_CHECKS)
        return target.finish(passed=0, parts=parts)

    async def stage(self, number: int, stage: Stage, before: StageCount) -> StageCount:
        """Bring one stage to its end."""
        source, target = self.run.stage(number - 1, before.name), self.run.stage(number, stage.name)
        if (count := target.count()) is not None:
            return count
        stage, notes = stage.prepare(self.run)
        passed = sum(not concerns(stage, item) for item in source.kept())
        if stage.mode == "whole":
            parts = self._whole(stage, source, target)
        else:
            parts = before.parts
            if missing := [part for part in range(parts) if not target.has(part)]:
                await self._parts(stage, source, target, missing)
        if stage.mode in _ASKING:
            notes = {**notes, **tries_of(stage, target, parts)}
        return _accounted(target.finish(passed, parts, notes), before)

    def _whole(self, stage: Stage, source: StageFolder, target: StageFolder) -> int:
        """Run a stage on all items at once and cut them into parts anew; how many."""
        items, batch = apply(stage, list(source.kept())), self.recipe.batch
        firsts = range(0, len(items), batch)
        for part, first in enumerate(firsts):
            target.write(part, items[first : first + batch])
        return len(firsts)

    async def _parts(
        self, stage: Stage, source: StageFolder, target: StageFolder, parts: Sequence[int]
    ) -> None:
        work: Callable[[int], None] = StageWork(stage, source, target)
        if stage.mode in _ASKING:
            asking = _ASKING[stage.mode](self.asking, stage, source, target)
            if self.runner.asks_here:
                await asking.ask(parts, self._counter(stage.name, asking.episodes(parts)))
                return
            work = asking
        self.runner.run(work, parts, target, lambda done: self.progress(stage.name, done, len(parts)))

    def _counter(self, name: str, total: int) -> Callable[[Trace], None]:
        done = 0

        def step(trace: Trace) -> None:
            nonlocal done
            done += 1
            self.progress(name, done, max(total, done))

        return step


def _accounted(count: StageCount, before: StageCount) -> StageCount:
    if count.into != before.kept + before.passed:
        raise RuntimeError(f"stage {count.name} was given {before.kept + before.passed} and has {count.into}")
    return count


def rejects(run: RunFolder) -> Iterator[str]:
    """A line of JSON for each item that was left out, in the order of the stages."""
    for stage in run.stages():
        count = stage.count()
        for part in range(count.parts if count else 0):
            for item in stage.read(part):
                if item.rejection is not None:
                    yield _reject_line(item)


def _reject_line(item: Item) -> str:
    assert item.rejection is not None
    return json.dumps(
        {
            "id": item.id,
            "source": item.source,
            "row": item.row,
            "stage": item.rejection.stage,
            "reason": item.rejection.reason,
            "detail": item.rejection.detail,
            "question": item.task.question[:500],
        },
        ensure_ascii=False,
    )


def _funnel(recipe: CurationRecipe, counts: Sequence[StageCount]) -> str:
    settings = {
        "k": recipe.difficulty.k,
        "max_right": recipe.difficulty.max_right,
        "solved_at": recipe.tool_benefit.solved_at,
        "models": [recipe.difficulty.model, recipe.tool_benefit.model],
        "teachers": {name: teacher.model for name, teacher in recipe.synthesize.teachers.items()},
        "judges": list(recipe.grading.judges),
    }
    stages = [count.model_dump(mode="json") for count in counts]
    return json.dumps({"recipe": recipe.digest(), "settings": settings, "stages": stages}, indent=1) + "\n"
