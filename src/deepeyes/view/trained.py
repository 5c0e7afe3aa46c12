"""Runs of reinforcement learning as a page shows them: curves, alarms, and what each episode was worth.

What always holds: the curve is read from `curves.jsonl` alone, again when it has changed; a number that is no
number is left out of a line, never drawn as 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepeyes.core.trace import Trace
from deepeyes.train.curves import CURVES, curves
from deepeyes.train.rl.alarms import Alarm, alarms
from deepeyes.train.rl.episodes import ADVANTAGE
from deepeyes.train.rl.plots import PANELS, smoothed

_WIDE, _HIGH = 160, 44
"""Of a panel, in the units of its drawing."""


@dataclass(frozen=True)
class Panel:
    """One number over the steps."""

    title: str
    now: str
    raw: str
    """Points of a line, x,y in a box of `_WIDE` by `_HIGH`."""
    smooth: str
    since: tuple[float, ...]
    """Places at which an alarm about it began."""


@dataclass
class Trained:
    """One run."""

    path: Path
    label: str
    steps: int = 0
    panels: tuple[Panel, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    problems: list[str] = field(default_factory=list[str])
    _state: float = 0.0

    def read(self) -> bool:
        """Take in what is on disk now; whether that is something else than before."""
        file = self.path / CURVES
        state = file.stat().st_mtime if file.is_file() else 0.0
        if state == self._state:
            return False
        self._state = state
        try:
            lines = curves(self.path)
        except ValueError:
            self.problems = [f"{file} cannot be read."]
            return True
        self.problems = []
        self.steps = len(lines)
        self.alarms = tuple(alarms(lines))
        self.panels = tuple(filter(None, (_panel(key, title, lines, self.alarms) for key, title in PANELS)))
        return True


def _panel(key: str, title: str, lines: Sequence[dict[str, Any]], alarms: Sequence[Alarm]) -> Panel | None:
    points = [(line["step"], line[key]) for line in lines if _is_number(line.get(key))]
    if not points:
        return None
    last = lines[-1]["step"] or 1
    values = [value for _, value in points]
    low, high = min(values), max(values)
    span = high - low or 1.0

    def drawn(pairs: Sequence[tuple[float, float]]) -> str:
        return " ".join(
            f"{_WIDE * step / last:.1f},{_HIGH * (1 - (value - low) / span):.1f}" for step, value in pairs
        )

    smooth = list(zip([step for step, _ in points], smoothed(values), strict=True))
    since = tuple(_WIDE * alarm.since / last for alarm in alarms if alarm.about == key)
    return Panel(title, f"{values[-1]:.3g}", drawn(points), drawn(smooth), since)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


@dataclass(frozen=True)
class Sibling:
    """Another episode of a group, in a line."""

    key: str
    sample: str
    verdict: str
    reward: str
    advantage: str
    pushed: str
    turns: int
    tokens: int
    answer: str
    here: bool


@dataclass(frozen=True)
class Worth:
    """What an episode was worth to a learner."""

    step: int | None
    parts: tuple[tuple[str, str], ...]
    total: str
    advantage: str
    """Empty where it was not learned from."""
    pushed: str
    """up, down or nowhere."""
    policies: str
    banned: int
    """Token ids that could not be drawn."""
    truncated: str
    """How the distribution was cut, such as "top p 0.9"; empty for not at all."""
    group: tuple[Sibling, ...] = ()


def worth_of(trace: Trace, step: int | None, group: Sequence[Sibling]) -> Worth | None:
    """None for an episode that was not played to be learned from."""
    if not trace.rewards:
        return None
    parts = [(name, value) for name, value in trace.rewards.items() if name not in ("total", ADVANTAGE)]
    versions = sorted({turn.policy for turn in trace.turns if turn.policy is not None})
    policies = (
        "" if not versions else " to ".join(str(one) for one in dict.fromkeys((versions[0], versions[-1])))
    )
    cut = trace.sampling.model_dump(include={"top_k", "top_p", "min_p"}, exclude_defaults=True)
    return Worth(
        step,
        tuple((name, f"{value:+.2f}") for name, value in parts),
        f"{trace.rewards.get('total', sum(value for _, value in parts)):.2f}",
        signed(trace.rewards.get(ADVANTAGE)),
        pushed(trace.rewards),
        policies,
        len(trace.banned),
        ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in cut.items()),
        tuple(group),
    )


def signed(value: float | None) -> str:
    """With its sign, or empty."""
    return "" if value is None else f"{value:+.2f}"


def pushed(rewards: Mapping[str, float]) -> str:
    """Where learning pushes the probability of what the model wrote."""
    value = rewards.get(ADVANTAGE, 0.0)
    return "up" if value > 1e-9 else "down" if value < -1e-9 else "nowhere"
