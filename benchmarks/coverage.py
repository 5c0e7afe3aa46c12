"""How often do the intervals hold the truth? `python -m benchmarks.coverage [--json]`, minutes on one core.

Results are drawn of which the true share (or difference) is known, in groups of given sizes that go together
as much as `icc` says, and the share of the 95 % intervals that hold it is counted. `cluster_mean` and
`paired_difference` are ours; beside the first stand Wilson's interval as if all results were independent, the
sandwich estimator with Student's t, and the percentile bootstrap over groups: why it is none of them. `p` is
the true share, "any" one drawn anew from 0.02 to 0.98 for every data set. In the JSON, `cells` has the
coverage of each method for each design, `icc` and `p`; `summary` for each method the mean and the lowest
coverage, and the shares of cells from 93 to 97 % and below 93 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from deepeyes.analysis.stats import cluster_mean, paired_difference, wilson

Floats = NDArray[np.float64]
Interval = tuple[float, float]

DESIGNS: dict[str, Sequence[int]] = {
    "300 alone": [1] * 300,
    "30 alone": [1] * 30,
    "75 tasks x 4": [4] * 75,
    "20 tasks x 4": [4] * 20,
    "10 tasks x 4": [4] * 10,
    "5 tasks x 4": [4] * 5,
    "194, few shared": [1] * 122 + [2] * 20 + [4] * 8,
    "8 unequal": [1, 1, 2, 3, 4, 6, 8, 12],
    "20 unequal": [1] * 10 + [2] * 5 + [4] * 3 + [15, 20],
    "50, one of 60": [1] * 25 + [2] * 12 + [5] * 8 + [20] * 4 + [60],
}
"""Sizes of groups."""
ICCS = (0.0, 0.3, 0.7, 1.0)
SHARES: tuple[float | None, ...] = (None, 0.03, 0.1, 0.5, 0.9)
PAIRS = {"same": (0.4, 0.1, 0.1, 0.4), "better": (0.4, 0.2, 0.05, 0.35), "rare": (0.85, 0.03, 0.01, 0.11)}
"""Shares of pairs that both, only a, only b and neither solved."""
OURS, PAIRED = "cluster_mean", "paired_difference"
_RESAMPLES = 200


@dataclass(frozen=True)
class Cell:
    """One method on one design."""

    method: str
    design: str
    icc: float
    p: str
    coverage: float
    """In percent."""
    width: float
    """Mean width of the intervals."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--draws", type=int, default=1_000, help="data sets a cell")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    cells = list(measure(options.draws, options.seed))
    seconds = round(time.perf_counter() - start, 1)
    if options.json:
        told = {"draws": options.draws, "seconds": seconds, "summary": summary(cells)}
        print(json.dumps({**told, "cells": [vars(cell) for cell in cells]}))
    else:
        _print(cells)
    return 0


def measure(draws: int, seed: int, designs: Sequence[str] = tuple(DESIGNS)) -> Iterator[Cell]:
    """Every cell, with `draws` data sets each."""
    rng = np.random.default_rng(seed)
    for design in designs:
        sizes = np.asarray(DESIGNS[design])
        alone = int(sizes.max()) == 1
        for icc in (0.0,) if alone else ICCS:
            for p in SHARES:
                yield from _shares(rng, design, sizes, icc, p, draws)
            for name, table in PAIRS.items():
                yield _pairs(rng, design, sizes, icc, name, table, draws)


def summary(cells: Sequence[Cell]) -> dict[str, Any]:
    """By method."""
    found: dict[str, list[float]] = {}
    for cell in cells:
        found.setdefault(cell.method, []).append(cell.coverage)
    return {
        method: {
            "cells": len(shares),
            "mean": round(fmean(shares), 1),
            "lowest": min(shares),
            "from_93_to_97": round(fmean(93 <= one <= 97 for one in shares), 3),
            "below_93": round(fmean(one < 93 for one in shares), 3),
        }
        for method, shares in found.items()
    }


