"""How much a number of values is worth that are not independent.

Values of one group (the samples of a task, the orders of one question's options, questions about one entity)
go together. By how much is their intraclass correlation, here estimated by analysis of variance: that stays
usable with few groups and with groups of very different size, where the sandwich estimator and the bootstrap
do not (docs/statistics.md has the figures). What always holds: the correlation is drawn towards 1 as though
two further groups had shown that, so that a handful of groups is never taken for many values.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_PRIOR_GROUPS = 2.0


@dataclass(frozen=True)
class Grouped:
    """Values with the group of each, as numbers."""

    values: Floats
    codes: NDArray[np.intp]
    """0 to `groups` - 1, of each value."""
    groups: int

    @classmethod
    def of(cls, values: Sequence[float], groups: Sequence[Hashable] | None = None) -> Grouped:
        """Without `groups` every value is alone, and so is one whose group is "" or None. Raises
        `ValueError` where there are not as many groups as values.
        """
        found = np.asarray(values, dtype=float)
        if groups is None:
            return cls(found, np.arange(len(found)), len(found))
        if len(groups) != len(found):
            raise ValueError(f"{len(groups)} groups of {len(found)} values: give one a value")
        seen: dict[Hashable, int] = {}
        keys = [
            (place,) if group in ("", None) else (None, group) for place, group in enumerate(groups)
        ]  # a value that is alone cannot share a key
        codes = np.asarray([seen.setdefault(key, len(seen)) for key in keys], dtype=np.intp)
        return cls(found, codes, len(seen))

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def sizes(self) -> Floats:
        return np.bincount(self.codes, minlength=self.groups).astype(float)

    @property
    def sums(self) -> Floats:
        return np.bincount(self.codes, weights=self.values, minlength=self.groups).astype(float)

    def effective_n(self) -> float:
        """How many independent values would tell the mean as well: `n` where all are alone, and about as many
        as there are groups where those of a group are all alike.
        """
        n, groups, sizes = self.n, self.groups, self.sizes
        if groups == n:
            return float(n)
        spread = float((sizes**2).sum()) / n
        known = self._correlation(spread)
        drawn = (max(known, 0.0) * groups + _PRIOR_GROUPS) / (groups + _PRIOR_GROUPS)
        return n / (1 + min(drawn, 1.0) * (spread - 1))

    def _correlation(self, spread: float) -> float:
        """The intraclass correlation; `spread` is the size of the group of an average value. 1 where nothing
        varies or all are in one group: then nobody can tell.
        """
        n, groups, sizes = self.n, self.groups, self.sizes
        if groups == 1:
            return 1.0
        means = self.sums / sizes
        between = float((sizes * (means - self.values.mean()) ** 2).sum()) / (groups - 1)
        within = float(((self.values - means[self.codes]) ** 2).sum()) / (n - groups)
        size = (n - spread) / (groups - 1)
        whole = between + (size - 1) * within
        return (between - within) / whole if whole > 1e-12 else 1.0
