"""Teachers at work on parts of a run, in the agent loop, until every item has a sound trace.

Every attempt goes through the teachers in the order of the recipe and asks only for the items that have no
sound trace yet. What always holds: an item's trials depend on the recipe and its task alone, not on what
else is in flight; what a teacher did is kept, right or wrong, with the checks that it fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from os import devnull

from deepeyes.agent.agent import Agent
from deepeyes.agent.keeping import Grade
from deepeyes.agent.many import at_most
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import read_traces, trace_id
from deepeyes.data.item import Item, TraceRef, Trial, Unusable
from deepeyes.data.run.episodes import EpisodeStore
from deepeyes.data.run.folder import StageFolder
from deepeyes.data.run.image_cache import CachedImages
from deepeyes.data.run.probe import Asking, OnEpisode, grouped, note_tools, retry_in_rounds, run_missing
from deepeyes.data.stages.missed import missed
from deepeyes.data.stages.stage import concerns
from deepeyes.data.stages.teach.quality import failed_checks
from deepeyes.data.stages.teach.synthesize import WRITTEN, Synthesis, Teacher
from deepeyes.data.stages.teach.teachers import Solution, world_solution, written_solution
from deepeyes.data.stages.teach.verify import blocking_checks
from deepeyes.dialects.registry import dialect_named
from deepeyes.harness.search import WORLD
from deepeyes.tools.base import ToolSet

NEVER_ASKED = f"scripted:{devnull}"
"""The model of teachers that know the solution: they need its tools alone."""
TAUGHT = "deepeyes_v2"
"""What a teacher speaks for which a dialect was found out: learners learn the words of its traces, which must
not depend on what a server happens to take.
"""


@dataclass(frozen=True)
class TeachWork:
    """The teachers at work on some parts (an `AskingWork`)."""

    asking: Asking
    stage: Synthesis
    source: StageFolder
    target: StageFolder

    def __call__(self, part: int) -> None:
        asyncio.run(self.ask([part]))

    def episodes(self, parts: Sequence[int]) -> int:
        return sum(len(self._needy(self._read(part))) for part in parts)

    async def ask(self, parts: Sequence[int], on_episode: OnEpisode | None = None) -> None:
        """Give every item of `parts` its trials; each part is written when its items are through."""
        async with AsyncExitStack() as stack:
            grade = await stack.enter_async_context(self.asking.open_grader())
            active = [_ActiveTeacher(self, WRITTEN, self.stage.written, None, grade)]
            for name, teacher in self.stage.teachers.items():
                active.append(await stack.enter_async_context(self._opened(name, teacher, grade)))
            for group in grouped(parts, lambda part: len(self._read(part))):
                await self._teach(group, active, on_episode)

    async def _teach(
        self, parts: Sequence[int], teachers: Sequence[_ActiveTeacher], on_episode: OnEpisode | None
    ) -> None:
        """`teachers`: the rows themselves, then the others in order."""
        read = {part: self._read(part) for part in parts}
        part_of = {item.id: part for part in parts for item in self._needy(read[part])}
        needy = {item.id: item for part in parts for item in self._needy(read[part])}
        trials: dict[str, list[Trial]] = {key: [] for key in needy}
        written = [item for item in needy.values() if item.route == "text"]
        rows, *teachers = teachers
        await self._try(rows, written, 0, part_of, trials, on_episode)
        for attempt in range(self.stage.attempts):
            for teacher in teachers:
                still = [i for i in needy.values() if i.route != "text" and not self._sound(trials[i.id])]
                if still and not (attempt and teacher.knows):
                    await self._try(teacher, still, attempt, part_of, trials, on_episode)
        for part in parts:
            tried = [
                item.model_copy(update={"trials": tuple(trials[item.id])}) if item.id in trials else item
                for item in read[part]
            ]
            await asyncio.to_thread(self.target.write, part, tried)

    def _sound(self, trials: Sequence[Trial]) -> bool:
        return any(not blocking_checks(trial, self.asking.tolerate) for trial in trials)

    async def _try(
        self,
        teacher: _ActiveTeacher,
        items: Sequence[Item],
        attempt: int,
        part_of: dict[str, int],
        trials: dict[str, list[Trial]],
        on_episode: OnEpisode | None,
    ) -> None:
        """One attempt of one teacher at `items`; adds what came of it to `trials`."""
        if not items:
            return
        run = self.asking.run
        store = EpisodeStore(run, f"{self.stage.name}-{teacher.name}", {i.id: part_of[i.id] for i in items})
        async with store.syncing():
            masked = await teacher.work(items, attempt, store, on_episode)
        wanted = {trace_id(item.id, attempt): item.id for item in items}
        for part in sorted({part_of[item.id] for item in items}):
            folder = run.episodes(store.name, part)
            for trace in read_traces(folder) if (folder / "traces.jsonl").exists() else ():
                if trace.id in wanted:
                    key = wanted[trace.id]
                    trial = Trial(
                        teacher=teacher.name,
                        ref=TraceRef(store=store.name, part=part, id=trace.id),
                        failed_checks=failed_checks(trace, self.asking.checks),
                        missed=missed(trace),
                        masked_turns=masked.get(key, ()),
                    )
                    trials[key].append(trial)

    @asynccontextmanager
    async def _opened(self, name: str, teacher: Teacher, grade: Grade) -> AsyncGenerator[_ActiveTeacher]:
        opening = self.asking.open_agent(
            NEVER_ASKED if teacher.model == WORLD else teacher.model,
            tools=teacher.tools,
            dialect=teacher.dialect,
            search=teacher.search,
            limits=teacher.limits,
            sampling=teacher.sampling,
        )
        async with opening as agent:
            note_tools(self.asking.run, agent.tools)
            if agent.dialect is not None and not teacher.dialect:
                agent = replace(agent, dialect=dialect_named(TAUGHT))
            yield _ActiveTeacher(self, name, teacher, agent, grade)

    def _read(self, part: int) -> list[Item]:
        return [item for item in self.source.read(part) if item.kept]

    def _needy(self, items: Sequence[Item]) -> list[Item]:
        return [item for item in items if concerns(self.stage, item) and not item.trials]


@dataclass(frozen=True)
class _ActiveTeacher:
    """A teacher with its agent, which is None for rows that are their own teacher."""

    owner: TeachWork
    name: str
    settings: Teacher
    agent: Agent | None
    grade: Grade

    @property
    def knows(self) -> bool:
        """Whether it knows the solution beforehand, so that a second attempt would be the first again."""
        return self.agent is None or self.settings.model == WORLD

    async def work(
        self, items: Sequence[Item], attempt: int, store: EpisodeStore, on_episode: OnEpisode | None
    ) -> dict[str, tuple[int, ...]]:
        """Run sample number `attempt` of every item; the masked turns of each that has some."""
        asking = self.owner.asking
        images = CachedImages(asking.run.images)
        if self.agent is not None and not self.knows:
            await run_missing(
                self.agent,
                [item.task for item in items],
                store,
                images=images,
                samples=attempt + 1,
                asking=asking,
                grade=self.grade,
                on_episode=on_episode,
            )
            return {}
        solutions = await asyncio.to_thread(self._solutions, items)
        tools = self.agent.tools if self.agent is not None else ToolSet()
        # The seed is the sandbox's: what is known beforehand draws no tokens.
        drawing = Sampling(seed=self.settings.sampling.seed)

        async def ask(task: Task) -> None:
            agent = Agent(solutions[task.id].model, tools, limits=self.settings.limits, sampling=drawing)
            await agent.run(
                [task],
                images=images,
                concurrency=1,
                writer=store,
                grade=self.grade,
                on_done=on_episode,
            )

        async def ask_all(tasks: Sequence[Task]) -> None:
            await at_most(asking.concurrency, tasks, ask)

        known = [item.task for item in items if item.id in solutions]
        await retry_in_rounds(ask_all, known, store, [0], asking.retry)
        return {key: solution.masked_turns for key, solution in solutions.items() if solution.masked_turns}

    def _solutions(self, items: Sequence[Item]) -> dict[str, Solution]:
        """The solution of each item that this teacher knows."""
        solutions: dict[str, Solution] = {}
        dialect, vision = self.settings.dialect, self.settings.vision
        for item in items:
            try:
                if self.agent is None:
                    solutions[item.id] = written_solution(item, dialect, vision)
                else:
                    solutions[item.id] = world_solution(item.task, self.name, dialect, vision)
            except Unusable:
                continue
        return solutions
