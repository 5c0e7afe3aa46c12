"""The nano model's stages from an empty folder to weights that answer, in small."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from stopping import at_every_step, tree

from deepeyes.core.claim import hold
from deepeyes.core.config import to_toml
from deepeyes.core.errors import ConfigError, StorageError
from deepeyes.models.registry import resolve_model
from deepeyes.train.nano import recipe as nano
from deepeyes.train.nano.recipe import Recipe, install, run, shareable


def small(**changes: Any) -> Recipe:
    """The shipped recipe, far too small to learn anything."""
    values = tomllib.loads(Path("recipes/nano/nano.toml").read_text())
    values["size"] |= {"hidden": 64, "layers": 1, "heads": 2, "kv_heads": 1, "ffn": 64}
    values["size"] |= {"vision_hidden": 32, "vision_depth": 1, "vision_heads": 1, "vision_ffn": 32}
    for stage in ("dense", "copy", "base", "cold"):
        values[stage] |= {"steps": 2, "batch": 2, "warmup": 1, "reuse": 1}
    values["cold"] |= {
        "shares": {"tiny": 0.4, "direct": 0.4},
        "ablations": {"look": ["tiny"]},
        "ablation_steps": 2,
    }
    values["traces"] = {"shard": 10, "examples": {"tiny": 10, "direct": 10}}
    return Recipe.model_validate(values | changes)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("nano")
    run(small(), out)
    return out


def held_out(folder: Path) -> dict[str, float]:
    lines = [json.loads(line) for line in (folder / "curves.jsonl").read_text().splitlines()]
    return [line["held_out"] for line in lines if "held_out" in line][-1]


def test_every_stage_leaves_a_checkpoint_and_what_it_reaches(made: Path) -> None:
    for stage in ("dense", "copy", "base", "cold"):
        assert (made / stage / "model.safetensors").exists() and held_out(made / stage)
        assert not (made / stage / "checkpoint.pt").exists()
    assert set(held_out(made / "cold")) == {"tiny", "direct"}
    assert len((made / "traces" / "tiny-000000.jsonl").read_text().splitlines()) == 10


def test_what_is_done_is_not_done_again(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stage in ("run_dense", "run_lessons", "run_cold"):
        monkeypatch.setattr(nano, stage, lambda *_: pytest.fail("done already"))
    run(small(), made)


def test_an_ablation_lies_beside_the_others(made: Path) -> None:
    run(small(), made, "look")
    assert (made / "cold-look" / "model.safetensors").exists()
    with pytest.raises(ConfigError, match="no ablation 'hear'"):
        run(small(), made, "hear")


def test_the_stages_of_another_recipe_are_not_taken_for_its_own(made: Path) -> None:
    with pytest.raises(ConfigError, match=r"traces holds another run: made.json in it differs in seed:"):
        run(small(seed=9), made)
    longer = small()
    longer = longer.model_copy(update={"base": longer.base.model_copy(update={"steps": 3})})
    with pytest.raises(ConfigError, match=r"base holds another run: made.json in it differs in base.steps:"):
        run(longer, made)


def test_a_stage_is_done_when_its_weights_are_whole(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it writes them, it goes on from its last checkpoint."""
    cold = made / "cold"
    (cold / "model.safetensors").rename(cold / "kept")

    class Killed(Exception):
        pass

    def dies(*_: Any) -> None:
        raise Killed

    monkeypatch.setattr(nano, "build_processor", dies)
    with pytest.raises(Killed):
        run(small(), made)
    assert not (cold / "model.safetensors").exists() and not list(cold.glob("tmp*"))
    monkeypatch.undo()
    run(small(), made)
    again, before = load_file(cold / "model.safetensors"), load_file(cold / "kept")
    assert all(torch.equal(again[name], before[name]) for name in before)


def test_a_checkpoint_is_done_only_when_all_of_it_is_there(made: Path, tmp_path: Path) -> None:
    """Ended at any step while it is kept: a reader has all of it or no weights, and it goes on."""
    speak, tokenizer = nano.load(made / "cold", 0.1)
    names = {str(path.relative_to(made / "cold")) for path in (made / "cold").rglob("*") if path.is_file()}
    kept = names - {"made.json", "curves.jsonl", "kept"}

    def look(folder: Path) -> None:
        there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert "model.safetensors" not in there or kept <= there

    def act(folder: Path) -> None:
        nano.save(folder, speak.dense, tokenizer, small().size)

    def read(folder: Path) -> dict[str, bytes]:
        return tree(folder)

    assert at_every_step(act, look, tmp_path, read=read) > len(kept)


def test_weights_are_installed_whole(made: Path, tmp_path: Path) -> None:
    """Ended at any step, a stage's folder is all old or all new."""
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(to_toml(small().model_dump(by_alias=True)))
    install(recipe, made, tmp_path / "new")
    new = {stage: tree(tmp_path / "new" / stage) for stage in ("base", "cold")}

    def begin(folder: Path) -> None:
        for stage in ("base", "cold"):
            (folder / stage).mkdir()
            (folder / stage / "config.json").write_text("old")

    def look(folder: Path) -> None:
        for stage in ("base", "cold"):
            there = tree(folder / stage) if (folder / stage).exists() else None
            assert there in ({"config.json": b"old"}, new[stage], None)

    def act(folder: Path) -> None:
        install(recipe, made, folder)

    at_every_step(act, look, tmp_path / "each", begin=begin)


def test_two_runs_in_one_folder_are_told_apart(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hold(made):
        with pytest.raises(StorageError, match="another process is at work in"):
            run(small(), made)
        monkeypatch.setenv("RANK", "1")
        run(small(), made)  # of the same run as the first rank, whose lock is the run's


def test_what_a_killed_save_left_is_cleared(made: Path) -> None:
    left = [made / place / f".checkpoint.pt.{'0' * 16}.part" for place in ("", "dense", "cold", "traces")]
    for path in left:
        path.write_text("half")
    run(small(), made)
    assert not any(path.exists() for path in left)


def test_installed_weights_are_loaded_by_name(made: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(to_toml(small().model_dump(by_alias=True)))
    for stage in ("base", "cold"):
        (tmp_path / "weights" / stage).mkdir(parents=True)
    install(recipe, made, tmp_path / "weights")
    assert (tmp_path / "weights" / "cold" / "recipe.toml").exists()
    assert resolve_model(f"nano:{tmp_path / 'weights' / 'cold'}").name.startswith("nano")


@pytest.mark.parametrize(("most", "number"), [(0, 1), (1, 1), (2, 2), (7, 2), (64, 2)])
def test_processes_share_every_batch(most: int, number: int) -> None:
    assert shareable(small(), most) == number
