"""Means of numbers that have no bounds (tokens, seconds, calls), by resampling whole groups."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from .estimate import Estimate
from .grouping import Floats, Grouped
from .libraries import library

_RESAMPLES = 2_000
_SEED = 0
_BLOCK = 200
"""Resamples at a time, which bounds the memory."""


def bootstrap_mean(
    values: Sequence[float], groups: Sequence[Hashable] | None = None, confidence: float = 0.95
) -> Estimate:
    """The mean of any numbers and its interval, by the bootstrap over groups (BCa, scipy); the same for the
    same numbers. The interval is without bounds where there are fewer than two groups.
    """
    grouped = Grouped.of(values, groups)
    n = grouped.n
    mean = float(grouped.values.mean()) if n else None
    method = f"bootstrap over {'groups' if grouped.groups < n else 'results'}, BCa"
    low, high = -np.inf, np.inf
    if grouped.groups >= 2:
        low, high = _interval(grouped, confidence)
    return Estimate(mean, float(low), float(high), n, grouped.groups, method)


def bootstrap_difference(
    a: Sequence[float],
    b: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """The mean of `a - b` for any numbers of the same tasks in the same order (see `bootstrap_mean`)."""
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} values: give those of the same tasks in the same order")
    return bootstrap_mean([left - right for left, right in zip(a, b, strict=True)], groups, confidence)


def _interval(grouped: Grouped, confidence: float) -> tuple[float, float]:
    sums, sizes = grouped.sums, grouped.sizes
    means = sums / sizes
    if np.ptp(means) < 1e-12 * max(
        1.0, float(np.abs(means).max())
    ):  # nothing to resample, BCa is not defined
        return float(means[0]), float(means[0])

    def mean(sums: Floats, sizes: Floats, axis: int = -1) -> Any:
        return sums.sum(axis=axis) / sizes.sum(axis=axis)

    found = library("scipy.stats").bootstrap(
        (sums, sizes),
        mean,
        paired=True,
        n_resamples=_RESAMPLES,
        batch=_BLOCK,
        confidence_level=confidence,
        rng=np.random.default_rng(_SEED),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
