"""Many episodes: a bounded number in flight, each written when it ends, none waiting for another.

What always holds: an episode that is already in the writer's folder with a result is not run again;
episodes that were interrupted or met a failure of ours are; a bug or a mistake of the user in one episode
stops the run and comes out as itself, after every other episode in flight has left its partial trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from hashlib import sha256
from typing import TypeVar

from deepeyes.agent.events import OnEvent
from deepeyes.agent.loop import run_episode
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import Limits
from deepeyes.core.task import Task
from deepeyes.core.trace import EpisodeWriter, Trace, Verdict, trace_id
from deepeyes.dialects.base import Dialect
from deepeyes.models.base import ChatModel
from deepeyes.tools.base import ToolSet

T = TypeVar("T")
Grade = Callable[[Task, str | None], Verdict]


async def run_many(
    tasks: Iterable[Task],
    model: ChatModel,
    tools: ToolSet,
    *,
    images: ImageStore,
    dialect: Dialect | None = None,
    limits: Limits = Limits(),
    seed: int = 0,
    samples: int = 1,
    temperature: float = 0.0,
    concurrency: int = 8,
    writer: EpisodeWriter | None = None,
    grade: Grade | None = None,
    on_done: Callable[[Trace], None] | None = None,
    on_event: OnEvent | None = None,
) -> list[Trace]:
    """Run `samples` episodes a task, at most `concurrency` at once; returns those run now, as they end.

    `tasks` is drawn lazily. With a `writer`, done episodes are skipped, `images` is only read, and tool
    pictures go to the writer's folder; without one they go to `images`. `grade` puts a verdict on every
    episode that is a result. Raises what `run_episode` raises.
    """
    done = writer.done_ids() if writer is not None else set[str]()
    jobs = ((t, s) for t in tasks for s in range(samples) if trace_id(t.id, s) not in done)
    finished: list[Trace] = []

    async def work(job: tuple[Task, int]) -> None:
        task, sample = job
        store = ImageStore(None, parent=images) if writer is not None else images
        verdicts: list[Trace] = []
        await run_episode(
            task,
            model,
            tools,
            images=store,
            dialect=dialect,
            limits=limits,
            seed=episode_seed(seed, task.id, sample),
            sample=sample,
            temperature=temperature,
            on_event=on_event,
            keep=partial(_keep, writer=writer, store=store, grade=grade, into=verdicts),
        )
        finished.extend(verdicts)
        if on_done is not None:
            on_done(verdicts[-1])

    await at_most(concurrency, jobs, work)
    return finished


async def at_most(concurrency: int, jobs: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
    """`work` on every one of `jobs`, drawn lazily, so many at once; what stops it comes out as itself."""
    waiting = iter(jobs)

    async def worker() -> None:
        for job in waiting:
            await work(job)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, concurrency)):
                group.create_task(worker())
    except BaseExceptionGroup as group_error:
        raise _first(group_error) from None


def episode_seed(seed: int, task_id: str, sample: int) -> int:
    """A seed of 31 bits that depends on nothing but its arguments, so order and resuming do not matter."""
    digest = sha256(f"{seed}/{task_id}/{sample}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def _keep(
    trace: Trace, *, writer: EpisodeWriter | None, store: ImageStore, grade: Grade | None, into: list[Trace]
) -> None:
    if grade is not None and trace.stop_reason.is_result:
        trace = trace.graded(grade(trace.task, trace.answer))
    if writer is not None:
        writer.write(trace, store)
    into.append(trace)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first real error: what stopped the run, not what the stop did to others."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error  # pyright: ignore[reportUnknownArgumentType]
