"""Pairs: the test against published p-values, and what groups do to a difference."""

import numpy as np
import pytest

from deepeyes.analysis.stats import bootstrap_difference, mcnemar, paired_difference, paired_p


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    # Fagerland, Lydersen and Laake 2013, table 5: airway hyper-responsiveness and complete response.
    [(1, 7, 0.0391), (59, 14, 0.0), (0, 0, 1.0), (4, 4, 1.0)],
)
def test_mid_p(only_a: int, only_b: int, p: float) -> None:
    assert mcnemar(only_a, only_b) == pytest.approx(p, abs=5e-5)
    assert mcnemar(only_b, only_a) == mcnemar(only_a, only_b)


def test_counts_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="give counts"):
        mcnemar(-1, 3)


def test_the_difference_has_a_side_and_a_width_where_no_pair_differs() -> None:
    a, b = [1, 1, 1, 0, 1, 0, 1, 1], [0, 1, 0, 0, 0, 0, 1, 0]
    found, back = paired_difference(a, b), paired_difference(b, a)
    assert found.value == 0.5 and back.value == -0.5
    assert (found.low, found.high) == pytest.approx((-back.high, -back.low))
    same = paired_difference(a, a)
    assert same.value == 0 and same.low < -0.1 and same.high > 0.1
    best = paired_difference([1] * 9, [0] * 9)
    assert (best.value, best.high) == (1, 1) and best.low < 0.9
    nothing = paired_difference([], [])
    assert (nothing.value, nothing.low, nothing.high) == (None, -1, 1)


def test_pairs_of_a_group_count_as_fewer() -> None:
    rng = np.random.default_rng(0)
    once = rng.integers(0, 2, (2, 60))
    a, b = (row.repeat(4).tolist() for row in once)
    groups = np.arange(60).repeat(4).tolist()
    grouped, alone = paired_difference(a, b, groups), paired_difference(a, b)
    true = paired_difference(once[0].tolist(), once[1].tolist())
    assert grouped.high - grouped.low == pytest.approx(true.high - true.low, rel=1e-6)
    assert alone.high - alone.low < 0.6 * (true.high - true.low)
    assert (grouped.n, grouped.groups) == (240, 60)


def test_p_values_of_copies_are_not_smaller() -> None:
    a, b = [1] * 12 + [0] * 4, [0] * 8 + [1] * 4 + [0] * 1 + [1] * 3
    p = paired_p(a, b)
    assert p == mcnemar(8, 3)
    copied = paired_p(a * 5, b * 5, [*range(16)] * 5)
    assert paired_p(a * 5, b * 5) < 0.01 < p < copied < 0.35
    assert paired_p([0.5, 0.25], [0.5, 0.25]) == 1.0, "partial credit, no difference"


@pytest.mark.parametrize("of", [paired_difference, paired_p, bootstrap_difference])
def test_lists_must_be_of_the_same_tasks(of: object) -> None:
    with pytest.raises(ValueError, match="2 and 1 values"):
        of([1, 0], [1])  # type: ignore[operator]


def test_seconds_are_no_scores() -> None:
    with pytest.raises(ValueError, match="bootstrap_difference"):
        paired_difference([12.0], [3.0])
    found = bootstrap_difference([12.0, 15.0, 11.0, 30.0], [3.0, 4.0, 3.5, 2.0])
    assert found.value == pytest.approx(13.875) and 0 < found.low < 13.875 < found.high
