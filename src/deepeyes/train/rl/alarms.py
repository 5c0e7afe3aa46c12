"""What goes wrong in reinforcement learning, seen early: from a run's curve to warnings, each with its step.

The signs are those of the field: calls that die out and placeholder code (arXiv 2511.05271, section 3.2),
length that explodes, entropy that collapses (arXiv 2503.14476), groups that teach nothing, a sampler that is
not the learner. What always holds: an alarm compares means over several steps, so that one odd step raises
none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Curve = Sequence[Mapping[str, Any]]
"""One object of numbers a step, in order (see `watch.numbers_of`)."""
_WINDOW = 3
"""Steps that a mean is over."""


@dataclass(frozen=True)
class Alarm:
    """`since` is the first step of those in which it held until the end of the curve."""

    name: str
    since: int
    what: str


def alarms(curve: Curve) -> list[Alarm]:
    """Those that hold at the end of the curve."""
    found: list[Alarm] = []
    for name, (test, what) in _TESTS.items():
        holding = [test(curve, end) for end in range(1, len(curve) + 1)]
        if not holding or not holding[-1]:
            continue
        begin = len(holding) - next(
            (back for back, held in enumerate(reversed(holding)) if not held), len(holding)
        )
        found.append(Alarm(name, int(curve[begin].get("step", begin)), what))
    return found


def _now(curve: Curve, end: int, key: str) -> float | None:
    """The mean of the last steps before `end`; None where fewer have the number."""
    values = [line[key] for line in curve[max(0, end - _WINDOW) : end] if line.get(key) is not None]
    return sum(values) / len(values) if len(values) == _WINDOW else None


def _start(curve: Curve, key: str) -> float | None:
    return _now(curve, _WINDOW, key) if len(curve) >= _WINDOW else None


def _fell(key: str, share: float, least: float = 0.0) -> Callable[[Curve, int], bool]:
    """Below `share` of what it was at the start, which was at least `least`."""

    def test(curve: Curve, end: int) -> bool:
        before, now = _start(curve, key), _now(curve, end, key)
        return before is not None and now is not None and before > least and now < share * before

    return test


def _rose(key: str, factor: float) -> Callable[[Curve, int], bool]:
    def test(curve: Curve, end: int) -> bool:
        before, now = _start(curve, key), _now(curve, end, key)
        return before is not None and now is not None and now > factor * before > 0

    return test


def _beyond(key: str, limit: float) -> Callable[[Curve, int], bool]:
    def test(curve: Curve, end: int) -> bool:
        now = _now(curve, end, key)
        return now is not None and now > limit

    return test


def _below(key: str, limit: float) -> Callable[[Curve, int], bool]:
    def test(curve: Curve, end: int) -> bool:
        now = _now(curve, end, key)
        return now is not None and now < limit

    return test


_TESTS: dict[str, tuple[Callable[[Curve, int], bool], str]] = {
    "calls die out": (
        _fell("calls", 0.5, 0.1),
        "tools are called half as often as at the start: lower optim.lr, or lengthen the cold start",
    ),
    "placeholder code": (
        _beyond("placeholder_code", 0.25),
        "a quarter of the cells compute nothing: gate reward.call_bonus",
    ),
    "length explodes": (
        _rose("reply_tokens", 2.0),
        "replies are twice as long as at the start: set reward.long_from, or lower optim.lr",
    ),
    "entropy collapses": (
        _fell("entropy", 0.25),
        "replies hardly vary any more: raise optim.clip_high, or lower optim.lr",
    ),
    "no signal": (
        _below("mixed", 0.1),
        "nine in ten groups are all right or all wrong: ask other tasks, or more samples a group",
    ),
    "form is lost": (
        _fell("format", 0.8),
        "well-formed episodes have become a fifth fewer: raise reward.format, or lower optim.lr",
    ),
    "sampler and learner differ": (
        _beyond("logprob_diff_max", 0.05),
        "recorded log-probabilities are not the learner's: set optim.correction, or check the precision",
    ),
}
