"""Agreement with people, on counts worked out by hand."""

import pytest

from deepeyes.analysis.agreement import Agreement
from deepeyes.analysis.stats import wilson
from deepeyes.core.verdict import Outcome

RIGHT, WRONG, UNSURE = Outcome.right, Outcome.wrong, Outcome.unsure


def counted(both_right: int, missed: int, false_credit: int, both_wrong: int, unsure: int = 0) -> Agreement:
    return Agreement.of(
        [(True, RIGHT)] * both_right
        + [(True, WRONG)] * missed
        + [(False, RIGHT)] * false_credit
        + [(False, WRONG)] * both_wrong
        + [(True, UNSURE)] * unsure
    )


def test_each_answer_is_counted_once_and_unsure_apart() -> None:
    told = counted(20, 5, 10, 15, unsure=7).told()
    low, high = wilson(35, 50)
    assert told == {
        "n": 57,
        "decided": 50,
        "agreement": 0.7,
        "ci95": [round(low, 4), round(high, 4)],
        "kappa": 0.4,
        "false_credit": 10,
        "missed": 5,
    }


@pytest.mark.parametrize(
    ("counts", "kappa"),
    [
        ((20, 5, 10, 15), 0.4),
        ((45, 15, 25, 15), 0.1304),
        ((25, 35, 5, 35), 0.2593),
        ((5, 0, 0, 5), 1.0),
        ((0, 5, 5, 0), -1.0),
        ((5, 0, 5, 0), 0.0),
    ],
)
def test_kappa_is_cohens(counts: tuple[int, int, int, int], kappa: float) -> None:
    assert counted(*counts).kappa == pytest.approx(kappa, abs=1e-4)


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (9, 0, 0, 0), (0, 0, 0, 9)])
def test_kappa_of_nothing_to_tell_apart_is_none(counts: tuple[int, int, int, int]) -> None:
    assert counted(*counts).kappa is None


def test_nothing_decided_agrees_with_nothing() -> None:
    none = counted(0, 0, 0, 0, unsure=3)
    assert (none.n, none.decided, none.agreement, none.interval) == (3, 0, None, (0.0, 1.0))
