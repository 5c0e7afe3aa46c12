"""Intervals against published values, their own properties, and what groups are worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.analysis.stats import Estimate, cluster_mean, median, share, wilson
from deepeyes.analysis.stats.grouping import Grouped


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_values(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_holds_the_share_and_mirrors(tried: tuple[int, int]) -> None:
    successes, n = tried
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    other_low, other_high = wilson(n - successes, n)
    assert (low, high) == pytest.approx((1 - other_high, 1 - other_low), abs=1e-12)


def test_nothing_tried() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert share(0, 0) is None and median([]) is None
    with pytest.raises(ValueError, match="give"):
        wilson(3, 2)
    nothing = cluster_mean([])
    assert (nothing.value, nothing.low, nothing.high, nothing.n, nothing.groups) == (None, 0.0, 1.0, 0, 0)
    assert nothing.words() == "none, n = 0" and nothing.told()["value"] is None


def test_median() -> None:
    assert median([3, 1, 2]) == 2
    assert median([4, 1, 2, 3]) == 2.5


RIGHT = [1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize("groups", [None, list("abcdefgh"), [""] * 8, [None] * 8, ["a", *[""] * 7]])
def test_where_every_group_is_alone_it_is_wilson(groups: list[str] | None) -> None:
    found = cluster_mean(RIGHT, groups)
    assert (found.low, found.high) == wilson(5, 8)
    assert (found.value, found.n, found.groups, found.is_clustered) == (5 / 8, 8, 8, False)


def test_a_group_may_have_the_name_of_a_place() -> None:
    assert Grouped.of([1.0, 0.0, 1.0], ["", 0, (0,)]).groups == 3


def test_results_that_say_the_same_count_once() -> None:
    once, copied = cluster_mean([1, 0, 1, 1, 0] * 8), cluster_mean([1, 0, 1, 1, 0] * 8 * 4, [*range(40)] * 4)
    assert (copied.n, copied.groups) == (160, 40)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=1e-9)


def test_groups_widen_the_interval_and_never_narrow_it() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        n = int(rng.integers(1, 60))
        values, groups = rng.integers(0, 2, n).tolist(), rng.integers(0, n, n).tolist()
        found, alone = cluster_mean(values, groups), wilson(sum(values), n)
        assert 0 <= found.low <= sum(values) / n <= found.high <= 1
        assert found.low <= alone[0] + 1e-12 and found.high >= alone[1] - 1e-12


def test_nobody_can_tell_the_correlation_of_one_group_or_of_equal_values() -> None:
    assert Grouped.of([1, 0, 1, 0], ["a"] * 4).effective_n() == pytest.approx(1)
    assert Grouped.of([1] * 12, [0, 1, 2] * 4).effective_n() == pytest.approx(3)
    assert cluster_mean([1] * 12, [0, 1, 2] * 4).low == pytest.approx(wilson(3, 3)[0])


def test_groups_that_differ_by_chance_alone_cost_little() -> None:
    rng = np.random.default_rng(1)
    values, groups = rng.integers(0, 2, 2_000).tolist(), np.repeat(np.arange(500), 4).tolist()
    assert 0.85 < Grouped.of(values, groups).effective_n() / 2_000 <= 1


def test_scores_that_vary_little_are_surer_than_right_and_wrong() -> None:
    narrow, wide = cluster_mean([0.4, 0.5, 0.6] * 20), cluster_mean([0, 1, 0.5] * 20)
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2
    few = cluster_mean([0.5, 0.5])
    assert few.high - few.low > 0.5, "two equal scores prove little"


@pytest.mark.parametrize("values", [[1.5, 0.0], [-0.1]])
def test_what_is_no_share_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="give shares"):
        cluster_mean(values)


def test_groups_must_be_as_many_as_values() -> None:
    with pytest.raises(ValueError, match="2 groups of 3 values"):
        cluster_mean([1, 0, 1], ["a", "b"])


def test_an_estimate_never_stands_without_its_interval() -> None:
    estimate = Estimate(0.625, 0.51, 0.7271, 64, 16, "any")
    assert estimate.words() == "62.5 % [51.0, 72.7], n = 64, 16 groups"
    assert Estimate(0.5, 0.1, 0.9, 2, 2, "any").words(0) == "50 % [10, 90], n = 2"
    assert estimate.told(2) == {
        "value": 0.62, "ci95": [0.51, 0.73], "n": 64, "groups": 16, "method": "any",
    }  # fmt: skip
