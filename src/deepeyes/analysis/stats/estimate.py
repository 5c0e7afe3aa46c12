"""A number with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A mean, its interval, and of how much it is the mean."""

    value: float | None
    """None where there is nothing to take the mean of; the interval is then all that is possible."""
    low: float
    high: float
    n: int
    """How many values."""
    groups: int
    """How many groups of them that are independent of each other; `n` where each is alone."""
    method: str
    """Where the interval comes from, in words for a table's foot."""

    @property
    def is_clustered(self) -> bool:
        """Whether values share groups."""
        return self.groups < self.n

    def told(self, digits: int = 4) -> dict[str, Any]:
        """As JSON: `value`, `ci95`, `n`, `groups`, `method`."""
        return {
            "value": None if self.value is None else round(self.value, digits),
            "ci95": [round(self.low, digits), round(self.high, digits)],
            "n": self.n,
            "groups": self.groups,
            "method": self.method,
        }

    def words(self, digits: int = 1) -> str:
        """As text for people, a share in percent: "62.5 % [51.0, 72.7], n = 64, 16 groups"."""
        if self.value is None:
            return "none, n = 0"
        value, low, high = (f"{100 * one:.{digits}f}" for one in (self.value, self.low, self.high))
        groups = f", {self.groups} groups" if self.is_clustered else ""
        return f"{value} % [{low}, {high}], n = {self.n}{groups}"
