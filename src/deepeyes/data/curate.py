"""Curation from raw rows to data to learn from: every stage in order, each in parts, each resumable.

    read -> normalise -> verifiable -> difficulty -> tool_benefit -> synthesize -> verify -> fingerprint
         -> deduplicate -> decontaminate -> mix -> split

What always holds: a stage that is complete is not touched again; what a stage rejects goes no further and is
in `rejects.jsonl` with its reason; the funnel accounts for every row. Given models that answer alike, the
result depends on the recipe alone: not on the runner, the pace, or how often the run was killed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from deepeyes.agent.agent import Grade
from deepeyes.core.files import write_atomic, write_lines
from deepeyes.core.trace import Trace
from deepeyes.data.item import Item
from deepeyes.data.recipe import Recipe
from deepeyes.data.run.claim import claimed
from deepeyes.data.run.folder import RunFolder, StageCount, StageFolder
from deepeyes.data.run.funnel import FUNNEL_FILE, REJECTS_FILE
from deepeyes.data.run.probe import AskWork, OpenAgent, Patience
from deepeyes.data.run.read import read_sources
from deepeyes.data.run.runners import Runner, StageWork, ThisProcess
from deepeyes.data.run.teach import TeachWork
from deepeyes.data.stages.probe.difficulty import Difficult
from deepeyes.data.stages.probe.tool_benefit import Benefit
from deepeyes.data.stages.select.decontaminate import Decontaminate
from deepeyes.data.stages.select.fingerprint import Looks
from deepeyes.data.stages.stage import Stage, apply, concerns
from deepeyes.data.stages.teach.synthesize import Synthesize
from deepeyes.grading.rules import grade as grade_by_rule


class Progress(Protocol):
    """Told what happens. `total` is None where nobody knows it."""

    def __call__(self, stage: str, done: int, total: int | None) -> None: ...


def _silent(stage: str, done: int, total: int | None) -> None:
    return None


@dataclass(frozen=True)
class Pace:
    """How fast a run goes and how hard it tries; changes nothing in what comes out."""

    runner: Runner = field(default_factory=ThisProcess)
    patience: Patience = field(default_factory=Patience)


async def curate(
    recipe: Recipe,
    out: Path,
    open_agent: OpenAgent,
    *,
    pace: Pace | None = None,
    grade: Grade = grade_by_rule,
    progress: Progress = _silent,
) -> list[StageCount]:
    """Run the stages that `out` does not hold yet; returns the counts of all.

    Raises `StorageError` for a folder in which another process is at work, `ConfigError` for one whose models
    were asked under other settings and for families in `mix` that no row is of, `InputError` for a source
    that cannot be opened, `InfrastructureError` when models or tools stay away; the same call goes on
    afterwards.
    """
    run = RunFolder(out)
    with claimed(run, recipe.checked()):
        work = _Curation(recipe, run, open_agent, pace or Pace(), grade, progress)
        counts = [work.read()]
        if recipe.mix.by == "family":
            recipe.mix.check({item.task.family for item in run.stage(1, "read").kept()})
        for number, stage in enumerate(recipe.stages, 2):
            counts.append(await work.stage(number, stage, counts[-1]))
        write_atomic(run.path / FUNNEL_FILE, _funnel(recipe, counts).encode())
        write_lines(run.path / REJECTS_FILE, rejects(run))
        return counts


_WHOLE = ("deduplicate", "mix", "split")
"""Stages that compare items with each other and so see all at once."""


@dataclass(frozen=True)
class _Curation:
    recipe: Recipe
    run: RunFolder
    open_agent: OpenAgent
    pace: Pace
    grade: Grade
    progress: Progress

    def read(self) -> StageCount:
        target = self.run.stage(1, "read")
        if (count := target.count()) is not None:
            return count
        rows = 0

        def step(more: int) -> None:
            nonlocal rows
            rows += more
            self.progress("read", rows, None)

        parts = read_sources(self.run, self.recipe.sources, self.recipe.batch, target, step)
        return target.finish(passed=0, parts=parts)

    async def stage(self, number: int, stage: Stage, before: StageCount) -> StageCount:
        """Bring one stage to its end."""
        source, target = self.run.stage(number - 1, before.name), self.run.stage(number, stage.name)
        if (count := target.count()) is not None:
            return count
        notes: dict[str, int] = {}
        if isinstance(stage, Looks):
            stage = stage.model_copy(update={"folder": str(self.run.images)})
        if isinstance(stage, Decontaminate):
            stage = stage.model_copy(update={"folder": str(self.run.benchmarks)})
            for index in stage.prepare():
                notes[f"{index.name}: rows"] = index.rows
                notes[f"{index.name}: rows that could not be compared"] = sum(index.unreadable.values())
                notes[f"{index.name}: pictures that could not be read"] = index.lost
        passed = sum(not concerns(stage, item) for item in source.kept())
        if stage.name in _WHOLE:
            items = apply(stage, list(source.kept()))
            parts = -(-len(items) // self.recipe.batch)
            for part in range(parts):
                first = part * self.recipe.batch
                target.write(part, items[first : first + self.recipe.batch])
            return _accounted(target.finish(passed, parts), before)
        missing = [part for part in range(before.parts) if not target.has(part)]
        if missing:
            await self._run(stage, source, target, missing)
        return _accounted(target.finish(passed, before.parts, notes), before)

    async def _run(
        self, stage: Stage, source: StageFolder, target: StageFolder, parts: Sequence[int]
    ) -> None:
        runner, patience = self.pace.runner, self.pace.patience
        if isinstance(stage, Difficult | Benefit) and stage.model:
            ask = AskWork(self.run, stage, source, target, self.open_agent, patience, self.grade)
            if runner.asks_here:
                await ask.ask(parts, self._counter(stage.name, ask.items(parts)))
                return
            work: Callable[[int], None] = ask
        elif isinstance(stage, Synthesize):
            teach = TeachWork(
                self.run,
                stage,
                source,
                target,
                self.open_agent,
                patience,
                self.grade,
                self.recipe.verify.tolerate,
            )
            if runner.asks_here or not stage.teachers:
                await teach.teach(parts, self._counter(stage.name, teach.items(parts)))
                return
            work = teach
        elif isinstance(stage, Difficult):
            for part in parts:  # left out: everything goes on
                target.write(part, [item for item in source.read(part) if item.kept])
            return
        else:
            work = StageWork(stage, source, target)
        runner.run(work, parts, target, lambda done: self.progress(stage.name, done, len(parts)))

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


def _funnel(recipe: Recipe, counts: Sequence[StageCount]) -> str:
    settings = {
        "k": recipe.difficulty.k,
        "max_right": recipe.difficulty.max_right,
        "solved_at": recipe.tool_benefit.solved_at,
        "models": [recipe.difficulty.model, recipe.tool_benefit.model],
        "teachers": {name: teacher.model for name, teacher in recipe.synthesize.teachers.items()},
    }
    stages = [count.model_dump(mode="json") for count in counts]
    return json.dumps({"recipe": recipe.digest(), "settings": settings, "stages": stages}, indent=1) + "\n"
