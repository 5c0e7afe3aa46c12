"""Asking an agent what a folder of results does not hold yet.

What always holds: a run that is started again in its folder asks only what is missing, and a folder that
holds another run is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepeyes.agent.many import run_many
from deepeyes.core.errors import ConfigError
from deepeyes.core.files import write_atomic
from deepeyes.core.trace import Trace, TraceWriter, read_traces, trace_id
from deepeyes.dialects.base import Dialect
from deepeyes.eval.world import WorldPlan
from deepeyes.grading.rules import grade
from deepeyes.models.base import ChatModel
from deepeyes.tools.base import ToolSet
from deepeyes.world.tasks import world_tasks

PLAN_FILE = "plan.toml"


async def run_world(
    plan: WorldPlan,
    model: ChatModel,
    tools: ToolSet,
    folder: Path,
    *,
    dialect: Dialect | None = None,
    concurrency: int = 16,
    on_done: Callable[[Trace], None] | None = None,
) -> list[Trace]:
    """Ask what `folder` does not hold yet; returns all traces of the plan, in the order of its tasks."""
    plan = plan.checked()
    _claim(folder, plan)
    writer = TraceWriter(folder)
    drawn: list[str] = []

    def tasks() -> Any:
        for task in world_tasks(list(plan.families), plan.split, plan.seed, plan.n, writer.images):
            drawn.append(trace_id(task.id))
            yield task

    await run_many(
        tasks(),
        model,
        tools,
        images=writer.images,
        dialect=dialect,
        limits=plan.limits,
        seed=plan.seed,
        temperature=plan.temperature,
        concurrency=concurrency,
        writer=writer,
        grade=grade,
        on_done=on_done,
    )
    traces = {trace.id: trace for trace in read_traces(folder)}
    return [traces[key] for key in drawn]


def _claim(folder: Path, plan: WorldPlan) -> None:
    """Write the plan beside its results, or refuse a folder with the results of another."""
    path = folder / PLAN_FILE
    if path.exists():
        there = WorldPlan.load(path)
        if there.model_copy(update={"n": plan.n}) != plan:
            raise ConfigError(f"{folder} holds another run (see {PLAN_FILE} in it)", "choose another --trace")
    write_atomic(path, plan.dump().encode())
