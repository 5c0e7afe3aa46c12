"""The same numbers as scipy and statsmodels, on 1,000 random cases each."""

import gc
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as other_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import power_proportions_2indep, proportion_confint

from deepeyes.analysis.stats import (
    bootstrap_mean,
    holm,
    mcnemar,
    minimum_detectable,
    paired_difference,
    paired_p,
    pass_at_k,
    pass_hat_k,
    wilson,
)
from deepeyes.analysis.stats.grouping import Grouped

CASES = 1_000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(18)


def test_wilson(rng: np.random.Generator) -> None:
    for _ in range(CASES):
        n = int(rng.integers(1, 5_000))
        successes, confidence = int(rng.integers(0, n + 1)), float(rng.uniform(0.5, 0.999))
        found = wilson(successes, n, confidence)
        assert found == pytest.approx(
            proportion_confint(successes, n, 1 - confidence, method="wilson"), abs=1e-9
        )
        other = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
        assert found == pytest.approx((other.low, other.high), abs=1e-9)


def test_the_exact_mcnemar_is_the_mid_p_one_and_half_of_what_was_seen(rng: np.random.Generator) -> None:
    for _ in range(CASES):
        a, b = (int(count) for count in rng.integers(0, 60, 2))
        exact = float(other_mcnemar([[5, a], [b, 7]], exact=True).pvalue)
        seen = float(stats.binom.pmf(min(a, b), a + b, 0.5)) if a != b else 0.0
        assert mcnemar(a, b) + seen == pytest.approx(exact, abs=1e-9)


def test_intraclass_correlation_is_that_of_the_analysis_of_variance(rng: np.random.Generator) -> None:
    for _ in range(CASES):
        sizes = rng.integers(2, 9, int(rng.integers(2, 12)))
        groups = np.repeat(np.arange(len(sizes)), sizes)
        values = rng.normal(size=len(groups)) + rng.normal(size=len(sizes))[groups] * rng.uniform(0, 2)
        f = float(stats.f_oneway(*(values[groups == one] for one in range(len(sizes)))).statistic)
        n, spread = len(values), float((sizes**2).sum() / len(values))
        size = (n - spread) / (len(sizes) - 1)
        drawn = (max((f - 1) / (f + size - 1), 0) * len(sizes) + 2) / (len(sizes) + 2)
        expected = n / (1 + drawn * (spread - 1))
        assert Grouped.of(values.tolist(), groups.tolist()).effective_n() == pytest.approx(expected)


def test_samples_are_drawn_without_putting_back(rng: np.random.Generator) -> None:
    for _ in range(CASES):
        n = int(rng.integers(1, 100))
        c, k = int(rng.integers(0, n + 1)), int(rng.integers(1, n + 1))
        drawn = stats.hypergeom(n, c, k)
        assert pass_at_k(n, c, k) == pytest.approx(1 - drawn.pmf(0), abs=1e-9)
        assert pass_hat_k(n, c, k) == pytest.approx(drawn.pmf(k), abs=1e-9)


def test_a_mean_over_all_ways_to_draw() -> None:
    right = [1, 1, 0, 0, 0]
    ways = [[right[place] for place in way] for way in combinations(range(5), 3)]
    assert pass_at_k(5, 2, 3) == pytest.approx(np.mean([any(way) for way in ways]))
    assert pass_hat_k(5, 3, 3) == pytest.approx(0.1)


@pytest.mark.parametrize(("n", "c", "k"), [(4, 5, 1), (4, -1, 1), (4, 2, 0), (4, 2, 5), (0, 0, 1)])
def test_more_samples_than_there_are_cannot_be_drawn(n: int, c: int, k: int) -> None:
    for of in (pass_at_k, pass_hat_k):
        with pytest.raises(ValueError, match="give"):
            of(n, c, k)


def test_holm(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "collect", lambda: 0)  # statsmodels does so in every call
    for _ in range(CASES):
        pvalues = rng.uniform(0, 0.2, int(rng.integers(1, 12))).round(2).tolist()
        assert holm(pvalues) == pytest.approx(list(multipletests(pvalues, method="holm")[1]))
    assert holm([]) == []


