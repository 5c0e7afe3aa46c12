"""Exports and runs that are ended at any step of theirs: whole before, whole after, and they go on."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from data.crew import Crew, recipe_values, write_rows
from data.test_killed import SCRIPT, result, write_recipe
from stopping import at_every_step, tree

from deepeyes.core.claim import hold, hold_to_read
from deepeyes.core.errors import StorageError
from deepeyes.data.curate import curate
from deepeyes.data.export.formats import export
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.claim import claimed
from deepeyes.data.run.folder import RunFolder

pytest.importorskip("datasketch")
pytest.importorskip("imagehash")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run that is complete."""
    folder = tmp_path_factory.mktemp("run")
    recipe = CurationRecipe.model_validate(recipe_values(write_rows(folder / "source", 4, first=1)))
    asyncio.run(curate(recipe, folder / "run", Crew()))
    return folder / "run"


@pytest.mark.parametrize("layout", ["traces", "sharegpt"])
def test_an_export_that_ends_at_any_step_leaves_the_old_or_the_new(
    run: Path, tmp_path: Path, layout: str
) -> None:
    """The earlier export has other files: a mixture would be neither."""
    export(run, layout, tmp_path / "new" / "it")
    new = tree(tmp_path / "new" / "it")
    old = {**{name: data + b"!" if data else data for name, data in new.items()}, "earlier": b"1"}
    seen: list[str] = []

    def begin(folder: Path) -> None:
        for name, data in old.items():
            if data or name == ".deepeyes-export":
                (folder / "it" / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / "it" / name).write_bytes(data)
            else:
                (folder / "it" / name).mkdir(parents=True, exist_ok=True)

    def look(folder: Path) -> None:
        there = tree(folder / "it")
        assert there in (old, new, {})
        seen.append("old" if there == old else "new" if there else "none")

    def act(folder: Path) -> None:
        export(run, layout, folder / "it")

    assert at_every_step(act, look, tmp_path, begin=begin) > len(new)
    assert seen.count("none") == 1 and seen[-1] == "new", "the end was met while the old one was deleted"
    assert not (run / ".deepeyes.lock").exists()


def test_a_changed_recipe_that_ends_at_any_step_is_taken_up_by_either(run: Path, tmp_path: Path) -> None:
    """Whichever recipe comes next, what is in the folder goes with the recipe in it."""
    values = recipe_values(run.parent / "source" / "rows.jsonl")
    before = CurationRecipe.load(run / "recipe.toml")
    after = CurationRecipe.model_validate({**values, "mix": {"caps": {"rows": 3}}})
    kept = [stage.path.name for stage in RunFolder(run).stages()]

    def begin(folder: Path) -> None:
        shutil.copytree(run, folder / "run")

    def claim(folder: Path, recipe: CurationRecipe = after) -> None:
        with claimed(RunFolder(folder / "run"), recipe):
            pass

    def look(folder: Path) -> None:
        there = [stage.path.name for stage in RunFolder(folder / "run").stages()]
        assert there == kept[: len(there)], "what is gone is gone from the end"
        assert all(tree(folder / "run/stages" / name) == tree(run / "stages" / name) for name in there), (
            "a stage is whole or not there"
        )
        recipe = CurationRecipe.load(folder / "run/recipe.toml")
        assert recipe == before or (recipe == after and "11-mix" not in there)
        other = folder / "other"
        shutil.copytree(folder / "run", other / "run")
        claim(other, before)
        asyncio.run(curate(before, other / "run", Crew()))
        assert result(other / "run") == result(run)
        shutil.rmtree(other)

    assert at_every_step(claim, look, tmp_path, begin=begin) > 10


