"""Whether a model calls tools where they are needed: how often it calls and how often it is right, by what a
question takes (how legible a sign is, how many tools a chain needs), and how both changed between two models.

What always holds: only results count; shares have an interval that respects what belongs together; a change
is that of the same questions and samples, and what only one run has is counted and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from deepeyes.analysis.stats import (
    Estimate,
    bootstrap_difference,
    bootstrap_mean,
    cluster_mean,
    paired_difference,
)
from deepeyes.analysis.summary import group_of
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace

Label = Callable[[Task], str]
"""What a question takes, in a word; empty where nobody says."""


@dataclass(frozen=True)
class Rung:
    """The episodes of questions that take the same."""

    call_rate: Estimate
    """Share of episodes with a call."""
    calls: Estimate
    """Calls an episode."""
    accuracy: Estimate
    tokens: Estimate
    """Tokens written an episode."""

    @classmethod
    def of(cls, traces: Sequence[Trace]) -> Rung:
        groups = [group_of(trace.task) for trace in traces]
        return cls(
            call_rate=cluster_mean([float(bool(trace.tool_turns)) for trace in traces], groups),
            calls=bootstrap_mean([float(len(trace.tool_turns)) for trace in traces], groups),
            accuracy=cluster_mean([float(trace.is_right) for trace in traces], groups),
            tokens=bootstrap_mean([float(trace.usage.completion_tokens) for trace in traces], groups),
        )

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name).told() for name in ("call_rate", "calls", "accuracy", "tokens")}


@dataclass(frozen=True)
class Change:
    """After less before, on the same questions and samples."""

    call_rate: Estimate
    calls: Estimate
    accuracy: Estimate
    tokens: Estimate
    call_rate_ratio: float | None
    """The share with a call after over that before; one half is "halved". None where none was called."""
    unmatched: int
    """Episodes that only one of the two has."""

    @classmethod
    def of(cls, before: Mapping[Any, Trace], after: Mapping[Any, Trace]) -> Change:
        both = [(after[key], before[key]) for key in before if key in after]
        groups = [group_of(new.task) for new, _ in both]

        def values(of: Callable[[Trace], float]) -> tuple[list[float], list[float]]:
            return [float(of(new)) for new, _ in both], [float(of(old)) for _, old in both]

        called = values(lambda trace: bool(trace.tool_turns))
        return cls(
            call_rate=paired_difference(*called, groups),
            calls=bootstrap_difference(*values(lambda trace: len(trace.tool_turns)), groups),
            accuracy=paired_difference(*values(lambda trace: trace.is_right), groups),
            tokens=bootstrap_difference(*values(lambda trace: trace.usage.completion_tokens), groups),
            call_rate_ratio=sum(called[0]) / sum(called[1]) if sum(called[1]) else None,
            unmatched=len(before) + len(after) - 2 * len(both),
        )

    def told(self) -> dict[str, Any]:
        """As JSON."""
        ratio = self.call_rate_ratio
        return {
            **{name: getattr(self, name).told() for name in ("call_rate", "calls", "accuracy", "tokens")},
            "call_rate_ratio": None if ratio is None else round(ratio, 4),
            "unmatched": self.unmatched,
        }


def adaptivity(traces: Iterable[Trace], label: Label) -> dict[str, Rung]:
    """By label, in the order of their first appearance; questions without one are left out."""
    return {name: Rung.of(its) for name, its in _labelled(traces, label).items()}


def changes(before: Iterable[Trace], after: Iterable[Trace], label: Label) -> dict[str, Change]:
    """By label, those of `before` first."""
    old, new = _labelled(before, label), _labelled(after, label)
    return {
        name: Change.of(_by_episode(old.get(name, ())), _by_episode(new.get(name, ())))
        for name in {**old, **new}
    }


def label_by(name: str, edges: Sequence[float] = ()) -> Label:
    """The label that is a field of the task ("kind", "family", "split") or a value of its `truth` or `meta`.
    A number falls between two `edges`: below the first, from one up to the next, from the last on.
    """

    def label(task: Task) -> str:
        value = getattr(task, name) if name in ("kind", "family", "split") else None
        value = value if value is not None else task.truth.get(name, task.meta.get(name))
        if isinstance(value, int | float) and not isinstance(value, bool) and edges:
            return _between(value, sorted(edges))
        return "" if value is None else str(value)

    return label


def _between(value: float, edges: Sequence[float]) -> str:
    if value < edges[0]:
        return f"below {edges[0]:g}"
    inside = (f"{low:g} to {high:g}" for low, high in pairwise(edges) if low <= value < high)
    return next(inside, f"from {edges[-1]:g}")


def _labelled(traces: Iterable[Trace], label: Label) -> dict[str, list[Trace]]:
    found: dict[str, list[Trace]] = {}
    for trace in traces:
        if trace.stop_reason.is_result and (name := label(trace.task)):
            found.setdefault(name, []).append(trace)
    return found


def _by_episode(traces: Iterable[Trace]) -> dict[tuple[str, int], Trace]:
    return {(trace.task.id, trace.sample): trace for trace in traces}
