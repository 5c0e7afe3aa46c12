"""Finding runs on disk."""

from pathlib import Path

import pytest
from eval.plans import SumsPlan, episode

from deepeyes.core.errors import InputError
from deepeyes.core.trace import TraceWriter
from deepeyes.eval.runs import PLAN_FILE, find_runs


def written(folder: Path, number: int, plan: SumsPlan | None = None) -> Path:
    TraceWriter(folder).write(episode(number, 1.0))
    if plan is not None:
        (folder / PLAN_FILE).write_text(plan.dump())
    return folder


def test_runs_below_a_folder_are_told_apart_by_the_ends_of_their_paths(tmp_path: Path) -> None:
    written(tmp_path / "nano" / "on", 1, SumsPlan(benchmark="sums", model="nano", n=3))
    written(tmp_path / "nano" / "off", 2, SumsPlan(model="nano", tools=False))
    written(tmp_path / "base" / "on", 3)
    runs = find_runs([tmp_path, tmp_path / "nano" / "on"])
    assert [run.label for run in runs] == ["base/on", "nano/off", "nano/on"]
    plain, off, on = runs
    assert (on.benchmark, on.model, on.tools, on.plan["n"]) == ("sums", "nano", True, 3)
    assert off.tools is False and plain.tools is None and not plain.benchmark and not plain.model
    assert [trace.id for trace in on.traces()] == ["t1#0"]


def test_one_run_is_called_like_its_folder(tmp_path: Path) -> None:
    (run,) = find_runs([written(tmp_path / "mine", 1)])
    assert run.label == "mine"


def test_a_path_without_traces_is_an_error_that_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no traces in .*: give a folder that --out"):
        find_runs([tmp_path])
    with pytest.raises(InputError, match=r"no folder .*missing"):
        find_runs([tmp_path / "missing"])


def test_a_damaged_plan_is_an_error(tmp_path: Path) -> None:
    (written(tmp_path, 1) / PLAN_FILE).write_text("n = ")
    with pytest.raises(InputError, match=r"reading .*plan\.toml"):
        find_runs([tmp_path])
