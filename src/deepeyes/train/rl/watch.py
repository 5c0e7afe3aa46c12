"""What a step looked like, as numbers: rewards by part, right answers, calls, lengths, endings, signal.

What always holds: all of it is computed from traces and what they earned; a share is None where there is
nothing to share; names are flat and stable, because curves, plots and reporters read them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from deepeyes.analysis.toolmix import uses_of
from deepeyes.core.trace import Trace
from deepeyes.grading.reward import does_nothing, is_cut_off, is_well_formed
from deepeyes.train.rl.rollouts import Group, Played


def numbers_of(played: Played) -> dict[str, Any]:
    """One flat object about everything that a step played."""
    traces, groups = played.traces, played.groups
    rewards = [reward for group in groups for reward in group.rewards]
    parts: dict[str, list[float]] = {}
    for group in groups:
        for rewarded in group.rewarded:
            for name, value in rewarded.parts.items():
                parts.setdefault(name, []).append(value)
    return {
        "reward": mean(rewards),
        **{f"reward_{name}": mean(values) for name, values in parts.items()},
        **behaviour(traces),
        "groups": len(groups),
        "groups_learned": len(played.chosen),
        "mixed": mean([float(group.mixed) for group in groups]),
        "mixed_right": mean([float(_is_mixed_right(group)) for group in groups]),
        "stop_reasons": dict(Counter(trace.stop_reason.value for trace in traces).most_common()),
        "dropped": dict(played.dropped.most_common()),
        "seconds_rollouts": round(played.seconds, 2),
        "seconds_model": round(sum(trace.model_seconds for trace in traces), 2),
        "seconds_tools": round(sum(trace.tool_seconds for trace in traces), 2),
    }


def behaviour(traces: Sequence[Trace]) -> dict[str, Any]:
    """What the model did, over all and by family."""
    numbers = {
        "accuracy": mean([float(trace.is_right) for trace in traces]),
        "format": mean([float(is_well_formed(trace)) for trace in traces]),
        "calls": mean([float(len(trace.tool_turns)) for trace in traces]),
        "call_rate": mean([float(bool(trace.tool_turns)) for trace in traces]),
        "reply_tokens": mean([float(trace.usage.completion_tokens) for trace in traces]),
        "turns": mean([float(len(trace.turns)) for trace in traces]),
        "cut_off": mean([float(is_cut_off(trace)) for trace in traces]),
        "failed_calls": _failed_calls(traces),
        "placeholder_code": _placeholders(traces),
        "uses": dict(uses_of(traces).most_common()),
    }
    families = sorted({trace.task.family for trace in traces if trace.task.family})
    for family in families:
        its = [trace for trace in traces if trace.task.family == family]
        numbers[f"accuracy/{family}"] = mean([float(trace.is_right) for trace in its])
        numbers[f"calls/{family}"] = mean([float(len(trace.tool_turns)) for trace in its])
        numbers[f"call_rate/{family}"] = mean([float(bool(trace.tool_turns)) for trace in its])
    return numbers


def mean(values: Sequence[float]) -> float | None:
    """None of nothing."""
    return sum(values) / len(values) if values else None


def _placeholders(traces: Sequence[Trace]) -> float | None:
    """The share of code cells that compute nothing."""
    cells = [turn.syntax_tree for trace in traces for turn in trace.tool_turns if turn.code is not None]
    return mean([float(does_nothing(tree)) for tree in cells])


def _failed_calls(traces: Sequence[Trace]) -> float | None:
    seen = [turn.observation for trace in traces for turn in trace.tool_turns]
    return mean([float(one is not None and one.status != "ok") for one in seen])


def _is_mixed_right(group: Group) -> bool:
    return len({trace.is_right for trace in group.traces}) > 1