def test_rows_written_down_again_are_removed_after_the_stages_that_name_them(tmp_path: Path) -> None:
    """Ended in between, the earlier recipe still finds every episode that its stages name."""
    rows = "".join(
        f'{{"id": {n}, "question": "{n} + {n}?", "answer": {2 * n}, "why": "{n} twice."}}\n' for n in range(4)
    )
    (tmp_path / "rows.jsonl").write_text(rows)
    source = {"kind": "jsonl", "path": str(tmp_path / "rows.jsonl"), "columns": {"reasoning": "why"}}
    before = CurationRecipe.model_validate({"sources": {"rows": source}})
    after = CurationRecipe.model_validate({"sources": {"rows": {**source, "limit": 3}}})
    asyncio.run(curate(before, tmp_path / "run", Crew()))

    def claim(folder: Path) -> None:
        with claimed(RunFolder(folder / "run"), after):
            pass

    def look(folder: Path) -> None:
        with claimed(RunFolder(folder / "run"), before):
            pass
        asyncio.run(curate(before, folder / "run", Crew()))
        there = RunFolder(folder / "run")
        assert len(list(there.traces(item.trace for item in there.final() if item.trace))) == 4

    def read(folder: Path) -> list[Any]:
        asyncio.run(curate(after, folder / "run", Crew()))
        return [result(folder / "run")]

    def begin(folder: Path) -> None:
        shutil.copytree(tmp_path / "run", folder / "run")

    assert at_every_step(claim, look, tmp_path, begin=begin, read=read) > 10


def test_a_stage_that_is_dropped_is_whole_or_gone(run: Path, tmp_path: Path) -> None:
    def drop(folder: Path) -> None:
        for stage in reversed(RunFolder(folder / "run").stages()):
            stage.drop()
        RunFolder(folder / "run").sweep()

    def look(folder: Path) -> None:
        for stage in RunFolder(folder / "run").stages():
            assert stage.count() is not None and list(stage.kept()) is not None

    def begin(folder: Path) -> None:
        shutil.copytree(run, folder / "run")

    at_every_step(drop, look, tmp_path, begin=begin)


def test_two_curations_in_one_folder_ask_nothing_twice(tmp_path: Path) -> None:
    """Two real processes: the second is told at once, and the first comes to what it would have come to."""
    recipe, out = write_recipe(tmp_path, rows=16), tmp_path / "run"
    assert subprocess.run([sys.executable, SCRIPT, recipe, tmp_path / "alone", "0.01"], check=True)
    first = subprocess.Popen([sys.executable, str(SCRIPT), str(recipe), str(out), "0.2"])
    while not (out / "recipe.toml").exists():
        assert first.poll() is None
    second = subprocess.run(
        [sys.executable, SCRIPT, recipe, out, "0.01"], capture_output=True, text=True, check=False
    )
    assert first.poll() is None, "it was refused while the first went on"
    assert (
        second.returncode
        and f"another process is at work in {out} (its number is {first.pid})" in second.stderr
    )
    assert first.wait(300) == 0
    assert result(out) == result(tmp_path / "alone")


def test_a_run_that_is_written_is_not_exported_nor_one_that_is_exported_changed(
    run: Path, tmp_path: Path
) -> None:
    recipe = CurationRecipe.load(run / "recipe.toml")
    with hold(run), pytest.raises(StorageError, match="another process is at work in"):
        export(run, "traces", tmp_path / "it")
    with hold_to_read(run):
        export(run, "traces", tmp_path / "it")
        crew = Crew()
        with pytest.raises(StorageError, match="another process is at work in"):
            asyncio.run(curate(recipe, run, crew))
        assert not crew.models
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it"]


def test_a_run_that_cannot_be_written_is_exported_elsewhere(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    opened = os.open

    def read_only(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(run)):
            raise OSError(30, "Read-only file system")
        return opened(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", read_only)
    assert export(run, "traces", tmp_path / "it")[1]


def test_an_export_that_an_older_version_left_half_written_is_swept_up(tmp_path: Path) -> None:
    recipe = CurationRecipe.model_validate(recipe_values(write_rows(tmp_path / "source", 3)))
    asyncio.run(curate(recipe, tmp_path / "run", Crew()))
    before = result(tmp_path / "run")
    (tmp_path / "run/export/.trl.part/sft").mkdir(parents=True)
    (tmp_path / "run/stages" / f".09-mix.{'0' * 16}.part").mkdir()
    (tmp_path / "run/stages" / f".09-mix.{'0' * 16}.part/done.json").write_text("{}")
    asyncio.run(curate(recipe, tmp_path / "run", Crew()))
    assert result(tmp_path / "run") == before
    assert not [*(tmp_path / "run/stages").glob(".*"), *(tmp_path / "run/export").glob(".*")]
