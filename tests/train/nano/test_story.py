"""The whole story in one command, too small to learn anything: resumed wherever it was killed, the same."""

import json
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from deepeyes.core.config import to_toml
from deepeyes.core.errors import ConfigError
from deepeyes.models.registry import resolve_model
from deepeyes.train.nano import __main__, loop, stages, story
from deepeyes.train.nano.checkpoint import install
from deepeyes.train.nano.recipe import NanoRecipe
from deepeyes.train.rl import loop as rl_loop

ORDER = ("dense", "copy", "base", "cold", "rl")


class Killed(BaseException):
    """Stands for the end of the process."""


def tiny_recipe(**changes: Any) -> dict[str, Any]:
    """`make nano-quick`, shrunk to seconds."""
    values = tomllib.loads(Path("recipes/nano/quick.toml").read_text())
    values["size"] |= {"hidden": 64, "layers": 1, "heads": 2, "kv_heads": 1, "ffn": 64}
    values["size"] |= {"vision_hidden": 32, "vision_depth": 1, "vision_heads": 1, "vision_ffn": 32}
    for stage in ("dense", "copy", "base", "cold"):
        values[stage] |= {"steps": 3, "batch": 2, "warmup": 1, "reuse": 1, "save_every": 0}
    values["cold"] |= {"shares": {"direct": 0.9}}
    values["traces"] = {"shard": 10, "examples": {"direct": 10}}
    rl = values["rl"]
    rl["tasks"] |= {"world": {"direct": 1.0}}
    rl["rollouts"] |= {"groups": 2, "samples": 2, "search": [], "mixed_only": False, "concurrency": 4}
    rl["rollouts"]["limits"] = {"turns": 1, "tokens_per_turn": 8}
    rl["optim"] |= {"steps": 3, "warmup": 0, "weight_decay": 0.5}  # no answer of its is right
    rl["watch"] |= {"every": 3, "n": 2}
    values["evaluation"]["command"] = [sys.executable, "-c", "print('measured {model}')"]
    return values | changes


@pytest.fixture(autouse=True, scope="module")
def little_to_draw() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "DENSE_HELD_OUT", 2)
        patch.setattr(stages, "LESSONS_HELD_OUT", 4)
        patch.setattr(stages, "corpus", partial(stages.corpus, rounds=300))
        patch.setattr(loop, "LOG_EVERY", 1)
        patch.setattr(rl_loop, "plot", lambda *_: None)
        patch.delenv("RANK", raising=False)
        yield


def told(folder: Path, recipe: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "recipe.toml").write_text(to_toml(recipe))
    return folder / "recipe.toml"


def nano(recipe: Path, out: Path) -> None:
    assert __main__.main([str(recipe), "--out", str(out), "--processes", "1"]) == 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    nano(told(out.parent / "recipes", tiny_recipe()), out)
    return out


def test_one_command_goes_from_nothing_to_a_measured_model(whole: Path) -> None:
    record = json.loads((whole / "run.json").read_text())
    assert list(record["stages"]) == ["dense", "copy", "base", "traces", "cold", "rl"]
    for stage in ORDER:
        said = record["stages"][stage]
        weights = (whole / stage / "model.safetensors").read_bytes()
        assert said["weights"] == sha256(weights).hexdigest() and said["steps"] == 3 and said["seconds"] > 0
        assert said["held_out"] or stage == "cold", "one trace in ten is kept for measuring"
    assert record["stages"]["traces"]["tried"] == 10
    assert record["seconds"] == pytest.approx(sum(one["seconds"] for one in record["stages"].values()), abs=1)
    assert (whole / "evaluation.txt").read_text() == f"measured nano:{whole / 'rl'}\n"
    begun, learned = (load_file(whole / stage / "model.safetensors") for stage in ("cold", "rl"))
    assert any(not torch.equal(begun[name], learned[name]) for name in begun), "taught, from the cold start"
    seeing = next(name for name in begun if "visual" in name)
    assert torch.equal(begun[seeing], learned[seeing])


def test_killed_again_and_again_the_same_command_goes_on_to_the_same(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = told(tmp_path / "recipes", tiny_recipe())
    out = tmp_path / "out"
    for place, (module, name) in {
        "dense": (loop, "_save"),
        "cold": (loop, "_save"),
        "rl": (rl_loop, "tell"),
        "evaluation": (story, "run_evaluation"),
    }.items():
        done = ORDER[: [*ORDER, "evaluation"].index(place)]
        with monkeypatch.context() as patch:
            dying(patch, module, name, out / place)
            with pytest.raises(Killed):
                nano(recipe, out)
        assert [stage for stage in ORDER if (out / stage / "model.safetensors").exists()] == list(done)
        assert not (out / "run.json").exists()
    nano(recipe, out)
    one, other = (json.loads((folder / "run.json").read_text())["stages"] for folder in (whole, out))
    assert {stage: one[stage].get("weights") for stage in one} == {
        stage: other[stage].get("weights") for stage in other
    }


def dying(patch: pytest.MonkeyPatch, module: Any, name: str, place: Path) -> None:
    """Let the process end at the second call that has to do with `place`, or the first that has not."""
    real, calls = getattr(module, name), 0

    def dies(where: Any, *words: Any, **more: Any) -> Any:
        nonlocal calls
        calls += place in (where, getattr(where, "parent", None))
        if calls == 2 or place.name == "evaluation":
            raise Killed
        return real(where, *words, **more)

    patch.setattr(module, name, dies)


def test_what_is_done_is_not_done_again(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "train_stage", lambda *_, **__: pytest.fail("done already"))
    monkeypatch.setattr(story, "train", lambda *_: pytest.fail("done already"))
    monkeypatch.setattr(story, "run_evaluation", lambda *_: pytest.fail("done already"))
    nano(whole.parent / "recipes" / "recipe.toml", whole)


def test_what_the_last_stage_made_is_installed_with_all_that_tells_of_it(whole: Path, tmp_path: Path) -> None:
    recipe = whole.parent / "recipes" / "recipe.toml"
    install(recipe, whole, tmp_path, last="rl")
    there = {path.name for path in (tmp_path / "cold").iterdir()}
    assert {"recipe.toml", "run.json", "evaluation.txt", "curves", "model.safetensors"} <= there
    assert {path.stem for path in (tmp_path / "cold" / "curves").iterdir()} == set(ORDER)
    kept = load_file(tmp_path / "cold" / "model.safetensors")
    made = load_file(whole / "rl" / "model.safetensors")
    assert all(torch.equal(kept[name], made[name].bfloat16()) for name in kept)
    assert resolve_model(f"nano:{tmp_path / 'cold'}").name.startswith("nano")


def test_a_story_that_cannot_end_is_told_before_it_begins(tmp_path: Path) -> None:
    def refused(**changes: Any) -> NanoRecipe:
        return NanoRecipe.model_validate(tiny_recipe(**changes)).checked()

    with pytest.raises(ConfigError, match="cannot be filled in"):
        refused(evaluation={"command": ["echo", "{modle}"]})
    rl = tiny_recipe()["rl"]
    with pytest.raises(ValueError, match="begin with the stage cold"):
        refused(rl=rl | {"model": {"path": "base"}})
    with pytest.raises(ConfigError, match="the recipe asks nothing"):
        refused(rl=rl | {"tasks": {}})
