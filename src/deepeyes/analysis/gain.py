"""What the tools added: the same model on the same tasks with and without them.

Gain is what only the agent with tools solved, harm what only the one without did; their difference is the
difference of the accuracies. What always holds: a pair counts where both episodes are results of the same
question; what is left out is counted; an answer of which nobody can tell whether it is right counts as not
right, and how often that is stands beside the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from deepeyes.analysis.stats import Estimate, bootstrap_difference, cluster_mean, paired_difference, paired_p
from deepeyes.analysis.summary import group_of, is_undecided
from deepeyes.core.trace import Trace

Pair = tuple[Trace, Trace]
"""With tools, without."""


@dataclass(frozen=True)
class Outcomes:
    """How pairs of episodes went."""

    both: int
    only_with: int
    only_without: int
    neither: int
    difference: Estimate
    """Accuracy with tools less accuracy without."""
    gain: Estimate
    """Share of all pairs that only the agent with tools solved."""
    harm: Estimate
    """Share that only the one without solved."""
    p: float
    """That the difference is chance: McNemar's mid-p, or, where results belong together, sign flips of whole
    groups.
    """

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Outcomes:
        aided = [float(one.is_right) for one, _ in pairs]
        unaided = [float(other.is_right) for _, other in pairs]
        groups = [group_of(one.task) for one, _ in pairs]
        won = [float(a > b) for a, b in zip(aided, unaided, strict=True)]
        lost = [float(a < b) for a, b in zip(aided, unaided, strict=True)]
        both = sum(a == b == 1 for a, b in zip(aided, unaided, strict=True))
        return cls(
            both=both,
            only_with=int(sum(won)),
            only_without=int(sum(lost)),
            neither=len(pairs) - both - int(sum(won) + sum(lost)),
            difference=paired_difference(aided, unaided, groups),
            gain=cluster_mean(won, groups),
            harm=cluster_mean(lost, groups),
            p=paired_p(aided, unaided, groups),
        )

    @property
    def n(self) -> int:
        return self.difference.n

    def told(self) -> dict[str, Any]:
        """As JSON."""
        counts = {name: getattr(self, name) for name in ("both", "only_with", "only_without", "neither")}
        shares = {name: getattr(self, name).told() for name in ("difference", "gain", "harm")}
        return {"n": self.n, **counts, **shares, "p": float(f"{self.p:.3g}")}


@dataclass(frozen=True)
class Cost:
    """Of one kind (tokens, calls, seconds), an episode on average."""

    with_tools: float
    without_tools: float
    more: Estimate
    """An episode with tools less one without."""
    per_question_gained: float | None
    """What is spent more in all, for each question solved more; None where none is."""

    @classmethod
    def of(cls, pairs: Sequence[Pair], measure: Callable[[Trace], float], gained: int) -> Cost:
        aided, unaided = [measure(one) for one, _ in pairs], [measure(other) for _, other in pairs]
        more = bootstrap_difference(aided, unaided, [group_of(one.task) for one, _ in pairs])
        extra = sum(aided) - sum(unaided)
        n = max(1, len(pairs))
        return cls(sum(aided) / n, sum(unaided) / n, more, extra / gained if gained > 0 else None)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        each = self.per_question_gained
        return {
            "with_tools": round(self.with_tools, 3),
            "without_tools": round(self.without_tools, 3),
            "more": self.more.told(3),
            "per_question_gained": None if each is None else round(each, 3),
        }


MEASURES: dict[str, Callable[[Trace], float]] = {
    "tokens_written": lambda trace: trace.usage.completion_tokens,
    "tokens_read": lambda trace: trace.usage.prompt_tokens,
    "calls": lambda trace: len(trace.tool_turns),
    "seconds": lambda trace: trace.seconds,
}
"""What an episode costs. Tokens as counted by the model or its server: some count once what they read, others
again in every turn. Seconds are of wall clock and depend on how many episodes ran at once.
"""


@dataclass(frozen=True)
class ToolGain:
    """Two runs of the same weights, set side by side."""

    all: Outcomes
    calling: Outcomes
    """Those whose episode with tools called one: the others differ by the prompt or by chance alone."""
    costs: dict[str, Cost]
    undecided: int
    """Pairs in which nobody can tell of an answer whether it is right."""
    infrastructure: int
    """Pairs in which an episode failed because of us; left out."""
    unmatched_with: int
    unmatched_without: int
    """Episodes whose task and sample the other run does not have, or has with another question; left out."""

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **self.all.told(),
            "calling": self.calling.told(),
            "costs": {name: cost.told() for name, cost in self.costs.items()},
            "undecided": self.undecided,
            "infrastructure_errors": self.infrastructure,
            "unmatched_with": self.unmatched_with,
            "unmatched_without": self.unmatched_without,
        }


def tool_gain(with_traces: Iterable[Trace], without_traces: Iterable[Trace]) -> ToolGain:
    """Pairs by task and sample. Raises `ConfigError` where scipy is not installed."""
    aided, unaided = _by_episode(with_traces), _by_episode(without_traces)
    matched = [(one, unaided[key]) for key, one in aided.items() if key in unaided]
    same = [(one, other) for one, other in matched if _asks_the_same(one, other)]
    pairs = [(one, other) for one, other in same if one.stop_reason.is_result and other.stop_reason.is_result]
    outcomes = Outcomes.of(pairs)
    gained = outcomes.only_with - outcomes.only_without
    return ToolGain(
        all=outcomes,
        calling=Outcomes.of([(one, other) for one, other in pairs if one.tool_turns]),
        costs={name: Cost.of(pairs, measure, gained) for name, measure in MEASURES.items()},
        undecided=sum(is_undecided(one) or is_undecided(other) for one, other in pairs),
        infrastructure=len(same) - len(pairs),
        unmatched_with=len(aided) - len(same),
        unmatched_without=len(unaided) - len(same),
    )


def _by_episode(traces: Iterable[Trace]) -> dict[tuple[str, int], Trace]:
    return {(trace.task.id, trace.sample): trace for trace in traces}


def _asks_the_same(one: Trace, other: Trace) -> bool:
    a, b = one.task, other.task
    return (a.question, a.images, a.answer) == (b.question, b.images, b.answer)
