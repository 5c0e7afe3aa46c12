"""Stages that ask a model: many episodes at once through the agent loop, then a pure judgement of each part.

What always holds: an episode that is on its shelf with a result is not asked again, so a killed stage goes
on where it was; an episode that failed because of us is asked again, in this start and in the next, and is
never counted as wrong; when too many keep failing, the stage stops with an error before it decides anything,
because a server that is down says nothing about the data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from deepeyes.agent.agent import Agent, Grade
from deepeyes.core.actions import ToolSpec
from deepeyes.core.errors import InfrastructureError, InputError, boundary
from deepeyes.core.files import write_atomic
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, trace_id
from deepeyes.data.item import Item, Odds
from deepeyes.data.run.episodes import Shelf
from deepeyes.data.run.folder import RunFolder, StageFolder
from deepeyes.data.run.views import Remembering, made_ready
from deepeyes.data.sources.images import RecentImages
from deepeyes.data.stages.probe.difficulty import Difficult
from deepeyes.data.stages.probe.tool_benefit import Benefit
from deepeyes.data.stages.stage import apply, concerns
from deepeyes.grading.rules import grade as grade_by_rule
from deepeyes.tools.base import ToolSet

WAVE = 8192
"""Episodes that are handed to the agent loop at once: bounds memory, and is long enough that the few at its
end do not count.
"""


OpenAgent = Callable[..., AbstractAsyncContextManager[Agent]]
"""Opens agents as `deepeyes.harness.setup.open_agent` does."""


@dataclass(frozen=True)
class Patience:
    """How hard a model-calling stage tries. None of it changes what comes out."""

    concurrency: int = 32
    """Episodes in flight."""
    rounds: int = 3
    """Times that episodes which failed because of us are asked in one start."""
    wait: float = 5.0
    """Seconds before the second round; doubles."""
    tolerated: float = 0.05
    """Share of the items of a wave that may stay unmeasured because of us before the stage stops."""


OnEpisode = Callable[[Trace], None]


@dataclass(frozen=True)
class AskWork:
    """The probe of difficulty or tool benefit, on some parts. Picklable if `open_agent` is."""

    run: RunFolder
    stage: Difficult | Benefit
    source: StageFolder
    target: StageFolder
    open_agent: OpenAgent
    patience: Patience
    grade: Grade = grade_by_rule

    def __call__(self, part: int) -> None:
        asyncio.run(self.ask([part]))

    def items(self, parts: Sequence[int]) -> int:
        """How many episodes these parts take."""
        return sum(len(self._asked(self._read(part))) for part in parts) * self.stage.k

    async def ask(self, parts: Sequence[int], on_episode: OnEpisode | None = None) -> None:
        """Ask and judge `parts`; each is written when its episodes are complete."""
        images = RecentImages(self.run.images)
        stage = self.stage
        opening = self.open_agent(
            stage.model,
            tools=stage.tools,
            dialect=stage.dialect,
            search=stage.search,
            limits=stage.limits,
            sampling=stage.sampling,
        )
        async with opening as agent:
            note_tools(self.run, agent.tools)
            for wave in waves(parts, lambda part: len(self._asked(self._read(part))) * self.stage.k):
                read = {part: self._read(part) for part in wave}
                tasks = [(item.task, part) for part in wave for item in self._asked(read[part])]
                shelf = Shelf(self.run, self.stage.name, {task.id: part for task, part in tasks})
                async with shelf.syncing():
                    await persistently(
                        agent,
                        [task for task, _ in tasks],
                        shelf,
                        images=images,
                        samples=self.stage.k,
                        patience=self.patience,
                        grade=self.grade,
                        on_episode=on_episode,
                    )
                for part in wave:
                    await asyncio.to_thread(self._judge, part, read[part], shelf)

    def _read(self, part: int) -> list[Item]:
        return [item for item in self.source.read(part) if item.kept]

    def _asked(self, items: Sequence[Item]) -> list[Item]:
        return [item for item in items if concerns(self.stage, item)]

    def _judge(self, part: int, items: Sequence[Item], shelf: Shelf) -> None:
        measured: list[Item] = []
        for item in items:
            if concerns(self.stage, item):
                tries = shelf.tallies(trace_id(item.id, sample) for sample in range(self.stage.k))
                right, called = sum(one.right for one in tries), sum(one.called for one in tries)
                odds = Odds(model=self.stage.model, right=right, asked=len(tries), called=called)
                item = item.model_copy(update={"aided" if self.stage.tools else "unaided": odds})
            measured.append(item)
        self.target.write(part, apply(self.stage, measured))


async def persistently(
    agent: Agent,
    tasks: Sequence[Task],
    shelf: Shelf,
    *,
    images: ImageStore,
    samples: int,
    patience: Patience,
    grade: Grade,
    on_episode: OnEpisode | None = None,
) -> None:
    """Run what the shelf does not hold, in rounds (see `in_rounds`)."""
    model = Remembering(agent.model)
    agent = replace(agent, model=model)

    async def ask(missing: Sequence[Task]) -> None:
        await agent.run(
            made_ready(missing, images, model.vision),
            images=images,
            samples=samples,
            concurrency=patience.concurrency,
            writer=shelf,
            grade=grade,
            on_done=on_episode,
        )

    await in_rounds(ask, tasks, shelf, range(samples), patience)


async def in_rounds(
    ask: Callable[[Sequence[Task]], Awaitable[None]],
    tasks: Sequence[Task],
    shelf: Shelf,
    samples: Sequence[int],
    patience: Patience,
) -> None:
    """`ask` for those of `tasks` of which the shelf lacks one of `samples`, until nothing of ours fails or
    the rounds are used up.

    Raises `InfrastructureError` if more tasks stay incomplete than `patience` tolerates.
    """
    wait = patience.wait
    missing = list(tasks)
    for round_ in range(patience.rounds):
        await ask(missing)
        missing = [
            task
            for task in missing
            if len(shelf.tallies(trace_id(task.id, sample) for sample in samples)) < len(samples)
        ]
        if not missing:
            return
        if round_ < patience.rounds - 1:
            await asyncio.sleep(wait)
            wait *= 2
    if len(missing) > patience.tolerated * len(tasks):
        raise InfrastructureError(
            f"{len(missing)} of {len(tasks)} questions could not be asked in {patience.rounds} rounds",
            "see that model and tools are up (deepeyes doctor); the same command goes on",
        )


def waves(parts: Sequence[int], size: Callable[[int], int]) -> Iterator[list[int]]:
    """Neighbouring parts, together about `WAVE` episodes."""
    wave: list[int] = []
    total = 0
    for part in parts:
        wave.append(part)
        total += size(part)
        if total >= WAVE:
            yield wave
            wave, total = [], 0
    if wave:
        yield wave


def note_tools(run: RunFolder, tools: ToolSet) -> None:
    """Keep how the tools of the run's stages were described, each once, for exports that write prompts."""
    known = noted_tools(run)
    new = [spec for spec in tools.specs() if spec.name not in {one.name for one in known}]
    if new:
        lines = "".join(spec.model_dump_json() + "\n" for spec in (*known, *new))
        write_atomic(run.path / "tools.jsonl", lines.encode())


def noted_tools(run: RunFolder) -> tuple[ToolSpec, ...]:
    """What `note_tools` kept; none if no stage used tools."""
    path = run.path / "tools.jsonl"
    with boundary(
        InputError,
        f"reading {path}",
        "name them in export.tools and delete it",
        expected=(OSError, ValueError),
    ):
        lines = path.read_text("utf-8").split("\n") if path.exists() else []
        return tuple(ToolSpec.model_validate_json(line) for line in lines if line)
