"""Alarms: what goes wrong is named with the step at which it began, and a bumpy curve is left in peace."""

from typing import Any

import pytest

from deepeyes.train.rl.alarms import alarms


def curve(key: str, values: list[float | None], **rest: float) -> list[dict[str, Any]]:
    healthy = {"calls": 1.2, "entropy": 0.5, "reply_tokens": 100.0, "mixed": 0.5, "format": 0.9, **rest}
    return [{"step": step, **healthy, key: value} for step, value in enumerate(values)]


@pytest.mark.parametrize(
    ("name", "key", "good", "bad"),
    [
        ("calls die out", "calls", 1.2, 0.3),
        ("placeholder code", "placeholder_code", 0.0, 0.9),
        ("length explodes", "reply_tokens", 100.0, 900.0),
        ("entropy collapses", "entropy", 0.5, 0.01),
        ("no signal", "mixed", 0.5, 0.0),
        ("form is lost", "format", 0.9, 0.2),
        ("sampler and learner differ", "logprob_diff_max", 1e-6, 0.4),
    ],
)
def test_what_goes_wrong_is_named_with_the_step_at_which_it_began(
    name: str, key: str, good: float, bad: float
) -> None:
    values: list[float | None] = [good] * 6 + [bad] * 6
    (found,) = alarms(curve(key, values))
    assert found.name == name and 6 <= found.since <= 8 and ":" in found.what
    assert alarms(curve(key, values[:6])) == []


def test_one_odd_step_raises_nothing() -> None:
    assert alarms(curve("calls", [1.2] * 5 + [0.0] + [1.2] * 4)) == []


def test_what_has_mended_is_not_told_any_more() -> None:
    assert alarms(curve("calls", [1.2] * 4 + [0.1] * 4 + [1.2] * 4)) == []


def test_a_model_that_never_called_does_not_stop_calling() -> None:
    assert alarms(curve("calls", [0.0] * 10)) == []


def test_missing_numbers_and_short_curves_raise_nothing() -> None:
    assert (
        alarms([]) == [] and alarms(curve("calls", [None] * 8)) == [] and alarms(curve("calls", [0.1])) == []
    )
