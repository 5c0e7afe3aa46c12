"""The benchmark of rollouts runs, small, and its numbers are those of what was played."""

import json
from typing import Any

import pytest

import benchmarks.rollouts as benchmark


def measured(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    benchmark.main([*arguments, "--json"])
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_both_sides_play_the_same_questions(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("trl")
    report = measured(capsys, "--only", "trl", "--groups", "2", "--rounds", "1")
    assert report["episodes"] == 16 and report["logprob_max_diff"] <= 1e-4
    assert report["trl_ratio"] > 0 and report["episodes_per_min_per_core"] > 0
    for name in ("calls", "tokens"):  # sampled apart, so alike and not equal
        assert 0.5 < report[name] / report[f"trl_{name}"] < 2
    assert min(report["right"], report["trl_right"]) > 0, "the peer's episodes are graded, and some are right"


@pytest.mark.slow
def test_slow_tools_are_waited_for_together(capsys: pytest.CaptureFixture[str]) -> None:
    report = measured(capsys, "--only", "slow", "--episodes", "6", "--slow", "0.5")
    assert report["slow_lock_step_seconds"] >= 6 * benchmark.CALLS * 0.5, "one call after the other"
    assert report["slow_seconds"] >= benchmark.CALLS * 0.5
    assert report["slow_tool_ratio"] > 1 and 0 <= report["idle_share"] < 1


def test_without_history_the_engine_is_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    report = measured(capsys, "--only", "engine", "--before", "no-such-commit")
    assert report["engine_ratio"] is None and "no-such-commit" in report["engine_before"]
