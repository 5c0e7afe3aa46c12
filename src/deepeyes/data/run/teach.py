"""Teachers at work on parts of a run, in the agent loop, until every item has a sound trace.

Every attempt goes through the teachers in the order of the recipe and asks only for the items that have no
sound trace yet. What always holds: an item's trials depend on the recipe and its task alone, not on what
else is in flight; what a teacher did is kept, right or wrong, with the faults found in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from os import devnull

from deepeyes.agent.agent import Agent, Grade
from deepeyes.agent.many import at_most
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import read_traces, trace_id
from deepeyes.data.item import Item, TraceRef, Trial, Unfit
from deepeyes.data.run.episodes import Shelf
from deepeyes.data.run.folder import RunFolder, StageFolder
from deepeyes.data.run.probe import (
    OnEpisode,
    OpenAgent,
    Patience,
    in_rounds,
    note_tools,
    persistently,
    waves,
)
from deepeyes.data.sources.images import RecentImages
from deepeyes.data.stages.stage import concerns
from deepeyes.data.stages.teach.faults import faults
from deepeyes.data.stages.teach.synthesize import WRITTEN, Synthesize, Teacher
from deepeyes.data.stages.teach.teachers import Script, world_script, written_script
from deepeyes.data.stages.teach.verify import held_against
from deepeyes.grading.rules import grade as grade_by_rule
from deepeyes.harness.search import WORLD
from deepeyes.tools.base import ToolSet

NEVER_ASKED = f"scripted:{devnull}"
"""The model of teachers that are scripts: they need its tools alone."""


@dataclass(frozen=True)
class TeachWork:
    """The teachers at work on some parts. Picklable if `open_agent` is."""

    run: RunFolder
    stage: Synthesize
    source: StageFolder
    target: StageFolder
    open_agent: OpenAgent
    patience: Patience
    grade: Grade = grade_by_rule
    tolerate: tuple[str, ...] = ()
    """Faults that `verify` does not mind: an item with such a trial is not tried again."""

    def __call__(self, part: int) -> None:
        asyncio.run(self.teach([part]))

    def items(self, parts: Sequence[int]) -> int:
        """How many items need a trace: the least number of episodes these parts take."""
        return sum(len(self._needy(self._read(part))) for part in parts)

    async def teach(self, parts: Sequence[int], on_episode: OnEpisode | None = None) -> None:
        """Give every item of `parts` its trials; each part is written when its items are through."""
        async with AsyncExitStack() as stack:
            desks: dict[str, _Desk] = {}
            for name, teacher in self.stage.teachers.items():
                desks[name] = await stack.enter_async_context(self._desk(name, teacher))
            for wave in waves(parts, lambda part: len(self._read(part))):
                await self._teach_wave(wave, desks, on_episode)

    async def _teach_wave(
        self, wave: Sequence[int], desks: dict[str, _Desk], on_episode: OnEpisode | None
    ) -> None:
        read = {part: self._read(part) for part in wave}
        part_of = {item.id: part for part in wave for item in self._needy(read[part])}
        needy = {item.id: item for part in wave for item in self._needy(read[part])}
        trials: dict[str, list[Trial]] = {key: [] for key in needy}
        written = [item for item in needy.values() if item.lane == "text"]
        desk = _Desk(self, WRITTEN, self.stage.written, None)
        await self._try(desk, written, 0, part_of, trials, on_episode)
        for attempt in range(self.stage.attempts):
            for desk in desks.values():
                still = [i for i in needy.values() if i.lane != "text" and not self._sound(trials[i.id])]
                if still and not (attempt and desk.scripted):
                    await self._try(desk, still, attempt, part_of, trials, on_episode)
        for part in wave:
            known = [
                item.model_copy(update={"trials": tuple(trials[item.id])}) if item.id in trials else item
                for item in read[part]
            ]
            await asyncio.to_thread(self.target.write, part, known)

    def _sound(self, trials: Sequence[Trial]) -> bool:
        return any(not held_against(trial, self.tolerate) for trial in trials)

    async def _try(
        self,
        desk: _Desk,
        items: Sequence[Item],
        attempt: int,
        part_of: dict[str, int],
        trials: dict[str, list[Trial]],
        on_episode: OnEpisode | None,
    ) -> None:
        """One attempt of one teacher at `items`; adds what came of it to `trials`."""
        if not items:
            return
        shelf = Shelf(self.run, f"{self.stage.name}-{desk.name}", {i.id: part_of[i.id] for i in items})
        async with shelf.syncing():
            given = await desk.work(items, attempt, shelf, on_episode)
        wanted = {trace_id(item.id, attempt): item.id for item in items}
        for part in sorted({part_of[item.id] for item in items}):
            folder = self.run.episodes(shelf.name, part)
            for trace in read_traces(folder) if (folder / "traces.jsonl").exists() else ():
                if trace.id in wanted:
                    ref = TraceRef(shelf=shelf.name, part=part, id=trace.id)
                    key = wanted[trace.id]
                    trial = Trial(teacher=desk.name, ref=ref, faults=faults(trace), given=given.get(key, ()))
                    trials[key].append(trial)

    @asynccontextmanager
    async def _desk(self, name: str, teacher: Teacher) -> AsyncGenerator[_Desk]:
        opening = self.open_agent(
            NEVER_ASKED if teacher.model == WORLD else teacher.model,
            tools=teacher.tools,
            dialect=teacher.dialect,
            search=teacher.search,
            limits=teacher.limits,
            sampling=teacher.sampling,
        )
        async with opening as agent:
            note_tools(self.run, agent.tools)
            yield _Desk(self, name, teacher, agent)

    def _read(self, part: int) -> list[Item]:
        return [item for item in self.source.read(part) if item.kept]

    def _needy(self, items: Sequence[Item]) -> list[Item]:
        return [item for item in items if concerns(self.stage, item) and not item.trials]


@dataclass(frozen=True)
class _Desk:
    """A teacher at work. `agent` is None for rows that are their own teacher."""

    owner: TeachWork
    name: str
    teacher: Teacher
    agent: Agent | None

    @property
    def scripted(self) -> bool:
        return self.agent is None or self.teacher.model == WORLD

    async def work(
        self, items: Sequence[Item], attempt: int, shelf: Shelf, on_episode: OnEpisode | None
    ) -> dict[str, tuple[int, ...]]:
        """Run sample number `attempt` of every item; the turns of each that are not to be imitated."""
        owner = self.owner
        images = RecentImages(owner.run.images)
        if self.agent is not None and not self.scripted:
            await persistently(
                self.agent,
                [item.task for item in items],
                shelf,
                images=images,
                samples=attempt + 1,
                patience=owner.patience,
                grade=owner.grade,
                on_episode=on_episode,
            )
            return {}
        scripts = await asyncio.to_thread(self._scripts, items)
        tools = self.agent.tools if self.agent is not None else ToolSet()
        drawing = Sampling(seed=self.teacher.sampling.seed)  # of the sandbox: a script draws no tokens

        async def ask(task: Task) -> None:
            agent = Agent(scripts[task.id].model, tools, limits=self.teacher.limits, sampling=drawing)
            await agent.run(
                [task],
                images=images,
                concurrency=1,
                writer=shelf,
                grade=owner.grade,
                on_done=on_episode,
            )

        async def ask_all(tasks: Sequence[Task]) -> None:
            await at_most(owner.patience.concurrency, tasks, ask)

        known = [item.task for item in items if item.id in scripts]
        await in_rounds(ask_all, known, shelf, [0], owner.patience)
        return {key: script.given for key, script in scripts.items() if script.given}

    def _scripts(self, items: Sequence[Item]) -> dict[str, Script]:
        """A model for each item that this teacher knows."""
        scripts: dict[str, Script] = {}
        dialect, vision = self.teacher.dialect, self.teacher.vision
        for item in items:
            try:
                if self.agent is None:
                    scripts[item.id] = written_script(item, dialect, vision)
                else:
                    scripts[item.id] = world_script(item.task, self.name, dialect, vision)
            except Unfit:
                continue
        return scripts
