"""How a model works, beside how often it is right: when it calls tools, which together and in what order,
what goes wrong with them, and how much it writes.

The measures are those of arXiv 2511.05271, Figures 6 and 7, with intervals. What always holds: only results
count; a call counts whether or not it worked; shares of episodes have an interval that respects what belongs
together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from deepeyes.analysis.stats import Estimate, bootstrap_mean, cluster_mean
from deepeyes.analysis.summary import group_of
from deepeyes.analysis.toolmix import use_of, uses_of
from deepeyes.core.results import Observation
from deepeyes.core.trace import Trace

ALL = "all"
_ERROR = re.compile(r"^(\w*(?:Error|Exception|Exit|Interrupt|Warning))\b", re.MULTILINE)
_SHOWN = 8


@dataclass(frozen=True)
class Behaviour:
    """Of the episodes of one family, or of all."""

    episodes: int
    call_rate: Estimate
    """Share of episodes with a call."""
    right_with_call: Estimate
    right_without_call: Estimate
    calls: Estimate
    """Calls an episode."""
    uses: Counter[str]
    """Calls by class (`toolmix.USES`)."""
    combinations: Counter[str]
    """Sets of classes used in an episode, such as "crop + text search"."""
    sequences: Counter[str]
    """Classes in the order of calls, such as "crop > crop > text search"; repeats as "crop x3"."""
    errors: Counter[str]
    """Calls that did not come back well, by tool and kind of error."""
    failed_calls: int
    turns: float
    tokens: Estimate
    """Tokens written an episode."""

    @property
    def shares(self) -> dict[str, float]:
        """Of the classes among the calls."""
        total = self.uses.total()
        return {name: count / total for name, count in self.uses.most_common()}

    def told(self) -> dict[str, Any]:
        """As JSON."""
        estimates = ("call_rate", "right_with_call", "right_without_call", "calls", "tokens")
        return {
            "episodes": self.episodes,
            **{name: getattr(self, name).told() for name in estimates},
            "uses": {name: round(share, 4) for name, share in self.shares.items()},
            "combinations": dict(self.combinations.most_common(_SHOWN)),
            "sequences": dict(self.sequences.most_common(_SHOWN)),
            "errors": dict(self.errors.most_common(_SHOWN)),
            "failed_calls": self.failed_calls,
            "turns": round(self.turns, 3),
        }


def behaviour(traces: Iterable[Trace]) -> dict[str, Behaviour]:
    """Under `ALL`, and, where there are several, under each family in the order of appearance."""
    results = [trace for trace in traces if trace.stop_reason.is_result]
    families = list(dict.fromkeys(trace.task.family for trace in results))
    found = {ALL: behaviour_of(results)}
    for family in families if len(families) > 1 else ():
        found[family or "(none)"] = behaviour_of([one for one in results if one.task.family == family])
    return found


def behaviour_of(results: Sequence[Trace]) -> Behaviour:
    """Of graded episodes that are results."""
    called = [trace for trace in results if trace.tool_turns]
    others = [trace for trace in results if not trace.tool_turns]
    seen = [turn.observation for trace in results for turn in trace.tool_turns if turn.observation]
    failed = [one for one in seen if one.status != "ok"]
    orders = [_order(trace) for trace in called]
    return Behaviour(
        episodes=len(results),
        call_rate=_share(results, lambda trace: bool(trace.tool_turns)),
        right_with_call=_share(called, lambda trace: trace.is_right),
        right_without_call=_share(others, lambda trace: trace.is_right),
        calls=_mean(results, lambda trace: len(trace.tool_turns)),
        uses=uses_of(results),
        combinations=Counter(" + ".join(sorted(set(order))) for order in orders),
        sequences=Counter(_written(order) for order in orders),
        errors=Counter(f"{one.tool}: {kind_of_error(one)}" for one in failed),
        failed_calls=len(failed),
        turns=sum(len(trace.turns) for trace in results) / max(1, len(results)),
        tokens=_mean(results, lambda trace: trace.usage.completion_tokens),
    )


def kind_of_error(seen: Observation) -> str:
    """The name of the last Python error that a result tells of, or else its status."""
    names = _ERROR.findall(seen.stderr)
    return names[-1] if names else str(seen.status)


def _order(trace: Trace) -> list[str]:
    return [use for turn in trace.tool_turns if (use := use_of(turn)) is not None]


def _written(order: Sequence[str]) -> str:
    runs = ((name, len(list(run))) for name, run in groupby(order))
    return " > ".join(f"{name} x{length}" if length > 1 else name for name, length in runs)


def _share(traces: Sequence[Trace], of: Callable[[Trace], bool]) -> Estimate:
    return cluster_mean([float(of(trace)) for trace in traces], [group_of(trace.task) for trace in traces])


def _mean(traces: Sequence[Trace], of: Callable[[Trace], float]) -> Estimate:
    return bootstrap_mean([float(of(trace)) for trace in traces], [group_of(trace.task) for trace in traces])
