"""Advantages: centred by group, scaled as asked, and never out of nothing."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.core.errors import InputError
from deepeyes.train.rl.advantages import advantages, is_mixed

REWARDS = st.lists(st.lists(st.floats(-2, 2), min_size=1, max_size=8), min_size=1, max_size=5)


@given(REWARDS, st.sampled_from(["group", "batch", "none"]))
def test_the_advantages_of_a_group_add_up_to_nothing(groups: list[list[float]], scale: str) -> None:
    for values in advantages(groups, scale):  # pyright: ignore[reportArgumentType]
        assert sum(values) == pytest.approx(0, abs=1e-6)


def test_a_group_is_scaled_by_its_own_deviation() -> None:
    ((first, *_),) = advantages([[1.0, 0.2, 0.2, 0.2]])
    assert first == pytest.approx((1 - 0.4) / (statistics.stdev([1.0, 0.2, 0.2, 0.2]) + 1e-4))


def test_the_batch_may_scale_all_groups_alike() -> None:
    groups = [[1.0, 0.0], [0.6, 0.4]]
    loud, quiet = advantages(groups, "batch")
    assert loud[0] / quiet[0] == pytest.approx(5)
    assert loud[0] == pytest.approx(0.5 / (statistics.stdev([1.0, 0.0, 0.6, 0.4]) + 1e-4))


def test_unscaled_advantages_are_differences_of_rewards() -> None:
    assert advantages([[1.0, 0.0, 0.5]], "none") == [[0.5, -0.5, 0.0]]


@pytest.mark.parametrize("rewards", [[0.3] * 8, [1.0], [0.1 + 0.2, 0.3]])
def test_a_group_of_equals_teaches_nothing(rewards: list[float]) -> None:
    (values,) = advantages([rewards])
    assert values == pytest.approx([0.0] * len(rewards), abs=1e-9)
    assert not is_mixed(rewards)


def test_a_group_with_one_better_episode_is_mixed() -> None:
    assert is_mixed([0.2, 0.2, 1.0]) and not is_mixed([])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_reward_that_is_no_number_stops_the_run_with_a_reason(bad: float) -> None:
    with pytest.raises(InputError, match="not a finite number"):
        advantages([[1.0, bad]])
