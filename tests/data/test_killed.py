"""A run that is killed comes to what an undisturbed run comes to: nothing twice, nothing lost."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from data.crew import Crew, curated, recipe_values, write_rows

from deepeyes.core.config import to_toml
from deepeyes.core.errors import ConfigError
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.folder import RunFolder, StageFolder

pytest.importorskip("datasketch")
pytest.importorskip("imagehash")

SCRIPT = Path(__file__).with_name("curate_once.py")
CLOCKS = {"started", "seconds", "model_seconds", "tool_seconds"}


def without_clocks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_clocks(inner) for key, inner in value.items() if key not in CLOCKS}
    return [without_clocks(inner) for inner in value] if isinstance(value, list) else value


def result(run: Path) -> dict[str, Any]:
    """Everything a run leaves, clocks apart; traces by id, because episodes end in any order."""
    found: dict[str, Any] = {}
    for path in sorted(run.rglob("*")):
        name = str(path.relative_to(run))
        assert not name.endswith((".part", ".tmp")) or not path.is_file(), f"{name} was left behind"
        if path.name == "traces.jsonl":
            traces = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
            assert max(Counter(trace["id"] for trace in traces).values()) == 1, f"{name}: an episode twice"
            found[name] = {trace["id"]: without_clocks(trace) for trace in traces}
        elif path.suffix in (".jsonl", ".json", ".toml", ".md"):
            found[name] = path.read_text()
        elif path.is_file():
            found[name] = path.stat().st_size
    return found


def write_recipe(folder: Path, rows: int) -> Path:
    values = recipe_values(write_rows(folder / "source", rows), teachers=("moody", "teacher"))
    path = folder / "recipe.toml"
    path.write_text(to_toml(values))
    return path


def run_once(recipe: Path, out: Path, seconds: float | None = None) -> bool:
    """Run in a process of its own, killed after `seconds`; whether it came to its end."""
    command = [sys.executable, str(SCRIPT), str(recipe), str(out), "0.01"]
    process = subprocess.Popen(command, start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        return process.wait(timeout=seconds) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False


def begun(out: Path) -> str:
    """Where a killed run was."""
    stages = RunFolder(out).stages()
    return stages[-1].name if stages else "nothing"


@pytest.mark.slow
def test_a_run_killed_twenty_times_comes_to_the_same(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, rows=48)
    start = time.monotonic()
    assert run_once(recipe, tmp_path / "undisturbed")
    whole = time.monotonic() - start
    rng = random.Random(7)
    places: Counter[str] = Counter()
    kills = ended = 0
    out = tmp_path / "killed-0"
    for _ in range(80):
        if kills == 20:
            break
        if run_once(recipe, out, rng.uniform(0.3, 0.75) * whole):
            # It came to its end between kills: that one must be right too, and the rest kill another run.
            assert result(out) == result(tmp_path / "undisturbed")
            ended += 1
            out = tmp_path / f"killed-{ended}"
        else:
            kills += 1
            places[begun(out)] += 1
    assert kills == 20, places
    assert run_once(recipe, out)
    assert result(out) == result(tmp_path / "undisturbed")


class Stopped(BaseException):
    """Stands for the end of the process at a write."""


@pytest.mark.parametrize("seed", range(6))
def test_a_run_that_stops_at_any_write_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    file = write_rows(tmp_path / "source", 20)
    recipe = CurationRecipe.model_validate(recipe_values(file, teachers=("moody", "teacher")))
    curated(recipe, tmp_path / "undisturbed", Crew())
    rng, write, left = random.Random(seed), StageFolder.write, 0

    def unreliable(self: StageFolder, number: int, items: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Stopped
        write(self, number, items)

    monkeypatch.setattr(StageFolder, "write", unreliable)
    for _ in range(60):
        left = rng.randrange(1, 6)
        try:
            curated(recipe, tmp_path / "stopped", Crew())
            break
        except Stopped:
            continue
    assert result(tmp_path / "stopped") == result(tmp_path / "undisturbed")


def test_half_written_files_are_swept_up(tmp_path: Path) -> None:
    recipe = CurationRecipe.model_validate(recipe_values(write_rows(tmp_path / "source", 3)))
    curated(recipe, tmp_path / "run", Crew())
    before = result(tmp_path / "run")
    for stale in ("stages/.x.part", "images/a.1.part", ".funnel.json.ab.part"):
        (tmp_path / "run" / stale).write_text("half")
    curated(recipe, tmp_path / "run", Crew())
    assert result(tmp_path / "run") == before


def test_what_is_done_is_not_asked_again(tmp_path: Path) -> None:
    recipe = CurationRecipe.model_validate(recipe_values(write_rows(tmp_path / "source", 12)))
    first, again = Crew(), Crew()
    counts = curated(recipe, tmp_path / "run", first)
    assert curated(recipe, tmp_path / "run", again) == counts
    assert first.models["pupil"].sent > 0 and not again.models


def changed(values: dict[str, Any], section: str, **fields: Any) -> CurationRecipe:
    return CurationRecipe.model_validate({**values, section: {**values.get(section, {}), **fields}})


@pytest.mark.parametrize(
    ("section", "fields"),
    [
        ("export", {"tools": ["search"]}),
        ("split", {"validation": 0.5}),
        ("mix", {"caps": {"rows": 3}}),
        ("verifiable", {"max_chars": 2}),
        ("difficulty", {"max_right": 0}),
        ("tool_benefit", {"k": 4}),
        ("tool_benefit", {"solved_at": 4}),
        ("synthesize", {"attempts": 2}),
    ],
)
def test_a_changed_recipe_is_taken_up_without_asking_again(
    tmp_path: Path, section: str, fields: dict[str, Any]
) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 16))
    other = changed(values, section, **fields)
    curated(values, tmp_path / "run", Crew())
    again = Crew()
    counts = curated(other, tmp_path / "run", again)
    wanted = curated(other, tmp_path / "fresh", Crew())
    assert counts == wanted
    assert RunFolder(tmp_path / "run").final() == RunFolder(tmp_path / "fresh").final()
    assert CurationRecipe.load(tmp_path / "run/recipe.toml") == other
    assert "pupil" not in again.models or not again.models["pupil"].sent


def test_teachers_in_another_order_are_another_recipe(tmp_path: Path) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 9, first=1), teachers=("moody", "teacher"))
    teachers = dict(reversed(values["synthesize"]["teachers"].items()))
    other = changed(values, "synthesize", teachers=teachers)
    curated(values, tmp_path / "run", Crew())
    curated(other, tmp_path / "run", Crew())
    curated(other, tmp_path / "fresh", Crew())
    assert RunFolder(tmp_path / "run").final() == RunFolder(tmp_path / "fresh").final()


def test_what_models_said_is_not_thrown_away_nor_mixed(tmp_path: Path) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 12))
    run, fresh = tmp_path / "run", tmp_path / "fresh"
    curated(values, run, Crew())
    before = result(run)
    hotter = changed(values, "tool_benefit", temperature=0.5)
    teacher = {"teacher": {**values["synthesize"]["teachers"]["teacher"], "temperature": 0.1}}
    for other in (
        hotter,
        changed(values, "normalise", question_chars=50),
        changed(values, "synthesize", seed=9),
        changed(values, "synthesize", teachers=teacher),
        CurationRecipe.model_validate({**values, "batch": 5}),
    ):
        with pytest.raises(ConfigError, match="delete that folder"):
            curated(other, run, Crew())
        assert result(run) == before
    shutil.rmtree(run / "episodes/tool_benefit")
    curated(hotter, run, Crew())
    curated(hotter, fresh, Crew())
    assert RunFolder(run).final() == RunFolder(fresh).final()


def test_another_source_is_read_anew_where_no_model_was_asked(tmp_path: Path) -> None:
    long = [{"id": n, "question": f"{n} + {n}?", "answer": 2 * n, "why": f"{n} twice."} for n in range(4)]
    (tmp_path / "long.jsonl").write_text("".join(json.dumps(one) + "\n" for one in long))
    source = {"kind": "jsonl", "path": str(tmp_path / "long.jsonl"), "columns": {"reasoning": "why"}}
    recipe = CurationRecipe.model_validate({"sources": {"long": source}})
    curated(recipe, tmp_path / "run", Crew())
    for one in long:
        one["why"] = "Because."
    (tmp_path / "long.jsonl").write_text("".join(json.dumps(one) + "\n" for one in long))
    other = CurationRecipe.model_validate({"sources": {"long": {**source, "limit": 3}}})
    assert curated(other, tmp_path / "run", Crew())[-1].kept == 3
    folder = RunFolder(tmp_path / "run")
    traces = list(folder.traces(item.trace for item in folder.final() if item.trace))
    assert all("Because." in trace.turns[0].text for trace in traces)
