"""What goes wrong in reinforcement learning, seen early: from a run's curve to warnings, each with its step.

The signs are those of the field: calls that die out and placeholder code (arXiv 2511.05271, section 3.2),
length that explodes, entropy that collapses (arXiv 2503.14476), groups that teach nothing, a sampler that is
not the learner. What always holds: an alarm compares means over several steps, more of them where a step
plays few groups, so that one odd step raises none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Curve = Sequence[Mapping[str, Any]]
"""One object of numbers a step, in order (see `watch.numbers_of`)."""
Test = Callable[[float | None, float], bool]
"""Whether a mean is alarming: given that of the start of the run (None where there is none), and that of now.
"""
_STEPS, _GROUPS = 3, 48
"""That a mean is over, at least."""


@dataclass(frozen=True)
class Alarm:
    """`since` is the first step of those in which it held until the end of the curve."""

    name: str
    since: int
    what: str
    about: str
    """The number of the curve that it is about."""

    @property
    def told(self) -> str:
        """All of it on a line."""
        return f"{self.name} since step {self.since}: {self.what}"


def alarms(curve: Curve) -> list[Alarm]:
    """Those that hold at the end of the curve."""
    found: list[Alarm] = []
    window = _window(curve)
    for name, (about, test, what) in _TESTS.items():
        values = [line.get(about) for line in curve]
        start = _mean(values[:window], window)
        begin = None
        for end in range(len(values), 0, -1):
            now = _mean(values[max(0, end - window) : end], window)
            if now is None or not test(start, now):
                break
            begin = end - 1
        if begin is not None:
            found.append(Alarm(name, int(curve[begin].get("step", begin)), what, about))
    return found


def _window(curve: Curve) -> int:
    """How many steps a mean is over."""
    played = [line["groups"] for line in curve if line.get("groups")]
    return max(_STEPS, math.ceil(_GROUPS * len(played) / sum(played))) if played else _STEPS


def _mean(values: Sequence[float | None], window: int) -> float | None:
    """None where not every step of a whole window has a number."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    return sum(known) / window if len(known) == window else None


def _fell(share: float, least: float = 0.0) -> Test:
    """Below `share` of what it was at the start, which was above `least`."""
    return lambda start, now: start is not None and start > least and now < share * start


def _rose(factor: float) -> Test:
    return lambda start, now: start is not None and now > factor * start > 0


def _beyond(limit: float) -> Test:
    return lambda start, now: now > limit


def _below(limit: float) -> Test:
    return lambda start, now: now < limit


_TESTS: dict[str, tuple[str, Test, str]] = {
    "calls die out": (
        "calls",
        _fell(0.5, 0.1),
        "tools are called half as often as at the start: lower optim.lr, or lengthen the cold start",
    ),
    "placeholder code": (
        "placeholder_code",
        _beyond(0.25),
        "a quarter of the cells compute nothing: gate reward.call_bonus",
    ),
    "length explodes": (
        "reply_tokens",
        _rose(2.0),
        "replies are twice as long as at the start: set reward.long_from, or lower optim.lr",
    ),
    "entropy collapses": (
        "entropy",
        _fell(0.25),
        "replies hardly vary any more: raise optim.clip_high, or lower optim.lr",
    ),
    "no signal": (
        "mixed",
        _below(0.1),
        "nine in ten groups are all right or all wrong: ask other tasks, or more samples a group",
    ),
    "form is lost": (
        "format",
        _fell(0.8),
        "well-formed episodes have become a fifth fewer: raise reward.format, or lower optim.lr",
    ),
    "sampler and learner differ": (
        "logprob_diff_max",
        _beyond(0.05),
        "recorded log-probabilities are not the learner's: set optim.correction, or check the precision",
    ),
}
