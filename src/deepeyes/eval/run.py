"""Asking an agent what a folder of results does not hold yet.

What always holds: a run that is started again in its folder asks only what is missing; a folder that holds
another run is refused, and so is one in which another process is at work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from deepeyes.agent.agent import Agent
from deepeyes.core.claim import claim, hold
from deepeyes.core.errors import StorageError, boundary
from deepeyes.core.task import Task
from deepeyes.core.trace import TRACES_FILE, Trace, TraceWriter, read_traces, trace_id
from deepeyes.eval.plan import EvalPlan
from deepeyes.eval.runs import PLAN_FILE
from deepeyes.grading.grader import open_grader

FREE = ("n", "samples")
"""Settings that may grow between two starts."""
JUDGED_FILE = "judged.sqlite"
"""What judges said, where the plan names no other file."""


async def run_plan(
    plan: EvalPlan,
    agent: Agent,
    folder: Path,
    *,
    concurrency: int = 16,
    fresh: bool = False,
    on_done: Callable[[Trace], None] | None = None,
) -> list[Trace]:
    """Ask what `folder` does not hold yet (all, if `fresh`); all traces of the plan, in its tasks' order.

    Raises `InputError` for a plan that asks nothing there is, `ConfigError` for a folder with another run,
    `StorageError` where another process is at work.
    """
    plan = plan.checked()
    with hold(folder):
        if fresh:
            with boundary(StorageError, f"clearing {folder}", "check the folder's permissions"):
                for stale in (TRACES_FILE, PLAN_FILE):
                    (folder / stale).unlink(missing_ok=True)
        claim(folder / PLAN_FILE, plan, free=FREE, remedy="choose another --trace")
        writer = TraceWriter(folder)
        drawn: list[str] = []

        def tasks() -> Iterator[Task]:
            for task in plan.tasks(writer.images):
                drawn.extend(trace_id(task.id, sample) for sample in range(plan.samples))
                yield task

        async with open_grader(plan.grading, cache=folder / JUDGED_FILE) as grade:
            await agent.run(
                tasks(),
                images=writer.images,
                samples=plan.samples,
                concurrency=concurrency,
                writer=writer,
                grade=grade,
                on_done=on_done,
            )
        traces = {trace.id: trace for trace in read_traces(folder)}
        return [traces[key] for key in drawn]
