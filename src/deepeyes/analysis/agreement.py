"""How far verdicts agree with those of people: a judge's score comes with its error.

What always holds: shares of undecided verdicts are told apart from shares of wrong ones; every interval is
Wilson's at 95 %; what cannot be computed is None. Pure functions of verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from deepeyes.analysis.stats import share, wilson
from deepeyes.core.verdict import Outcome


@dataclass(frozen=True)
class Agreement:
    """Counts of answers, by what people say of them and what the other side says."""

    both_right: int = 0
    both_wrong: int = 0
    false_credit: int = 0
    """People say wrong, the other side right."""
    missed: int = 0
    """People say right, the other side wrong."""
    unsure: int = 0

    @classmethod
    def of(cls, pairs: Iterable[tuple[bool, Outcome]]) -> Agreement:
        """From pairs of what people say (True for right) and what the other side says."""
        counts = dict.fromkeys(("both_right", "both_wrong", "false_credit", "missed", "unsure"), 0)
        for people, said in pairs:
            if said is Outcome.unsure:
                counts["unsure"] += 1
            elif said is Outcome.right:
                counts["both_right" if people else "false_credit"] += 1
            else:
                counts["missed" if people else "both_wrong"] += 1
        return cls(**counts)

    @property
    def n(self) -> int:
        return self.decided + self.unsure

    @property
    def decided(self) -> int:
        return self.agreed + self.false_credit + self.missed

    @property
    def agreed(self) -> int:
        return self.both_right + self.both_wrong

    @property
    def agreement(self) -> float | None:
        """Share of the decided answers on which both say the same."""
        return share(self.agreed, self.decided)

    @property
    def interval(self) -> tuple[float, float]:
        """That of `agreement`."""
        return wilson(self.agreed, self.decided)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa of the decided answers: agreement beyond that of two who say right equally often
        but by chance (Cohen 1960, "A coefficient of agreement for nominal scales", Educational and
        Psychological Measurement 20 (1), pages 37-46). None if both always say the same one word.
        """
        if not self.decided:
            return None
        people = (self.both_right + self.missed) / self.decided
        other = (self.both_right + self.false_credit) / self.decided
        chance = people * other + (1 - people) * (1 - other)
        return None if chance == 1 else (self.agreed / self.decided - chance) / (1 - chance)

    def told(self) -> dict[str, Any]:
        """As JSON: counts, and shares to four digits."""
        return {
            "n": self.n,
            "decided": self.decided,
            "agreement": _rounded(self.agreement),
            "ci95": [_rounded(side) for side in self.interval],
            "kappa": _rounded(self.kappa),
            "false_credit": self.false_credit,
            "missed": self.missed,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
