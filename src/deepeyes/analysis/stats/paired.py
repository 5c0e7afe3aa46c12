"""Two runs on the same tasks: by how much they differ, and whether that may be chance."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist

import numpy as np

from .estimate import Estimate
from .grouping import Grouped
from .libraries import library

ALONE = "Bonett-Price"
TOGETHER = "Bonett-Price at the effective number of independent pairs (ANOVA intraclass correlation)"

_FLIPS = 9_999
_NOTHING = 1e-9
"""Sums of groups below this are rounding."""


def paired_difference(
    a: Sequence[float],
    b: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """The mean of `a - b`, scores from 0 to 1 of the same tasks in the same order, and its interval.

    Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial proportions based
    on paired data", Journal of Educational and Behavioral Statistics 37 (4), pages 479-488: the normal
    interval after one pair more that a won and one more that b won, so that it has a width where no pair
    differs. Pairs of one group count as fewer than they are. Raises `ValueError` for lists of different
    length and values outside [0, 1].
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} values: give those of the same tasks in the same order")
    left, right = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if len(left) and (min(left.min(), right.min()) < 0 or max(left.max(), right.max()) > 1):
        raise ValueError("a score is outside of 0 to 1: give shares, or use bootstrap_difference")
    pairs = Grouped.of((left - right).tolist(), groups)
    n = pairs.n
    method = ALONE if pairs.groups == n else TOGETHER
    if n == 0:
        return Estimate(None, -1.0, 1.0, 0, 0, method)
    mean, square = float(pairs.values.mean()), float((pairs.values**2).mean())
    effective = pairs.effective_n()
    centre = effective * mean / (effective + 2)
    variance = ((effective * square + 2) / (effective + 2) - centre**2) / (effective + 2)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(variance)
    low, high = min(mean, max(-1.0, centre - half)), max(mean, min(1.0, centre + half))
    return Estimate(mean, low, high, n, pairs.groups, method)


def mcnemar(only_a: int, only_b: int) -> float:
    """The p-value of McNemar's test, two-sided, mid-p: may it be chance that `only_a` tasks were solved by a
    alone and `only_b` by b alone? 1 where neither is more.

    The exact test gives more than it says it does and so finds less; the mid-p version is the exact p-value
    less half the probability of what was seen (Fagerland, Lydersen and Laake 2013, "The McNemar test for
    binary matched-pairs data", BMC Medical Research Methodology 13:91). It takes tasks as independent: where
    they are not, read the interval of `paired_difference`.
    """
    if only_a < 0 or only_b < 0:
        raise ValueError(f"{only_a} and {only_b} pairs: give counts")
    n, fewer = only_a + only_b, min(only_a, only_b)
    if only_a == only_b:
        return 1.0
    binomial = library("scipy.stats").binom
    return float(2 * binomial.cdf(fewer, n, 0.5) - binomial.pmf(fewer, n, 0.5))


def paired_p(a: Sequence[float], b: Sequence[float], groups: Sequence[Hashable] | None = None) -> float:
    """The p-value of the difference between two runs on the same tasks, two-sided.

    McNemar's (see `mcnemar`) for right and wrong answers that each stand alone. Else whole groups change
    sides: how often is the difference as large as seen, or larger, when chance decides for every group which
    run its values are of? By `_FLIPS` draws, always the same ones. Raises `ValueError` as
    `paired_difference` does.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} values: give those of the same tasks in the same order")
    pairs = Grouped.of([left - right for left, right in zip(a, b, strict=True)], groups)
    if pairs.groups == pairs.n and np.isin(pairs.values, (-1, 0, 1)).all():
        return mcnemar(int((pairs.values == 1).sum()), int((pairs.values == -1).sum()))
    sums = pairs.sums[np.abs(pairs.sums) > _NOTHING]
    signs = np.random.default_rng(0).integers(0, 2, (_FLIPS, len(sums)), dtype=np.int8) * 2 - 1
    as_large = int((np.abs(signs @ sums) >= abs(float(sums.sum())) - _NOTHING).sum())
    return (as_large + 1) / (_FLIPS + 1)
