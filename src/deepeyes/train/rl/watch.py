"""What a step looked like, as numbers: rewards by part, right answers, calls, lengths, endings, signal.

What always holds: all of it is computed from traces and what they earned; a share is None where there is
nothing to share; names are flat and stable (docs/rl.md has a table of them), because curves, plots and
reporters read them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from deepeyes.analysis.stats import cluster_mean
from deepeyes.analysis.toolmix import uses_of
from deepeyes.core.trace import Trace
from deepeyes.grading.reward import INFRASTRUCTURE, does_nothing, is_cut_off, is_well_formed
from deepeyes.train.rl.rollouts import Group, Played

_CAUSE = re.compile(rf"{INFRASTRUCTURE} \((\w+)\)")


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
        **_by_family(groups),
        "groups": len(groups),
        "groups_learned": len(played.chosen),
        "mixed": mean([float(group.mixed) for group in groups]),
        "mixed_right": mean([float(_is_mixed_right(group)) for group in groups]),
        "stop_reasons": dict(Counter(trace.stop_reason.value for trace in traces).most_common()),
        "dropped": dict(played.dropped.most_common()),
        **failures(played.dropped, len(traces)),
        "seconds_rollouts": round(played.seconds, 2),
        "seconds_model": round(sum(trace.model_seconds for trace in traces), 2),
        "seconds_tools": round(sum(trace.tool_seconds for trace in traces), 2),
    }


def behaviour(traces: Sequence[Trace]) -> dict[str, Any]:
    """What the model did, over all and by family."""
    numbers = {
        "episodes": len(traces),
        "accuracy": mean([float(trace.is_right) for trace in traces]),
        "format": mean([float(is_well_formed(trace)) for trace in traces]),
        "abstained": mean([float(trace.has_abstained) for trace in traces]),
        "calls": mean([float(len(trace.tool_turns)) for trace in traces]),
        "call_rate": mean([float(bool(trace.tool_turns)) for trace in traces]),
        "reply_tokens": mean([float(trace.usage.completion_tokens) for trace in traces]),
        "reply_tokens_max": max((trace.usage.completion_tokens for trace in traces), default=None),
        "turns": mean([float(len(trace.turns)) for trace in traces]),
        "cut_off": mean([float(is_cut_off(trace)) for trace in traces]),
        "failed_calls": _failed_calls(traces),
        "placeholder_code": _placeholders(traces),
        "uses": dict(uses_of(traces).most_common()),
        **{f"calls_of/{tool}": value for tool, value in _calls_of(traces).items()},
    }
    families = sorted({trace.task.family for trace in traces if trace.task.family})
    for family in families:
        its = [trace for trace in traces if trace.task.family == family]
        numbers[f"accuracy/{family}"] = mean([float(trace.is_right) for trace in its])
        numbers[f"calls/{family}"] = mean([float(len(trace.tool_turns)) for trace in its])
        numbers[f"call_rate/{family}"] = mean([float(bool(trace.tool_turns)) for trace in its])
        numbers[f"reply_tokens/{family}"] = mean([float(trace.usage.completion_tokens) for trace in its])
        for tool, value in _calls_of(its).items():
            numbers[f"calls_of/{tool}/{family}"] = value
    return numbers


def held_out(traces: Sequence[Trace], dropped: Mapping[str, int]) -> dict[str, Any]:
    """The same of the fixed set, by names that begin with `held_out/`, with the interval (95 %) of the share
    that is right, in which answers to one question, or about one thing, count as not independent.
    """
    right = cluster_mean(
        [float(trace.is_right) for trace in traces], [trace.task.group or trace.task.id for trace in traces]
    )
    numbers = {
        **behaviour(traces),
        "questions": len({trace.task.id for trace in traces}),
        "accuracy_low": right.low,
        "accuracy_high": right.high,
        **failures(dropped, len(traces)),
    }
    return {f"held_out/{name}": value for name, value in numbers.items()}


def held_out_summary(line: Mapping[str, Any]) -> dict[str, Any]:
    """What is told at the end about the fixed set, from the last line of a curve that measured it."""
    return {
        "held_out_accuracy": line["held_out/accuracy"],
        "held_out_interval": [
            line.get("held_out/accuracy_low", 0.0),
            line.get("held_out/accuracy_high", 1.0),
        ],
        "held_out_episodes": line.get("held_out/episodes", 0),
    }


def failures(dropped: Mapping[str, int], counted: int) -> dict[str, Any]:
    """How many episodes do not count, the share of all that failed because of us, and those by cause."""
    causes = Counter[str]()
    for why, number in dropped.items():
        if found := _CAUSE.match(why):
            causes[found[1]] += number
    everything = counted + sum(dropped.values())
    return {
        "left_out": sum(dropped.values()),
        "lost": causes.total() / everything if everything else None,
        **{f"failures/{cause}": number for cause, number in sorted(causes.items())},
    }


def mean(values: Sequence[float]) -> float | None:
    """None of nothing."""
    return sum(values) / len(values) if values else None


def _by_family(groups: Sequence[Group]) -> dict[str, float | None]:
    numbers: dict[str, float | None] = {}
    for family in sorted({group.task.family for group in groups if group.task.family}):
        its = [group for group in groups if group.task.family == family]
        numbers[f"reward/{family}"] = mean([reward for group in its for reward in group.rewards])
        numbers[f"mixed/{family}"] = mean([float(group.mixed) for group in its])
    return numbers


def _calls_of(traces: Sequence[Trace]) -> dict[str, float]:
    """Calls an episode of each tool that was called, or could have been."""
    called = Counter(
        turn.observation.tool for trace in traces for turn in trace.tool_turns if turn.observation
    )
    tools = sorted({*called, *(tool for trace in traces for tool in trace.tools)})
    return {tool: called[tool] / len(traces) for tool in tools}


def _placeholders(traces: Sequence[Trace]) -> float | None:
    """The share of code cells that compute nothing."""
    cells = [turn.syntax_tree for trace in traces for turn in trace.tool_turns if turn.code is not None]
    return mean([float(does_nothing(tree)) for tree in cells])


def _failed_calls(traces: Sequence[Trace]) -> float | None:
    seen = [turn.observation for trace in traces for turn in trace.tool_turns]
    return mean([float(one is not None and one.status != "ok") for one in seen])


def _is_mixed_right(group: Group) -> bool:
    return len({trace.is_right for trace in group.traces}) > 1


def summary(title: str, lines: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    """What `finished.json` holds of a run with these curves."""
    measured = [line for line in lines if "held_out/accuracy" in line]
    return {
        "title": title,
        "steps": len(lines),
        "reward": lines[-1]["reward"] if lines else None,
        **(held_out_summary(measured[-1]) if measured else {"held_out_accuracy": None}),
        "alarms": lines[-1]["alarms"] if lines else [],
        "seconds": round(seconds, 1),
    }
