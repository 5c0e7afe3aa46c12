"""Asking an agent what a folder of results does not hold yet.

What always holds: a run that is started again in its folder asks only what is missing, and a folder that
holds another run is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from deepeyes.agent.agent import Agent
from deepeyes.core.errors import ConfigError
from deepeyes.core.files import write_atomic
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, TraceWriter, read_traces, trace_id
from deepeyes.eval.plan import EvalPlan
from deepeyes.grading.rules import grade

PLAN_FILE = "plan.toml"


async def run_plan(
    plan: EvalPlan,
    agent: Agent,
    folder: Path,
    *,
    concurrency: int = 16,
    on_done: Callable[[Trace], None] | None = None,
) -> list[Trace]:
    """Ask what `folder` does not hold yet; returns all traces of the plan, in the order of its tasks.

    Raises `InputError` for a plan that asks nothing there is, `ConfigError` for a folder of another run.
    """
    plan = plan.checked()
    _claim(folder, plan)
    writer = TraceWriter(folder)
    drawn: list[str] = []

    def tasks() -> Iterator[Task]:
        for task in plan.tasks(writer.images):
            drawn.append(trace_id(task.id))
            yield task

    await agent.run(
        tasks(), images=writer.images, concurrency=concurrency, writer=writer, grade=grade, on_done=on_done
    )
    traces = {trace.id: trace for trace in read_traces(folder)}
    return [traces[key] for key in drawn]


def _claim(folder: Path, plan: EvalPlan) -> None:
    """Write the plan beside its results, or refuse a folder with the results of another."""
    path = folder / PLAN_FILE
    if path.exists():
        there = type(plan).load(path)
        if there.model_copy(update={"n": plan.n}) != plan:
            raise ConfigError(f"{folder} holds another run (see {PLAN_FILE} in it)", "choose another --trace")
    write_atomic(path, plan.dump().encode())
