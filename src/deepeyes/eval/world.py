"""The agent on the embedded world: which share does it get right, and how does it use its tools?

What always holds: another seed draws other tasks of the same split; an episode that failed because of us is
counted and shown, never scored; a run that is started again in its folder asks only what is missing, and a
folder that holds another run is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from deepeyes.agent.many import run_many
from deepeyes.core.config import Config
from deepeyes.core.errors import ConfigError, InputError
from deepeyes.core.images import ImageStore, write_atomic
from deepeyes.core.limits import Limits
from deepeyes.core.trace import Trace, TraceWriter, read_traces, trace_id
from deepeyes.dialects.base import Dialect
from deepeyes.eval.crops import CropFinder, contains
from deepeyes.eval.stats import median, share, wilson
from deepeyes.grading.rules import grade
from deepeyes.models.base import ChatModel
from deepeyes.tools.base import ToolSet
from deepeyes.world import FAMILIES
from deepeyes.world.strings import SPLITS
from deepeyes.world.tasks import world_tasks

PLAN_FILE = "plan.toml"


class WorldPlan(Config):
    """What is asked of whom. `n` may grow between two starts of a run; nothing else may change."""

    families: tuple[str, ...]
    split: str = "test"
    seed: int = 0
    n: int = 500
    model: str = "nano"
    tools: bool = True
    dialect: str = ""
    """Empty for the model's own."""
    temperature: float = 0.0
    limits: Limits = Limits()
    search: tuple[str, ...] = ()
    """What the model may search, as in `deepeyes ask --search`."""

    def checked(self) -> WorldPlan:
        """Itself; raises `InputError` for a family or split that does not exist."""
        unknown = [family for family in self.families if family not in FAMILIES]
        if unknown or not self.families:
            raise InputError(f"there is no family {', '.join(unknown)!r}", f"use {', '.join(FAMILIES)}")
        if self.split not in SPLITS:
            raise InputError(f"there is no split {self.split!r}", f"use {', '.join(SPLITS)}")
        if self.n < len(self.families):
            raise InputError(
                f"{self.n} tasks are fewer than one a family", f"use --n {len(self.families)} or more"
            )
        return self


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


def world_report(traces: Sequence[Trace], images: ImageStore) -> dict[str, Any]:
    """One flat object of numbers about graded episodes.

    `accuracy` with its Wilson interval `ci95` is over the `n` episodes that are results; `tool_call_rate` is
    the share of them with at least one tool call; `crop_hit_rate` is the share, of those that called a tool
    and whose truth box is known, in which one of the returned pictures contains that box. A returned picture
    whose place cannot be told (rotated, stretched, drawn on) is not a hit; `crops_unlocated` counts the
    episodes without any located one. `seconds_per_episode` is the median wall clock. With several families
    each has its own accuracy and tool-call rate.
    """
    scored = [trace for trace in traces if trace.stop_reason.is_result]
    right = sum(is_right(trace) for trace in scored)
    looked = [trace for trace in scored if trace.tool_turns and truth_box(trace) and trace.task.images]
    hits = [crop_hit(trace, images) for trace in looked]
    report: dict[str, Any] = {
        "n": len(scored),
        "accuracy": _rounded(share(right, len(scored))),
        "ci95": [_rounded(side) for side in wilson(right, len(scored))],
        "tool_call_rate": _rounded(share(sum(bool(t.tool_turns) for t in scored), len(scored))),
        "crop_hit_rate": _rounded(share(sum(hit is True for hit in hits), len(hits))),
        "crops_unlocated": sum(hit is None for hit in hits),
        "stop_reasons": dict(Counter(trace.stop_reason.value for trace in traces).most_common()),
        "seconds_per_episode": _rounded(median([trace.seconds for trace in scored]), 3),
        "infrastructure_errors": len(traces) - len(scored),
    }
    families = list(dict.fromkeys(trace.task.family for trace in traces))
    for family in families if len(families) > 1 else []:
        its = [trace for trace in scored if trace.task.family == family]
        report[f"accuracy_{family}"] = _rounded(share(sum(is_right(trace) for trace in its), len(its)))
        called = sum(bool(trace.tool_turns) for trace in its)
        report[f"tool_call_rate_{family}"] = _rounded(share(called, len(its)))
    return report


def is_right(trace: Trace) -> bool:
    return trace.verdict is not None and trace.verdict.score >= 0.5


def truth_box(trace: Trace) -> tuple[float, float, float, float] | None:
    """The box of what was asked about, in pixels of the first picture, if its maker told."""
    box = trace.task.truth.get("box")
    if not isinstance(box, list | tuple) or len(cast("Sequence[Any]", box)) != 4:
        return None
    left, top, right, bottom = (float(side) for side in cast("Sequence[Any]", box))
    return left, top, right, bottom


def crop_hit(trace: Trace, images: ImageStore) -> bool | None:
    """Whether a returned picture contains the truth box; None if none of them could be placed."""
    truth = truth_box(trace)
    returned = [part.ref for turn in trace.tool_turns if turn.observation for part in turn.observation.images]
    if truth is None or not returned:
        return False
    finder = CropFinder(images.get(trace.task.images[0]))
    places = [place for ref in returned if (place := finder.find(images.get(ref))) is not None]
    if not places:
        return None
    return any(contains(place.box, truth, place.tolerance) for place in places)


def _claim(folder: Path, plan: WorldPlan) -> None:
    """Write the plan beside its results, or refuse a folder with the results of another."""
    path = folder / PLAN_FILE
    if path.exists():
        there = WorldPlan.load(path)
        if there.model_copy(update={"n": plan.n}) != plan:
            raise ConfigError(f"{folder} holds another run (see {PLAN_FILE} in it)", "choose another --trace")
    write_atomic(path, plan.dump().encode())


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)