def _shares(
    rng: np.random.Generator, design: str, sizes: NDArray[Any], icc: float, p: float | None, draws: int
) -> Iterator[Cell]:
    """All methods on the same data sets."""
    methods: dict[str, Callable[[Floats, NDArray[Any]], Interval]] = {
        OURS: _ours,
        "wilson, ungrouped": lambda right, sizes: wilson(right.sum(), sizes.sum()),
        "sandwich, t": _sandwich,
        "bootstrap of groups": lambda right, sizes: _bootstrap(rng, right, sizes),
    }
    held: dict[str, list[tuple[bool, float]]] = {method: [] for method in methods}
    for _ in range(draws):
        truth = rng.uniform(0.02, 0.98) if p is None else p
        right = rng.binomial(sizes, _of_groups(rng, truth, icc, len(sizes))).astype(float)
        for method, interval in methods.items():
            low, high = interval(right, sizes)
            held[method].append((low <= truth <= high, high - low))
    for method, found in held.items():
        yield _cell(method, design, icc, "any" if p is None else f"{p:g}", found)


def _pairs(
    rng: np.random.Generator,
    design: str,
    sizes: NDArray[Any],
    icc: float,
    name: str,
    table: Sequence[float],
    draws: int,
) -> Cell:
    truth = table[1] - table[2]
    groups = np.repeat(np.arange(len(sizes)), sizes).tolist()
    held: list[tuple[bool, float]] = []
    for _ in range(draws):
        if icc == 0:
            shares = np.tile(table, (len(sizes), 1))
        elif icc == 1:
            shares = rng.multinomial(1, table, len(sizes)).astype(float)
        else:
            shares = rng.dirichlet(np.asarray(table) * (1 / icc - 1), len(sizes))
        outcome = (rng.random(len(groups))[:, None] > shares[groups].cumsum(axis=1)[:, :3]).sum(axis=1)
        found = paired_difference((outcome <= 1).tolist(), (outcome % 2 == 0).tolist(), groups)
        held.append((found.low <= truth <= found.high, found.high - found.low))
    return _cell(PAIRED, design, icc, name, held)


def _cell(method: str, design: str, icc: float, p: str, held: Sequence[tuple[bool, float]]) -> Cell:
    coverage = round(100 * fmean(inside for inside, _ in held), 1)
    return Cell(method, design, icc, p, coverage, round(fmean(width for _, width in held), 3))


def _of_groups(rng: np.random.Generator, p: float, icc: float, groups: int) -> Floats:
    """The share of each group: beta-distributed round `p`."""
    if icc == 0:
        return np.full(groups, p)
    if icc == 1:
        return (rng.random(groups) < p).astype(float)
    strength = 1 / icc - 1
    return rng.beta(p * strength, (1 - p) * strength, groups)


def _ours(right: Floats, sizes: NDArray[Any]) -> Interval:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    place = np.concatenate([np.arange(size) for size in sizes])
    found = cluster_mean((place < right[groups]).astype(float).tolist(), groups.tolist())
    return found.low, found.high


def _sandwich(right: Floats, sizes: NDArray[Any]) -> Interval:
    from scipy.special import stdtrit

    n, groups = sizes.sum(), len(sizes)
    mean = right.sum() / n
    error = np.sqrt(((right - mean * sizes) ** 2).sum() * groups / (groups - 1)) / n
    half = float(stdtrit(groups - 1, 0.975) * error)
    return float(mean) - half, float(mean) + half


def _bootstrap(rng: np.random.Generator, right: Floats, sizes: NDArray[Any]) -> Interval:
    drawn = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), _RESAMPLES)
    low, high = np.quantile((drawn @ right) / (drawn @ sizes), (0.025, 0.975))
    return float(low), float(high)


def _print(cells: Sequence[Cell]) -> None:
    console = Console()
    for method, found in summary(cells).items():
        console.print(
            f"{method}: mean {found['mean']} %, lowest {found['lowest']} %, "
            f"{found['from_93_to_97']:.0%} of {found['cells']} cells from 93 to 97 %, "
            f"{found['below_93']:.0%} below"
        )
    for method in (OURS, PAIRED):
        its = [cell for cell in cells if cell.method == method]
        columns = list(dict.fromkeys(cell.p for cell in its))
        table = Table("groups", "icc", *columns, title=f"{method}: coverage in %, by true share", box=None)
        for design, icc in dict.fromkeys((cell.design, cell.icc) for cell in its):
            row = [cell for cell in its if (cell.design, cell.icc) == (design, icc)]
            table.add_row(design, f"{icc:g}", *(f"{cell.coverage:.1f}" for cell in row))
        console.print(table)


if __name__ == "__main__":
    sys.exit(main())