def test_the_paired_interval_is_that_of_the_paper(rng: np.random.Generator) -> None:
    z = stats.norm.ppf(0.975)
    for _ in range(CASES):
        n = int(rng.integers(1, 300))
        a, b = rng.integers(0, 2, n), rng.integers(0, 2, n)
        won, lost = ((a > b).sum() + 1) / (n + 2), ((a < b).sum() + 1) / (n + 2)
        half = z * np.sqrt((won + lost - (won - lost) ** 2) / (n + 2))
        found = paired_difference(a.tolist(), b.tolist())
        mean = (a - b).mean()
        assert found.value == pytest.approx(mean, abs=1e-9)
        assert found.low == pytest.approx(min(mean, max(-1, won - lost - half)), abs=1e-9)
        assert found.high == pytest.approx(max(mean, min(1, won - lost + half)), abs=1e-9)


def test_sign_flips_of_groups_are_scipys(rng: np.random.Generator) -> None:
    """Few enough groups that all flips can be counted; ours are drawn, so they are close."""
    for _ in range(20):
        sums = rng.integers(-3, 4, 9)
        if not sums.any():
            continue
        a, b, groups = list[float](), list[float](), list[int]()
        for group, total in enumerate(sums.tolist()):
            for place in range(3):
                a.append(float(total > place))
                b.append(float(-total > place))
                groups.append(group)
        exact: Any = stats.permutation_test(
            (sums,), np.sum, permutation_type="samples", n_resamples=10**6, vectorized=False
        )
        assert paired_p(a, b, groups) == pytest.approx(exact.pvalue, abs=0.02)


def test_bootstrap_over_groups_is_scipys_on_values_that_are_alone() -> None:
    values = np.random.default_rng(2).lognormal(size=40)
    other = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, rng=np.random.default_rng(9)
    ).confidence_interval
    found = bootstrap_mean(values.tolist())
    assert (found.low, found.high) == pytest.approx((other.low, other.high), rel=0.04)
    assert found == bootstrap_mean(values.tolist()), "the same numbers each time"
    copied = bootstrap_mean([*values, *values], [*range(40)] * 2)
    assert (copied.n, copied.groups) == (80, 40)
    assert (copied.low, copied.high) == pytest.approx((found.low, found.high), rel=0.04)


def test_a_bootstrap_of_too_little_says_so() -> None:
    one, none, same = bootstrap_mean([3.0]), bootstrap_mean([]), bootstrap_mean([2.0, 2.0, 2.0])
    assert (one.value, one.low, one.high) == (3.0, -np.inf, np.inf)
    assert none.value is None and none.high == np.inf
    assert (same.low, same.high) == (2.0, 2.0)


@pytest.mark.parametrize(("n", "p"), list(product((50, 194, 1_000), (0.05, 0.5, 0.8))))
def test_a_gain_that_can_be_detected_has_the_power_that_is_asked_for(n: int, p: float) -> None:
    gain = minimum_detectable(n, p)
    assert gain is not None and 0 < gain < 1 - p
    assert power_proportions_2indep(gain, p, n, return_results=False) == pytest.approx(0.8, abs=1e-6)
    half = minimum_detectable(2 * n, p, effective=0.5)
    assert half == pytest.approx(gain, abs=1e-9)


def test_a_paired_gain_is_detected_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    gain = minimum_detectable(200, 0.5, discordant=0.2)
    assert gain is not None
    table = [(0.2 + gain) / 2, (0.2 - gain) / 2, 0.8]
    found = [mcnemar(int(won), int(lost)) < 0.05 for won, lost, _ in rng.multinomial(200, table, 2_000)]
    assert 0.76 < np.mean(found) < 0.84
    separate = minimum_detectable(200, 0.5)
    assert separate is not None and gain < separate, "pairs see more"


def test_no_gain_can_be_detected_where_there_is_no_room() -> None:
    assert minimum_detectable(5, 0.9) is None
    assert minimum_detectable(100, 1.0) is None and minimum_detectable(0, 0.5) is None
    with pytest.raises(ValueError, match=r"p = 1\.5"):
        minimum_detectable(10, 1.5)
