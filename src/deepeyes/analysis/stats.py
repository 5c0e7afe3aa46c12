"""How sure a share of n tries is. Pure functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a proportion, (low, high); (0, 1) when nothing was tried.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22 (158),
    pages 209-212. It stays inside [0, 1] and is honest at 0 and n successes, where the normal interval has
    no width.
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


def share(part: int, whole: int) -> float | None:
    """`part / whole`, or None when there is no whole to speak of."""
    return part / whole if whole else None


def median(values: Sequence[float]) -> float | None:
    """The middle value (the mean of the two middle ones), or None of nothing."""
    if not values:
        return None
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
