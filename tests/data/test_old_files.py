"""Files that were written before names changed are read as what they are.

`old_run` was made by the code of commit efde6bb with the crew of these tests: a run that was
killed while teachers were at work, and beside it the items, counts and funnel that the old code came to.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from data.crew import Crew, curated
from pydantic import BaseModel, ValidationError

from deepeyes.core.errors import ConfigError
from deepeyes.data.export.formats import export
from deepeyes.data.item import Item, TraceRef, Trial
from deepeyes.data.recipe import CurationRecipe, ExportOptions
from deepeyes.data.run.folder import RunFolder, StageCount
from deepeyes.data.sources.source import Source
from deepeyes.data.stages.select.decontaminate import BenchmarkIndex
from deepeyes.data.stages.select.mix import Mixture

pytest.importorskip("datasketch")
pytest.importorskip("imagehash")

OLD = Path(__file__).with_name("old_run")


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the old run, in the folder that its recipe's paths are relative to."""
    shutil.copytree(OLD, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def as_then(item: Item) -> Item:
    """The item without what the old code did not note: what was answered in the place of what was right."""
    rates = {name: rate.model_copy(update={"missed": ""}) for name in RATES if (rate := getattr(item, name))}
    trials = tuple(trial.model_copy(update={"missed": ""}) for trial in item.trials)
    return item.model_copy(update={**rates, "trials": trials})


TRIES = {"tries", "malformed tries"}
RATES = ("without_tools", "with_tools")


def old_items(folder: Path) -> list[Item]:
    return [Item.model_validate_json(line) for line in (folder / "final.jsonl").read_bytes().splitlines()]


def test_a_run_that_the_old_code_began_goes_on_to_what_the_old_code_came_to(old: Path) -> None:
    crew = Crew()
    counts = curated(CurationRecipe.load(old / "recipe.toml"), old / "run", crew)
    assert list(map(as_then, RunFolder(old / "run").final())) == old_items(old)
    then = json.loads((old / "funnel.json").read_text())["stages"]
    for count, before in zip(counts, map(StageCount.model_validate, then), strict=True):
        assert count.model_copy(update={"notes": {}}) == before.model_copy(update={"notes": {}})
        noted = [number for note, number in count.notes.items() if note not in TRIES]
        assert noted == list(before.notes.values())
    assert "pupil" not in crew.models, "what it said counts as it stands"
    written = "".join(path.read_text() for path in (old / "run/stages/12-split").iterdir())
    for name in ("lane", "given", "aided", "shelf", "looks", "licence", "faults"):
        assert f'"{name}' not in written


def test_old_settings_are_those_of_the_recipe_they_were_written_as(old: Path) -> None:
    recipe = CurationRecipe.load(old / "recipe.toml")
    assert recipe == CurationRecipe.load(old / "run/recipe.toml")
    assert (recipe.sources["rows"].license, recipe.sources["charts"].route) == ("CC0-1.0", "cold_start")
    assert (recipe.mix.by, recipe.export.images) == ("route", "full")
    assert recipe.decontaminate.against["harbour"].license == "CC BY 4.0"


def test_an_old_run_that_was_killed_while_reading_knows_its_files_again(old: Path) -> None:
    stages = sorted((old / "run/stages").iterdir())
    for stage in stages[1:]:
        shutil.rmtree(stage)
    (stages[0] / "done.json").unlink()
    (stages[0] / "part-00001.jsonl").unlink()
    recipe = CurationRecipe.load(old / "recipe.toml")
    curated(recipe, old / "run")
    assert list(map(as_then, RunFolder(old / "run").final())) == old_items(old)
    (stages[0] / "done.json").unlink()
    (old / "source/rows.jsonl").write_text("{}")
    with pytest.raises(ConfigError, match="files of rows changed since the run began: choose another --out"):
        curated(recipe, old / "run")


def test_an_old_run_is_exported_with_its_masked_turns(old: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    curated(CurationRecipe.load(old / "recipe.toml"), old / "run")
    place, _ = export(old / "run", "trl")
    rows = [row for file in (place / "sft").iterdir() for row in parquet.read_table(file).to_pylist()]
    masked = {row["id"]: row["masked_turns"] for row in rows}
    assert masked == {"charts/chart-train-39-0": [0], "long/row-0": [], "rows/2": [], "talk/row-0": []}


ITEM = {
    "task": {"id": "s/1", "question": "What?", "answer": "7"},
    "source": "s",
    "row": 1,
    "lane": "cold_start",
    "licence": "MIT",
    "unaided": {"model": "m", "right": 1, "asked": 8},
    "aided": {"model": "m", "right": 2, "asked": 8, "called": 3},
    "trials": [
        {"teacher": "t", "ref": {"shelf": "x-t", "part": 2, "id": "s/1#0"}, "faults": ["loops"], "given": [1]}
    ],
    "trace": {"shelf": "x-t", "part": 2, "id": "s/1#0"},
    "given": [1],
    "looks": ["0f"],
}
LATER = {"unsure": 0, "malformed": 0, "missed": ""}
"""What is counted since, in counts of before."""
COUNT = {"name": "mix", "into": 3, "passed": 0, "kept": 3, "rejected": {}, "sources": {"s": 3}, "parts": 1}
INDEX = {
    "name": "b",
    "fingerprint": "f-2",
    "rows": 2,
    "unreadable": {},
    "lost": 1,
    "looks": ["0f"],
    "questions": [],
}


@pytest.mark.parametrize(
    ("model", "old", "new"),
    [
        (
            Item,
            ITEM,
            {
                "route": "cold_start",
                "license": "MIT",
                "without_tools": {"model": "m", "right": 1, "asked": 8, "called": 0, **LATER},
                "with_tools": {"model": "m", "right": 2, "asked": 8, "called": 3, **LATER},
                "masked_turns": (1,),
                "fingerprints": ("0f",),
            },
        ),
        (Trial, ITEM["trials"][0], {"failed_checks": ("loops",), "masked_turns": (1,)}),
        (TraceRef, ITEM["trace"], {"store": "x-t", "part": 2}),
        (StageCount, {**COUNT, "lanes": {"rl": 3}}, {"routes": {"rl": 3}}),
        (BenchmarkIndex, INDEX, {"digest": "f-2", "unreadable_images": 1, "fingerprints": ("0f",)}),
        (Source, {"kind": "jsonl", "lane": "rl", "licence": "MIT"}, {"route": "rl", "license": "MIT"}),
        (Mixture, {"by": "lane"}, {"by": "route"}),
        (ExportOptions, {"pictures": "full"}, {"images": "full"}),
    ],
)
def test_a_table_with_old_names_is_read_and_written_with_new_ones(
    model: type[BaseModel], old: dict[str, Any], new: dict[str, Any]
) -> None:
    read = model.model_validate_json(json.dumps(old))
    dumped = read.model_dump()
    assert {name: dumped[name] for name in new} == new
    assert model.model_validate_json(read.model_dump_json()) == read


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (Source, {"kind": "jsonl", "lane": "rl", "route": "rl"}),
        (Source, {"kind": "jsonl", "licence": "MIT", "license": "MIT"}),
        (ExportOptions, {"pictures": "full", "images": "full"}),
        (Mixture, {"by": "lanes"}),
    ],
)
def test_two_names_for_one_setting_are_refused(model: type[BaseModel], fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(fields)
