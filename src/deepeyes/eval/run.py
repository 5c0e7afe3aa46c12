"""Asking an agent what a folder of results does not hold yet.

What always holds: a run that is started again in its folder asks only what is missing; a folder that holds
another run, or another question under the same id, is refused, and so is one in which another process is at
work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from deepeyes.agent.agent import Agent
from deepeyes.core.claim import claim, hold
from deepeyes.core.errors import ConfigError, InputError, StorageError, boundary
from deepeyes.core.task import Task, same_question
from deepeyes.core.trace import IMAGES_FOLDER, TRACES_FILE, Trace, TraceWriter, read_traces, trace_id
from deepeyes.data.run.image_cache import CachedImages, CachingModel
from deepeyes.eval.plan import EvalPlan
from deepeyes.eval.runs import PLAN_FILE
from deepeyes.grading.grader import open_grader

FREE = ("n", "samples", "skip")
"""Settings that may differ between two starts."""
JUDGED_FILE = "judged.sqlite"
"""What judges said, where the plan names no other file."""
_ANOTHER = "choose another --trace"


async def run_plan(
    plan: EvalPlan,
    agent: Agent,
    folder: Path,
    *,
    concurrency: int = 16,
    fresh: bool = False,
    on_kept: Callable[[list[Trace]], None] | None = None,
    on_done: Callable[[Trace], None] | None = None,
) -> list[Trace]:
    """Ask what `folder` does not hold yet (all, if `fresh`); all traces of the plan, in its tasks' order.

    `on_kept` is told first which results the folder holds already, at most as many as there are to ask.

    Raises `InputError` for a plan that asks nothing there is or two questions under one id, `ConfigError` for
    a folder with another run, `StorageError` where another process is at work.
    """
    plan = plan.checked()
    with hold(folder):
        if fresh:
            with boundary(StorageError, f"clearing {folder}", "check the folder's permissions"):
                for stale in (TRACES_FILE, PLAN_FILE):
                    (folder / stale).unlink(missing_ok=True)
        claim(folder / PLAN_FILE, plan, free=FREE, remedy=_ANOTHER)
        writer = TraceWriter(folder, CachedImages(folder / IMAGES_FOLDER))
        traces: dict[str, Trace] = {}
        if writer.path.exists():
            traces = {trace.id: trace for trace in read_traces(folder)}
        if on_kept is not None:
            kept = (trace for trace in traces.values() if trace.stop_reason.is_result)
            on_kept(list(islice(kept, plan.n * plan.samples)))
        drawn: dict[str, None] = {}

        def tasks() -> Iterator[Task]:
            for task in plan.tasks(writer.images):
                ids = [trace_id(task.id, sample) for sample in range(plan.samples)]
                if ids[0] in drawn:
                    raise InputError(f"two tasks have the id {task.id!r}", "give each task its own")
                for asked in (traces[one].task for one in ids if one in traces):
                    if not same_question(asked, task):
                        raise ConfigError(f"{folder} holds another question {task.id!r}", _ANOTHER)
                drawn.update(dict.fromkeys(ids))
                yield task

        async with open_grader(plan.grading, cache=folder / JUDGED_FILE) as grade:
            await replace(agent, model=CachingModel(agent.model)).run(
                tasks(),
                images=writer.images,
                samples=plan.samples,
                concurrency=concurrency,
                writer=writer,
                grade=grade,
                on_done=on_done,
                drawn_in_thread=True,
            )
        traces = {trace.id: trace for trace in read_traces(folder)}
        return [traces[key] for key in drawn]
