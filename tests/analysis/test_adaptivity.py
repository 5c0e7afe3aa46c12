"""Calls and right answers by what a question takes, and what changed, on episodes that are made up."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from analysis.graded import graded

from deepeyes.analysis.adaptivity import adaptivity, changes, label_by
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import Trace

KIND = label_by("kind")


def run(large: int, small: int, *, right: int = 8, **more: Any) -> list[Trace]:
    """Ten episodes of large signs and ten of small ones, so many with a call; `right` of each are right."""
    return [
        graded(f"{kind}{n}", float(n < right), kind=kind, calls=int(n < called), family="legible", **more)
        for kind, called in (("large", large), ("small", small))
        for n in range(10)
    ]


def test_calls_and_right_answers_are_told_by_kind_with_intervals() -> None:
    found = adaptivity(run(5, 10), KIND)
    assert list(found) == ["large", "small"]
    assert (found["large"].call_rate.value, found["small"].call_rate.value) == (0.5, 1.0)
    assert found["large"].call_rate.low < 0.3 < 0.7 < found["large"].call_rate.high
    assert found["small"].accuracy.value == 0.8 and found["small"].accuracy.n == 10


def test_a_halved_call_rate_is_seen_on_the_same_questions() -> None:
    found = changes(run(8, 10), run(4, 10), KIND)
    assert found["large"].call_rate.value == pytest.approx(-0.4) and found["large"].call_rate_ratio == 0.5
    assert found["small"].call_rate.value == 0 and found["small"].call_rate_ratio == 1
    assert (
        found["large"].accuracy.value == 0 and found["large"].accuracy.low < 0 < found["large"].accuracy.high
    )


def test_what_only_one_run_has_is_counted_and_left_out() -> None:
    after = [one for one in run(0, 10) if one.task.id != "large9"]
    found = changes(run(10, 10), [*after, graded("large11", kind="large")], KIND)
    assert found["large"].call_rate.n == 9 and found["large"].unmatched == 2
    assert changes([], run(0, 0), KIND)["large"].unmatched == 10
    assert changes(run(0, 0), run(0, 0), KIND)["large"].call_rate_ratio is None


def test_failures_of_ours_are_no_episodes() -> None:
    lost = graded("large0", kind="large", stop=StopReason.infrastructure_error)
    assert "large" not in adaptivity([lost], KIND)


def test_episodes_of_one_group_count_as_fewer() -> None:
    alone = adaptivity(run(5, 10), KIND)["large"].call_rate
    together = adaptivity(
        [one.model_copy(update={"task": one.task.model_copy(update={"group": "g"})}) for one in run(5, 10)],
        KIND,
    )["large"].call_rate
    assert together.groups == 1 and together.high - together.low > alone.high - alone.low


def test_numbers_fall_between_edges() -> None:
    label = label_by("pixels", (12, 8))
    rows = [graded(f"q{n}", truth={"pixels": n}) for n in (7, 8, 11.9, 12, 40)]
    assert [label(one.task) for one in rows] == ["below 8", "8 to 12", "8 to 12", "from 12", "from 12"]
    assert label_by("tools")(graded("q", meta={"tools": 2}).task) == "2"
    assert label(graded("q").task) == "" and adaptivity([graded("q")], label) == {}


def test_the_command_compares_runs(tmp_path: Path) -> None:
    for name, traces in (("before", run(8, 10)), ("after", run(4, 10))):
        (tmp_path / name).mkdir()
        lines = "".join(f"{one.model_dump_json()}\n" for one in traces)
        (tmp_path / name / "traces.jsonl").write_text(lines, encoding="utf-8")
    words = [sys.executable, "-m", "benchmarks.adaptivity", str(tmp_path / "before"), str(tmp_path / "after")]
    told = json.loads(subprocess.run([*words, "--json"], check=True, capture_output=True).stdout)
    before, after = told.values()
    assert before["changes"] == {} and after["changes"]["large"]["call_rate_ratio"] == 0.5
    text = subprocess.run([*words, "--family", "legible"], check=True, capture_output=True, text=True).stdout
    assert "| large | 40.0 %" in text and "-40.0 %" in text
