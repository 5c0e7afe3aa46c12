"""Before and after comparing: which difference could be seen at all, and which of several p-values count."""

from __future__ import annotations

from collections.abc import Sequence

from .libraries import library


def minimum_detectable(
    n: int,
    p: float,
    *,
    discordant: float | None = None,
    effective: float = 1.0,
    power: float = 0.8,
    alpha: float = 0.05,
) -> float | None:
    """The smallest gain over a share of `p` that `n` tasks show with this `power`, two-sided; None where no
    gain would be seen.

    Without `discordant`: for two runs on `n` tasks each, compared as though independent (statsmodels
    `power_proportions_2indep`). With it, the share of tasks that one of two runs on the same `n` tasks
    solves and the other does not: for the paired test (Connor 1987, "Sample size for testing differences in
    proportions for the paired-sample design", Biometrics 43 (1), pages 207-211). `effective` is the share
    of the tasks' number that they are worth where they belong together. Raises `ValueError` for shares
    outside [0, 1].
    """
    for name, value in (("p", p), ("discordant", discordant), ("power", power), ("alpha", alpha)):
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"{name} = {value}: give a share from 0 to 1")
    number = n * effective
    most = min(1 - p, 1.0 if discordant is None else discordant) - 1e-9
    if number < 1 or most <= 0:
        return None

    def short(gain: float) -> float:
        if discordant is None:
            return _power_separate(gain, p, number, alpha) - power
        return _power_paired(gain, discordant, number, alpha) - power

    if short(most) < 0:
        return None
    return float(library("scipy.optimize").brentq(short, 1e-9, most))


def _power_separate(gain: float, p: float, n: float, alpha: float) -> float:
    proportion = library("statsmodels.stats.proportion")
    return float(proportion.power_proportions_2indep(gain, p, n, alpha=alpha, return_results=False))


def _power_paired(gain: float, discordant: float, n: float, alpha: float) -> float:
    normal = library("scipy.stats").norm
    spread = max(discordant - gain**2, 0.0) ** 0.5
    over = n**0.5 * gain - normal.ppf(1 - alpha / 2) * discordant**0.5
    return float(normal.cdf(over / spread)) if spread > 0 else float(over > 0)


def holm(pvalues: Sequence[float]) -> list[float]:
    """The p-values of several comparisons, corrected for being several (Holm), in the same order.

    One that is below 0.05 here would be so by chance in at most 5 % of such sets of comparisons. By hand,
    since that of statsmodels collects all garbage in every call.
    """
    order = sorted(range(len(pvalues)), key=lambda place: pvalues[place])
    corrected, largest = [1.0] * len(pvalues), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(pvalues) - rank) * pvalues[place]))
        corrected[place] = largest
    return corrected
