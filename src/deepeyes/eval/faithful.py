"""Does a right answer survive when what the tools brought back is changed?

Lives the right episodes of a run again (`counterfactual` says which and how, `replay` how that is done) and
keeps the new episodes as a run of their own. What always holds: a run that is started again in its folder
lives only what is missing; the run that is looked at is only read; a failure of ours is counted and never a
survival.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from deepeyes.agent.agent import Agent
from deepeyes.agent.many import at_most
from deepeyes.analysis.faithfulness import META, Survival, seen_facts, survivals
from deepeyes.core.claim import claim, hold
from deepeyes.core.config import Config
from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import Trace, TraceWriter, read_traces, trace_id
from deepeyes.eval.counterfactual import Counterfactual, counterfactuals
from deepeyes.eval.replay import ReplayedTools, replaying
from deepeyes.eval.run import JUDGED_FILE
from deepeyes.eval.runs import PLAN_FILE, Run
from deepeyes.grading.grader import Grading, open_grader
from deepeyes.harness.setup import Tell, open_agent
from deepeyes.tools.registry import TOOLS


class FaithfulPlan(Config):
    """What is lived again, and by whom."""

    benchmark: str = "faithful"
    run: str
    """The folder of the run that is looked at."""
    model: str
    n: int = Field(default=200, ge=1)
    """How many right episodes at most, the first ones."""
    dialect: str = ""
    """Empty for that of the episodes."""
    search: tuple[str, ...] = ()
    """What may be searched after the record, as in `deepeyes ask --search`."""
    grading: Grading = Grading()


@dataclass(frozen=True)
class Lived:
    """The counterfactual episodes of a run, and what the run shows by itself."""

    traces: list[Trace]
    original: list[Trace]
    images: ImageStore
    """Of the run that was looked at."""
    without_other: int
    """Results for which there was no other question's to put in their place."""
    reworded: int
    """Episodes whose opening reads otherwise today, so that the model was not told the same."""

    def survivals(self) -> list[Survival]:
        return survivals(self.traces)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        seen = seen_facts(self.original, self.images)
        return {
            "episodes": len({trace.task.meta[META]["of"] for trace in self.traces}),
            "counterfactuals": len(self.traces),
            "without_other": self.without_other,
            "reworded": self.reworded,
            "seen": {tool: one.told() for tool, one in seen.items()},
            "survived": [one.told() for one in self.survivals()],
        }


async def live_again(
    plan: FaithfulPlan,
    run: Run,
    folder: Path,
    *,
    concurrency: int = 8,
    tell: Tell,
    on_done: Callable[[int], None] | None = None,
) -> Lived:
    """Live in `folder` what it does not hold yet; `on_done` is told after each how many there are in all.

    Raises `InputError` where no episode can be tried, `ConfigError` for a folder with another run, and what
    `open_agent` and `Agent.run` raise.
    """
    original = list(run.traces())
    jobs = list(counterfactuals(original, plan.n))
    if not jobs:
        raise InputError(
            f"{run.folder} holds no right answer after a tool call", "give a run of an agent with tools"
        )
    with hold(folder):
        claim(folder / PLAN_FILE, plan, free=("n",), remedy="choose another --out")
        writer = _Writer(TraceWriter(folder))
        dialect = plan.dialect or jobs[0].trace.dialect
        async with (
            open_agent(
                plan.model, tools=sorted(needed(jobs)), dialect=dialect, search=plan.search, tell=tell
            ) as agent,
            open_grader(plan.grading, cache=folder / JUDGED_FILE, tell=tell) as grade,
        ):

            async def live(job: Counterfactual) -> None:
                if trace_id(job.task.id) not in writer.done_ids():
                    again = await asyncio.to_thread(_agent, job, agent, run.images)
                    await again.run([job.task], images=run.images, writer=writer, grade=grade)
                if on_done is not None:
                    on_done(len(jobs))

            await at_most(concurrency, jobs, live)
        lived = {trace.id: trace for trace in read_traces(folder)}
    return Lived(
        traces=[lived[trace_id(job.task.id)] for job in jobs],
        original=original,
        images=run.images,
        without_other=_without_other(jobs),
        reworded=_reworded(lived, jobs),
    )


def _agent(job: Counterfactual, agent: Agent, images: ImageStore) -> Agent:
    """The one that lives this episode, within its limits and drawing its replies as it did."""
    trace = job.trace
    found = replace(agent, limits=trace.limits, sampling=trace.sampling)
    tools = ReplayedTools(trace.tools, job.results(images), agent.tools, live=job.live)
    return replaying(found, job.turns, tools)


def needed(jobs: Iterable[Counterfactual]) -> set[str]:
    """The tools that must be open: those that an episode called after the point from which it is lived
    again. Tools of somebody's own are not opened.
    """
    return {tool for job in jobs for tool in job.called_later if tool in TOOLS}


def _without_other(jobs: Sequence[Counterfactual]) -> int:
    changes = Counter(job.change for job in jobs)
    return changes["kept"] - changes["replaced"]


def _reworded(lived: Mapping[str, Trace], jobs: Sequence[Counterfactual]) -> int:
    kept = [job for job in jobs if job.change == "kept"]
    return sum(
        [message.text for message in lived[trace_id(job.task.id)].opening]
        != [message.text for message in job.trace.opening]
        for job in kept
    )


class _Writer:
    """Writes through, and reads what is done once for all the agents that write here."""

    def __init__(self, writer: TraceWriter) -> None:
        self._writer = writer
        self._done, self._waiting = writer.done_ids(), writer.awaiting_verdict()

    @property
    def images(self) -> ImageStore:
        return self._writer.images

    def write(self, trace: Trace, images: ImageStore | None = None) -> None:
        self._writer.write(trace, images)

    def done_ids(self) -> set[str]:
        return self._done

    def awaiting_verdict(self) -> Mapping[str, Trace]:
        return self._waiting
