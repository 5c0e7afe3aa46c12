"""Alarms: what goes wrong is named with the step at which it began, and a bumpy curve is left in peace."""

import random
from pathlib import Path
from typing import Any

import pytest

from deepeyes.train.rl.alarms import alarms
from deepeyes.train.rl.plots import PANELS, plot, smoothed


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
    assert found.name == name and 6 <= found.since <= 8 and ":" in found.what and found.about == key
    assert found.told.startswith(f"{name} since step {found.since}: ")
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


def healthy(seed: int, *, groups: int, samples: int = 8, steps: int = 80) -> list[dict[str, Any]]:
    """A run as those on the embedded model went: reward rises, calls, words and entropy fall by a third, and
    every number is the mean of as many random episodes as a step plays.
    """
    rng = random.Random(seed)
    n = groups * samples
    lines: list[dict[str, Any]] = []
    for step in range(steps):
        gone = step / steps
        calls = sum(rng.choice((0, 1, 1, 2, 2)) for _ in range(n)) / n * (1 - 0.33 * gone)
        lines.append(
            {
                "step": step,
                "groups": groups,
                "reward": 0.4 + 0.3 * gone,
                "calls": calls,
                "reply_tokens": sum(rng.lognormvariate(4.8, 0.5) for _ in range(n)) / n * (1 - 0.33 * gone),
                "entropy": rng.gauss(0.115 - 0.035 * gone, 0.02),
                "mixed": sum(rng.random() < 0.45 for _ in range(groups)) / groups,
                "format": sum(rng.random() < 0.92 for _ in range(n)) / n,
                "placeholder_code": sum(rng.random() < 0.03 for _ in range(n)) / n,
                "logprob_diff_max": 10 ** rng.uniform(-6, -4),
            }
        )
    return lines


@pytest.mark.parametrize("groups", [2, 8, 32])
def test_no_alarm_fires_in_a_healthy_run_at_any_step(groups: int) -> None:
    for seed in range(20):
        lines = healthy(seed, groups=groups)
        fired = [(end, one.name) for end in range(1, len(lines) + 1) for one in alarms(lines[:end])]
        assert fired == [], f"seed {seed}"


@pytest.mark.parametrize(
    ("name", "key", "bad"),
    [
        ("calls die out", "calls", 0.0),
        ("placeholder code", "placeholder_code", 0.8),
        ("length explodes", "reply_tokens", 700.0),
        ("entropy collapses", "entropy", 0.004),
        ("no signal", "mixed", 0.0),
    ],
)
@pytest.mark.parametrize("groups", [2, 32])
def test_what_creeps_up_on_a_noisy_run_is_told_while_it_can_still_be_stopped(
    name: str, key: str, bad: float, groups: int
) -> None:
    lines = healthy(1, groups=groups)
    for line in lines[30:]:
        share = min(1.0, (line["step"] - 30) / 20)
        line[key] = (1 - share) * line[key] + share * bad
    (found,) = alarms(lines)
    assert found.name == name and 30 <= found.since <= (74 if groups == 2 else 53)
    assert alarms(lines[:31]) == []


def test_numbers_that_are_none_raise_no_alarm() -> None:
    assert alarms(curve("reply_tokens", [100.0] * 4 + [float("nan")] * 4)) == []
    assert alarms(curve("reply_tokens", [100.0] * 4 + [float("inf")] * 4)) == []


def test_a_smooth_line_stays_in_the_middle_of_its_numbers() -> None:
    rising = [float(step) for step in range(20)]
    assert smoothed(rising) == rising, "a straight line is its own mean, at both ends too"
    assert smoothed([0.0, 9.0, 0.0], 3) == [0.0, 3.0, 0.0] and smoothed([1.0], 9) == [1.0]


def test_curves_are_drawn_pale_behind_their_mean_with_the_step_of_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: (drawn.append(self), path.touch()))
    lines = healthy(3, groups=32)
    for line in lines[40:]:
        line["calls"] = 0.0
    lines[9] |= {"held_out/accuracy": 0.5, "held_out/accuracy_low": 0.4, "held_out/accuracy_high": 0.6}
    plot({"good $x$": healthy(4, groups=32), "bad": lines}, tmp_path / "both.png")
    (figure,) = drawn
    panels = {axis.get_title(): axis for axis in figure.axes}
    titles = dict(PANELS)
    calls = panels[titles["calls"]]
    assert [line.get_alpha() for line in calls.lines[:4]] == [0.3, None, 0.3, None]
    dotted = [line for line in calls.lines if line.get_linestyle() == ":"]
    assert [int(line.get_xdata()[0]) for line in dotted] == [alarms(lines)[0].since]
    assert "calls die out" in calls.texts[0].get_text()
    assert not [line for line in panels[titles["entropy"]].lines if line.get_linestyle() == ":"]
    assert len(panels[titles["held_out/accuracy"]].collections) == 1, "with its interval"
