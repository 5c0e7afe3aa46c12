"""The numbers at the head of a page, a set a run: computed from the rows of its list, never kept anywhere.

What always holds: a share never stands without its count and its interval; what is unsure is scored and not
right; what failed because of us is counted apart and never scored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from deepeyes.analysis.stats import median, wilson
from deepeyes.core.verdict import Outcome
from deepeyes.view.rows import Row

_SCORED = tuple(outcome.value for outcome in Outcome)


@dataclass(frozen=True)
class Summary:
    """One run in numbers."""

    label: str
    episodes: int
    verdicts: dict[str, int]
    used_tools: int
    scored: int
    accuracy: float | None
    low: float
    """Of the 95 % interval of the accuracy."""
    high: float
    seconds: float | None
    """Median of an episode."""
    tokens: float | None
    families: dict[str, tuple[int, int]]
    """Family -> (right, scored)."""
    models: tuple[str, ...]


def summarise(label: str, rows: Sequence[Row]) -> Summary:
    """The numbers of one run's rows."""
    verdicts = Counter(row.verdict for row in rows)
    scored = sum(verdicts[outcome] for outcome in _SCORED)
    low, high = wilson(verdicts["right"], scored)
    families: dict[str, tuple[int, int]] = {}
    for row in rows:
        for family in row.facets["family"]:
            right, of = families.get(family, (0, 0))
            families[family] = (right + (row.verdict == "right"), of + (row.verdict in _SCORED))
    return Summary(
        label=label,
        episodes=len(rows),
        verdicts=dict(verdicts),
        used_tools=sum(row.facets["tool"] != ("none",) for row in rows),
        scored=scored,
        accuracy=verdicts["right"] / scored if scored else None,
        low=low,
        high=high,
        seconds=median([row.seconds for row in rows]),
        tokens=median([float(row.tokens) for row in rows]),
        families=dict(sorted(families.items())),
        models=tuple(dict.fromkeys(model for row in rows for model in row.facets["model"])),
    )
