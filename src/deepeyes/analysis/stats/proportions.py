"""Shares, and means of scores from 0 to 1, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist

from .estimate import Estimate
from .grouping import Grouped

ALONE = "Wilson"
TOGETHER = "Wilson at the effective number of independent results (ANOVA intraclass correlation)"


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a proportion, (low, high); (0, 1) when nothing was tried.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22 (158),
    pages 209-212. It stays inside [0, 1] and is honest at 0 and n successes, where the normal interval has
    no width. Numbers need not be whole: results that are not independent count as fewer.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} tries: give 0 <= successes <= n")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, z2 = successes / n, z * z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # At the ends the interval is exactly closed; rounding would leave 1e-17 there.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


def cluster_mean(
    values: Sequence[float], groups: Sequence[Hashable] | None = None, confidence: float = 0.95
) -> Estimate:
    """The mean of scores from 0 to 1, and its interval when those of a group are not independent.

    Wilson's interval at the effective number of results. Without `groups`, and where every group has one
    value, that is Wilson's own. Scores between 0 and 1 vary less than right and wrong do, which counts as
    more results. Raises `ValueError` for values outside [0, 1].
    """
    grouped = Grouped.of(values, groups)
    n = grouped.n
    method = ALONE if grouped.groups == n else TOGETHER
    if n == 0:
        return Estimate(None, 0.0, 1.0, 0, 0, method)
    if grouped.values.min() < 0 or grouped.values.max() > 1:
        raise ValueError("a score is outside of 0 to 1: give shares, or use bootstrap_mean")
    mean = float(grouped.values.mean())
    effective = grouped.effective_n() * _steadiness(mean, float(grouped.values.var()), n)
    low, high = wilson(mean * effective, effective, confidence)
    return Estimate(mean, low, high, n, grouped.groups, method)


def _steadiness(mean: float, variance: float, n: int) -> float:
    """How many times less than right and wrong values of this mean vary; 1 for nothing but 0 and 1. The
    variance is seen with one more value that is right or wrong, so that few equal values prove little.
    """
    most = mean * (1 - mean)
    return (n + 1) * most / (n * variance + most) if most > 0 else 1.0


def share(part: float, whole: float) -> float | None:
    """`part / whole`, or None when there is no whole to speak of."""
    return part / whole if whole else None


def median(values: Sequence[float]) -> float | None:
    """The middle value (the mean of the two middle ones), or None of nothing."""
    if not values:
        return None
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
