"""Several runs set side by side: each by itself, what tools added, and how the runs differ.

What always holds: runs are compared only on questions that both answered; every difference has its interval
and a p-value that is corrected for how many were looked at; what cannot be told of a run (its plan is of
another version, an image is gone) is said and costs nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from deepeyes.analysis.behaviour import Behaviour, behaviour
from deepeyes.analysis.failures import FailureGroup, failure_groups
from deepeyes.analysis.gain import Outcomes, ToolGain, tool_gain
from deepeyes.analysis.stats import holm
from deepeyes.analysis.summary import Summary, summarise
from deepeyes.core.errors import DeepEyesError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import Limits
from deepeyes.core.trace import Trace
from deepeyes.eval.plan import EvalPlan
from deepeyes.eval.registry import benchmark_named
from deepeyes.eval.runs import Run

MOST_DIFFERENCES = 60
"""Pairs of runs that are compared; there is no table for more."""
_NO_MATTER = ("tools", "search")
"""Settings in which a run with tools and the same without may differ."""


@dataclass(frozen=True, eq=False)
class Reported:
    """One run."""

    run: Run
    traces: list[Trace]
    summary: Summary
    behaviours: dict[str, Behaviour]
    failures: list[FailureGroup]
    numbers: dict[str, Any]
    """What the benchmark itself counts, such as its official score."""

    @property
    def images(self) -> ImageStore:
        return self.run.images


@dataclass(frozen=True)
class Gain:
    """The same model with its tools and without."""

    with_tools: Reported
    without_tools: Reported
    gain: ToolGain


@dataclass(frozen=True)
class Difference:
    """Two runs on the questions that both answered: `outcomes` counts the first as the one with tools."""

    one: Reported
    other: Reported
    outcomes: Outcomes
    p: float
    """Corrected for the number of comparisons (Holm)."""


@dataclass(frozen=True)
class Comparison:
    """Everything that a report tells."""

    runs: list[Reported]
    gains: list[Gain]
    differences: list[Difference]
    problems: list[str]
    """What could not be told, in sentences."""

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "runs": [
                {
                    "run": one.run.label,
                    "benchmark": one.run.benchmark,
                    "model": one.run.model,
                    "tools": one.run.tools,
                    **one.summary.told(),
                    "behaviour": {name: of.told() for name, of in one.behaviours.items()},
                    "failures": {group.name: len(group.traces) for group in one.failures},
                    **({"official": one.numbers} if one.numbers else {}),
                }
                for one in self.runs
            ],
            "paired": [
                {
                    "with_tools": one.with_tools.run.label,
                    "without_tools": one.without_tools.run.label,
                    **one.gain.told(),
                }
                for one in self.gains
            ],
            "differences": [
                {
                    "one": one.one.run.label,
                    "other": one.other.run.label,
                    **one.outcomes.told(),
                    "p_corrected": float(f"{one.p:.3g}"),
                }
                for one in self.differences
            ],
            "problems": self.problems,
        }


def compare(runs: Sequence[Run]) -> Comparison:
    """Read the runs and set them side by side. A run whose traces cannot be read is told and left out."""
    problems: list[str] = []
    reported: list[Reported] = []
    for run in runs:
        try:
            reported.append(_reported(run, problems))
        except DeepEyesError as error:
            problems.append(f"{run.label} is left out: {error}")
    pairs = _pairs(reported)
    gains = [Gain(one, other, tool_gain(one.traces, other.traces)) for one, other in pairs]
    return Comparison(reported, gains, _differences(reported, pairs, problems), problems)


def _reported(run: Run, problems: list[str]) -> Reported:
    traces = list(run.traces())
    numbers: dict[str, Any] = {}
    plan = _plan(run)
    if plan is not None:
        numbers = plan.numbers(traces)
    elif run.benchmark:
        problems.append(f"{run.label}: its plan is of another version, so its official score is not told")
    waiting = sum(trace.awaits_verdict for trace in traces)
    if waiting:
        problems.append(
            f"{run.label}: {waiting} answers wait for a verdict: start the run again to grade them"
        )
    return Reported(
        run, traces, summarise(traces), behaviour(traces), failure_groups(traces, run.images), numbers
    )


def _plan(run: Run) -> EvalPlan | None:
    """The run's plan as its benchmark reads it; None if it has none or is of another version."""
    if not run.benchmark:
        return None
    try:
        kind = benchmark_named(run.benchmark)
        return kind.model_validate({**run.plan, "limits": run.plan.get("limits", Limits().model_dump())})
    except (DeepEyesError, ValueError):
        return None


def _pairs(reported: Sequence[Reported]) -> list[tuple[Reported, Reported]]:
    """Runs that differ in their tools alone: (with, without)."""
    without: dict[str, Reported] = {}
    for one in reported:
        if one.run.tools is False:
            without.setdefault(_but_for_tools(one), one)
    aided = [one for one in reported if one.run.tools]
    return [(one, without[key]) for one in aided if (key := _but_for_tools(one)) in without]


def _but_for_tools(one: Reported) -> str:
    return repr(sorted((key, value) for key, value in one.run.plan.items() if key not in _NO_MATTER))


def _differences(
    reported: Sequence[Reported], told: Sequence[tuple[Reported, Reported]], problems: list[str]
) -> list[Difference]:
    """Between runs of one benchmark, but for the pairs whose difference is `told` as what tools added."""
    pairs = [
        (one, other)
        for one, other in combinations(reported, 2)
        if one.run.benchmark == other.run.benchmark
        and (one, other) not in told
        and (other, one) not in told
        and _shared(one, other)
    ]
    if len(pairs) > MOST_DIFFERENCES:
        problems.append(f"{len(pairs)} pairs of runs are too many for a table: report fewer at once")
        return []
    outcomes = [tool_gain(one.traces, other.traces).all for one, other in pairs]
    corrected = holm([one.p for one in outcomes])
    return [
        Difference(one, other, outcome, p)
        for (one, other), outcome, p in zip(pairs, outcomes, corrected, strict=True)
        if outcome.n
    ]


def _shared(one: Reported, other: Reported) -> bool:
    ids = {(trace.task.id, trace.sample) for trace in one.traces}
    return any((trace.task.id, trace.sample) in ids for trace in other.traces)
