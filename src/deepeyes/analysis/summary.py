"""How good an agent was: shares of right answers with what makes them sure or unsure.

What always holds: an episode that failed because of us is counted and never scored; where nobody can tell
whether an answer is right, the share is a range, from none of them right to all; samples of a task, and tasks
that share a `group`, are not counted as independent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deepeyes.analysis.stats import Estimate, cluster_mean, pass_at_k, pass_hat_k
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace


def group_of(task: Task) -> Hashable:
    """What results of `task` are not independent of: its group, or else the task itself (its samples)."""
    return ("group", task.group) if task.group else ("task", task.id)


def is_undecided(trace: Trace) -> bool:
    """Whether nobody can tell, or nobody has yet told, if a result is right."""
    return trace.is_unsure or (trace.verdict is None and trace.answer is not None)


@dataclass(frozen=True)
class Row:
    """The results of one label, or all of them."""

    accuracy: Estimate
    """What is undecided counts as not right."""
    accuracy_at_most: Estimate
    """What is undecided counts as right."""
    undecided: int

    @classmethod
    def of(cls, results: Sequence[Trace]) -> Row:
        groups = [group_of(trace.task) for trace in results]
        right = [float(trace.is_right) for trace in results]
        most = [float(trace.is_right or is_undecided(trace)) for trace in results]
        undecided = sum(map(is_undecided, results))
        return cls(cluster_mean(right, groups), cluster_mean(most, groups), undecided)

    @property
    def n(self) -> int:
        """Episodes that are results."""
        return self.accuracy.n

    @property
    def ci95(self) -> tuple[float, float]:
        """Where the share is, whichever way the undecided ones would be decided."""
        return self.accuracy.low, self.accuracy_at_most.high

    def told(self) -> dict[str, Any]:
        """As JSON."""
        told = {**self.accuracy.told(), "ci95": [round(side, 4) for side in self.ci95]}
        return {**told, "undecided": self.undecided, "at_most": self.accuracy_at_most.told()["value"]}


@dataclass(frozen=True)
class Summary:
    """A run, or any graded traces."""

    all: Row
    families: dict[str, Row]
    kinds: dict[str, Row]
    tags: dict[str, Row]
    """A task with several tags is in a row of each; one that has none is in no row. So for `kinds`."""
    score: Estimate | None
    """Mean score, where a benchmark gives partial credit; what is undecided counts as 0."""
    tasks: int
    samples: int
    """The most results that any task has."""
    pass_at: dict[int, Estimate]
    """By k: how likely is one of k samples right; over the tasks with at least k results. Empty where every
    task has one.
    """
    pass_hat: dict[int, Estimate]
    """By k: how likely are all of k samples right."""
    judged: int
    """Results whose verdict is a judge's."""
    infrastructure: Counter[StopReason]
    """Episodes that are no results, by how they ended."""

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **self.all.told(),
            "tasks": self.tasks,
            "samples": self.samples,
            "judged": self.judged,
            "score": None if self.score is None else self.score.told(),
            "families": {name: row.told() for name, row in self.families.items()},
            "kinds": {name: row.told() for name, row in self.kinds.items()},
            "tags": {name: row.told() for name, row in self.tags.items()},
            "pass_at": {str(k): estimate.told() for k, estimate in self.pass_at.items()},
            "pass_hat": {str(k): estimate.told() for k, estimate in self.pass_hat.items()},
            "infrastructure_errors": self.infrastructure.total(),
        }


def summarise(traces: Iterable[Trace]) -> Summary:
    """The numbers of graded traces, each of another episode. Labels stand in the order of their first
    appearance; families of which every episode failed because of us have a row of nothing.
    """
    every = list(traces)
    results = [trace for trace in every if trace.stop_reason.is_result]
    tasks = _by_task(results)
    samples = max(map(len, tasks), default=0)
    sizes = list(_sizes(samples))
    return Summary(
        all=Row.of(results),
        families=_rows(every, lambda task: (task.family,)),
        kinds=_rows(every, lambda task: (task.kind,) if task.kind else ()),
        tags=_rows(every, lambda task: task.tags),
        score=_score(results),
        tasks=len(tasks),
        samples=samples,
        pass_at={k: _passes(tasks, k, pass_at_k) for k in sizes},
        pass_hat={k: _passes(tasks, k, pass_hat_k) for k in sizes},
        judged=sum(trace.verdict is not None and trace.verdict.by == "judge" for trace in results),
        infrastructure=Counter(trace.stop_reason for trace in every if not trace.stop_reason.is_result),
    )


def _rows(traces: Sequence[Trace], labels: Callable[[Task], Sequence[str]]) -> dict[str, Row]:
    found: dict[str, list[Trace]] = {}
    for trace in traces:
        for label in dict.fromkeys(labels(trace.task)):
            its = found.setdefault(label, [])
            if trace.stop_reason.is_result:
                its.append(trace)
    return {label: Row.of(its) for label, its in found.items()}


def _by_task(results: Sequence[Trace]) -> list[list[Trace]]:
    found: dict[str, list[Trace]] = {}
    for trace in results:
        found.setdefault(trace.task.id, []).append(trace)
    return list(found.values())


def _score(results: Sequence[Trace]) -> Estimate | None:
    scores = [(trace.verdict.score if trace.verdict else None) or 0.0 for trace in results]
    if all(score in (0.0, 1.0) for score in scores):
        return None
    return cluster_mean(scores, [group_of(trace.task) for trace in results])


def _sizes(samples: int) -> Iterator[int]:
    """1, 2, 4, ... and `samples` itself; nothing where tasks have one sample."""
    if samples < 2:
        return
    k = 1
    while k < samples:
        yield k
        k *= 2
    yield samples


def _passes(tasks: Sequence[Sequence[Trace]], k: int, of: Callable[[int, int, int], float]) -> Estimate:
    enough = [its for its in tasks if len(its) >= k]
    values = [of(len(its), sum(trace.is_right for trace in its), k) for its in enough]
    return cluster_mean(values, [group_of(its[0].task) for its in enough])
