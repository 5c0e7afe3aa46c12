"""Stages that ask a model: many episodes at once through the agent loop, then a pure judgement of each part.

What always holds: an episode that is in its store with a result is not asked again, so a killed stage goes
on where it was; an episode that failed because of us is asked again, in this start and in the next, and is
never counted as wrong; when too many keep failing, the stage stops with an error before it decides anything,
because a server that is down says nothing about the data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from deepeyes.agent.agent import Agent
from deepeyes.agent.keeping import Grade
from deepeyes.core.actions import ToolSpec
from deepeyes.core.errors import InfrastructureError, InputError, boundary
from deepeyes.core.files import write_atomic
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, trace_id
from deepeyes.data.item import Item, PassRate
from deepeyes.data.run.episodes import EpisodeResult, EpisodeStore
from deepeyes.data.run.folder import RunFolder, StageFolder
from deepeyes.data.run.image_cache import CachedImages, CachingModel, preloaded
from deepeyes.data.stages.probe.probe import Probe
from deepeyes.data.stages.stage import apply, concerns
from deepeyes.data.stages.teach.quality import Checks
from deepeyes.tools.base import ToolSet

EPISODES_AT_ONCE = 8192
"""Episodes that are handed to the agent loop at once: bounds memory, and is long enough that the few at its
end do not count.
"""
OnEpisode = Callable[[Trace], None]


class OpenAgent(Protocol):
    """Opens an agent for the time of a block, as `deepeyes.harness.setup.open_agent` does."""

    def __call__(
        self,
        model: str,
        *,
        tools: bool,
        dialect: str,
        search: Sequence[str],
        limits: Limits,
        sampling: Sampling,
    ) -> AbstractAsyncContextManager[Agent]: ...


OpenGrader = Callable[[], AbstractAsyncContextManager[Grade]]
"""Opens what gives verdicts, for the time of a block."""


@dataclass(frozen=True)
class RetryRounds:
    """How often episodes that failed because of us are asked again. Changes nothing in what comes out."""

    rounds: int = 3
    """Times that they are asked in one start."""
    wait: float = 5.0
    """Seconds before the second round; doubles."""
    tolerated: float = 0.05
    """Share of the questions asked at once that may stay unanswered because of us before the stage stops."""


@dataclass(frozen=True)
class Asking:
    """What the stages of one run that ask a model or teachers need for it. Picklable if what it opens is."""

    run: RunFolder
    open_agent: OpenAgent
    open_grader: OpenGrader
    concurrency: int = 32
    """Episodes in flight."""
    retry: RetryRounds = RetryRounds()
    checks: Checks | None = None
    """Of traces, beside those that need the trace alone."""
    tolerate: tuple[str, ...] = ()
    """Failed checks that `verify` does not mind: an item with such a trial is not tried again."""


class AskingWork(Protocol):
    """A stage that asks, on some parts; each part is written when its episodes are complete."""

    def __call__(self, part: int) -> None: ...

    def episodes(self, parts: Sequence[int]) -> int:
        """The least number of episodes that `parts` take."""
        ...

    async def ask(self, parts: Sequence[int], on_episode: OnEpisode | None = None) -> None: ...


@dataclass(frozen=True)
class ProbeWork:
    """The probe of difficulty or tool benefit (an `AskingWork`)."""

    asking: Asking
    stage: Probe
    source: StageFolder
    target: StageFolder

    def __call__(self, part: int) -> None:
        asyncio.run(self.ask([part]))

    def episodes(self, parts: Sequence[int]) -> int:
        return sum(self._episodes_of(part) for part in parts)

    async def ask(self, parts: Sequence[int], on_episode: OnEpisode | None = None) -> None:
        asking, stage = self.asking, self.stage
        images = CachedImages(asking.run.images)
        opening = asking.open_agent(
            stage.model,
            tools=stage.tools,
            dialect=stage.dialect,
            search=stage.engines,
            limits=stage.limits,
            sampling=stage.sampling,
        )
        async with opening as agent, asking.open_grader() as grade:
            note_tools(asking.run, agent.tools)
            for group in grouped(parts, self._episodes_of):
                read = {part: self._read(part) for part in group}
                tasks = [(item.task, part) for part in group for item in self._asked(read[part])]
                store = EpisodeStore(asking.run, stage.name, {task.id: part for task, part in tasks})
                async with store.syncing():
                    await run_missing(
                        agent,
                        [task for task, _ in tasks],
                        store,
                        images=images,
                        samples=stage.k,
                        asking=asking,
                        grade=grade,
                        on_episode=on_episode,
                    )
                for part in group:
                    await asyncio.to_thread(self._judge, part, read[part], store)

    def _read(self, part: int) -> list[Item]:
        return [item for item in self.source.read(part) if item.kept]

    def _asked(self, items: Sequence[Item]) -> list[Item]:
        return [item for item in items if concerns(self.stage, item)]

    def _episodes_of(self, part: int) -> int:
        return len(self._asked(self._read(part))) * self.stage.k

    def _judge(self, part: int, items: Sequence[Item], store: EpisodeStore) -> None:
        measured: list[Item] = []
        for item in items:
            if concerns(self.stage, item):
                tries = store.results(trace_id(item.id, sample) for sample in range(self.stage.k))
                rate = pass_rate(self.stage.model, tries)
                item = item.model_copy(update={self.stage.measures: rate})
            measured.append(item)
        self.target.write(part, apply(self.stage, measured))


def pass_rate(model: str, tries: Sequence[EpisodeResult]) -> PassRate:
    return PassRate(
        model=model,
        right=sum(one.right for one in tries),
        asked=len(tries),
        unsure=sum(one.unsure for one in tries),
        malformed=sum(one.malformed for one in tries),
        called=sum(one.called for one in tries),
        missed=next((one.missed for one in tries if one.missed), ""),
    )


async def run_missing(
    agent: Agent,
    tasks: Sequence[Task],
    store: EpisodeStore,
    *,
    images: ImageStore,
    samples: int,
    asking: Asking,
    grade: Grade,
    on_episode: OnEpisode | None = None,
) -> None:
    """Run the episodes of `tasks` that the store does not hold, in rounds (see `retry_in_rounds`)."""
    model = CachingModel(agent.model)
    agent = replace(agent, model=model)

    async def ask(missing: Sequence[Task]) -> None:
        await agent.run(
            preloaded(missing, images, model.vision),
            images=images,
            samples=samples,
            concurrency=asking.concurrency,
            writer=store,
            grade=grade,
            on_done=on_episode,
        )

    await retry_in_rounds(ask, tasks, store, range(samples), asking.retry)


async def retry_in_rounds(
    ask: Callable[[Sequence[Task]], Awaitable[None]],
    tasks: Sequence[Task],
    store: EpisodeStore,
    samples: Sequence[int],
    retry: RetryRounds,
) -> None:
    """`ask` for those of `tasks` of which the store lacks one of `samples`, until nothing of ours fails or
    the rounds are used up.

    Raises `InfrastructureError` if more tasks stay incomplete than `retry` tolerates; its notes say what
    failed and how often.
    """
    wait = retry.wait
    missing = list(tasks)
    for round_ in range(retry.rounds):
        await ask(missing)
        missing = [
            task
            for task in missing
            if len(store.results(trace_id(task.id, sample) for sample in samples)) < len(samples)
        ]
        if not missing:
            return
        if round_ < retry.rounds - 1:
            await asyncio.sleep(wait)
            wait *= 2
    if len(missing) > retry.tolerated * len(tasks):
        of, waiting = f"{len(missing)} of {len(tasks)} questions", store.awaiting_verdict()
        lacking = [trace_id(task.id, sample) for task in missing for sample in samples]
        if any(key in waiting for key in lacking):
            error = InfrastructureError(
                f"{of} have no verdict after {retry.rounds} rounds",
                "see that the judges (grading.judges) are up; the same command goes on, and what has an "
                "answer is not asked again",
            )
        else:
            error = InfrastructureError(
                f"{of} could not be asked in {retry.rounds} rounds",
                "see that model and tools are up (deepeyes doctor); the same command goes on",
            )
        for cause in store.causes(lacking):
            error.add_note(cause)
        raise error


def grouped(parts: Sequence[int], size: Callable[[int], int]) -> Iterator[list[int]]:
    """Neighbouring parts, together about `EPISODES_AT_ONCE` episodes."""
    group: list[int] = []
    total = 0
    for part in parts:
        group.append(part)
        total += size(part)
        if total >= EPISODES_AT_ONCE:
            yield group
            group, total = [], 0
    if group:
        yield group


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
