"""The nano model's stages from an empty folder to weights that answer, in small."""

import json
import random
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from stopping import at_every_step, tree

from deepeyes.core.claim import hold
from deepeyes.core.config import to_toml
from deepeyes.core.errors import ConfigError, StorageError
from deepeyes.models.nano.model import WEIGHTS
from deepeyes.models.registry import resolve_model
from deepeyes.train.nano import checkpoint, stages
from deepeyes.train.nano.__main__ import main
from deepeyes.train.nano.batch import ChatMessage, Tensors
from deepeyes.train.nano.checkpoint import install
from deepeyes.train.nano.lesson import Lesson
from deepeyes.train.nano.recipe import NanoRecipe
from deepeyes.train.nano.stages import run
from deepeyes.world.asking import CANNOT_TELL

BASE = WEIGHTS / "base" / "model.safetensors"


def small(**changes: Any) -> NanoRecipe:
    """The shipped recipe up to its cold start, far too small to learn anything."""
    values = tomllib.loads(Path("recipes/nano/nano.toml").read_text())
    del values["rl"], values["evaluation"]
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
    return NanoRecipe.model_validate(values | changes)


@pytest.fixture(autouse=True, scope="module")
def little_to_draw() -> Iterator[None]:
    """Of what a stage is measured on, and of the tokenizer's corpus."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "DENSE_HELD_OUT", 9)
        patch.setattr(stages, "LESSONS_HELD_OUT", 30)
        patch.setattr(stages, "corpus", partial(stages.corpus, rounds=300))
        yield


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
        monkeypatch.setattr(stages, stage, lambda *_: pytest.fail("done already"))
    run(small(), made)


def test_an_ablation_lies_beside_the_others(made: Path) -> None:
    run(small(), made, "look")
    assert (made / "cold-look" / "model.safetensors").exists()
    with pytest.raises(ConfigError, match="no ablation 'hear'"):
        run(small(), made, "hear")


def cold_alone(start: Path | str, **changes: Any) -> NanoRecipe:
    """The cold start of the small recipe on a model that is there."""
    values = small().model_dump(by_alias=True)
    values["cold"] |= {"dense_weight": 0.0}
    told = dict.fromkeys(("dense", "copy", "base"))
    return NanoRecipe.model_validate({**values, **told, "start": str(start), **changes})


def test_a_cold_start_begins_with_the_model_that_ships(tmp_path: Path) -> None:
    """It ships without the heads of the vision labels, which this asks nothing of."""
    recipe = cold_alone("nano-base", size=tomllib.loads(Path("recipes/nano/short.toml").read_text())["size"])
    run(recipe, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["cold", "traces"]
    learned, shipped = load_file(tmp_path / "cold" / "model.safetensors"), load_file(BASE)
    assert learned.keys() == shipped.keys()
    name = next(name for name in shipped if name.endswith("layers.0.mlp.up_proj.weight"))
    apart = (learned[name] - shipped[name].float()).abs()
    assert 0 < apart.mean() < 0.01, "taught, from there"
    install(Path("recipes/nano/short.toml"), tmp_path, tmp_path / "weights")
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["cold"]


def test_a_start_that_cannot_be_begun_with_is_told(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no model is in .*nowhere"):
        run(cold_alone(tmp_path / "nowhere"), tmp_path / "out")
    with pytest.raises(ValueError, match="either a start, or the stages"):
        cold_alone("")
    labelled = cold_alone("nano-base")
    labelled = labelled.model_copy(update={"cold": labelled.cold.model_copy(update={"dense_weight": 0.1})})
    with pytest.raises(ConfigError, match="has no vision heads"):
        run(labelled, tmp_path / "labelled")


def test_a_model_that_speaks_learns_to_see_more_in_its_own_words(made: Path, tmp_path: Path) -> None:
    """The stage dense on a start: the tower changes, the language model and its words stay; heads come out
    of it with which the cold start can keep the vision labels on.
    """
    size = tomllib.loads(Path("recipes/nano/short.toml").read_text())["size"]
    dense, cold = small().dense, small().cold.model_dump() | {"dense_weight": 0.1}
    recipe = cold_alone("nano-base", size=size, dense=dense, cold=cold)
    run(recipe, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["cold", "dense", "traces"]
    shipped, seen = load_file(BASE), load_file(tmp_path / "dense" / "model.safetensors")
    changed = {name for name in seen if not torch.equal(seen[name], shipped[name].float())}
    assert changed and all(".visual." in name or name.startswith("visual.") for name in changed)
    assert not torch.equal(
        load_file(tmp_path / "cold" / "model.safetensors")["model.embed_tokens.weight"],
        seen["model.embed_tokens.weight"],
    ), "which the cold start does teach"
    with pytest.raises(ConfigError, match=r"dense holds another run: made.json in it differs in start"):
        run(cold_alone(made / "cold", size=size, dense=dense, cold=cold), tmp_path)


def test_what_is_not_to_be_taught_is_answered_with_that_one_cannot_tell(tmp_path: Path) -> None:
    """Beside what the model knows; a tower whose rate is nothing stays as it is."""
    cold = small().cold.model_dump() | {"dense_weight": 0.0, "vision_lr": 0.0, "lr": 1e-2}
    cold["shares"] = {"tiny": 0.5, "unknown": 0.5}
    traces = {"shard": 10, "examples": {"tiny": 10}, "unknown": {"word": 12}}
    size = tomllib.loads(Path("recipes/nano/short.toml").read_text())["size"]
    run(cold_alone("nano-base", size=size, cold=cold, traces=traces), tmp_path)
    lines = [
        json.loads(line)
        for path in sorted((tmp_path / "traces").glob("unknown-word-*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    assert len(lines) == 12 and {line["answer"] for line in lines} == {CANNOT_TELL}
    assert all(line["verdict"]["abstained"] and len(line["turns"]) == 1 for line in lines)
    assert set(held_out(tmp_path / "cold")) == {"tiny", "unknown"}
    shipped, learned = load_file(BASE), load_file(tmp_path / "cold" / "model.safetensors")
    same = {name for name in learned if torch.equal(learned[name], shipped[name].float())}
    assert same == {name for name in learned if "visual." in name}


def test_what_a_cold_start_began_with_keeps_its_share(tmp_path: Path) -> None:
    size = tomllib.loads(Path("recipes/nano/short.toml").read_text())["size"]
    plan = small().cold.model_dump() | {"dense_weight": 0.0, "lr": 1e-2}
    for share in (0.0, 0.25):
        run(cold_alone("nano-base", size=size, cold=plan | {"keep": share}), tmp_path / str(share))
    shipped, alone, mean = (
        load_file(path)
        for path in (BASE, *(tmp_path / name / "cold" / "model.safetensors" for name in ("0.0", "0.25")))
    )
    assert all(
        torch.allclose(mean[name], 0.75 * alone[name] + 0.25 * shipped[name].float(), atol=1e-6)
        for name in mean
    )
    assert any(not torch.equal(mean[name], alone[name]) for name in mean)


def test_a_cold_start_from_other_weights_is_another_run(made: Path, tmp_path: Path) -> None:
    run(cold_alone(made / "base"), tmp_path)
    with pytest.raises(ConfigError, match=r"cold holds another run: made.json in it differs in start"):
        run(cold_alone(made / "cold"), tmp_path)


def test_the_stages_of_another_recipe_are_not_taken_for_its_own(made: Path) -> None:
    with pytest.raises(ConfigError, match=r"traces holds another run: made.json in it differs in seed"):
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

    monkeypatch.setattr(checkpoint, "build_processor", dies)
    with pytest.raises(Killed):
        run(small(), made)
    assert not (cold / "model.safetensors").exists() and not list(cold.glob("tmp*"))
    monkeypatch.undo()
    run(small(), made)
    again, before = load_file(cold / "model.safetensors"), load_file(cold / "kept")
    assert all(torch.equal(again[name], before[name]) for name in before)


def test_a_checkpoint_is_done_only_when_all_of_it_is_there(made: Path, tmp_path: Path) -> None:
    """Ended at any step while it is kept: a reader has all of it or no weights, and it goes on."""
    speak, tokenizer = checkpoint.load(made / "cold", 0.1)
    names = {str(path.relative_to(made / "cold")) for path in (made / "cold").rglob("*") if path.is_file()}
    kept = names - {"made.json", "curves.jsonl", "kept"}

    def look(folder: Path) -> None:
        there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert "model.safetensors" not in there or kept <= there

    def act(folder: Path) -> None:
        checkpoint.save(folder, speak.dense, tokenizer, small().size)

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
    recipe.write_text(small().dump())
    for stage in ("base", "cold"):
        (tmp_path / "weights" / stage).mkdir(parents=True)
    install(recipe, made, tmp_path / "weights")
    assert (tmp_path / "weights" / "cold" / "recipe.toml").exists()
    assert resolve_model(f"nano:{tmp_path / 'weights' / 'cold'}").name.startswith("nano")


class Stage:
    """Stands for `train_stage`: keeps what a stage would draw and be measured by, and learns nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stages, "train_stage", self)

    def __call__(
        self,
        module: Any,
        draw: Callable[[int, int], list[Tensors]],
        plan: Any,
        out: Path,
        *,
        evaluate: Callable[[], dict[str, float]],
        **_: Any,
    ) -> None:
        self.draw, self.evaluate = draw, evaluate


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The split of every image that the vision warm-up draws."""
    splits: list[str] = []
    real = stages.draw_dense

    def noted(rng: random.Random, size: Any, split: str, em: Any) -> Any:
        splits.append(split)
        return real(rng, size, split, em)

    monkeypatch.setattr(stages, "draw_dense", noted)
    return splits


def test_images_that_are_looked_at_several_times_are_drawn_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: list[str]
) -> None:
    monkeypatch.setattr("deepeyes.train.nano.loop.BLOCK", 2)
    stage = Stage(monkeypatch)
    plan = small().dense
    assert plan is not None
    stages.run_dense(small(), plan.model_copy(update={"views": 3}), None, tmp_path)
    batches = [stage.draw(step, 2)[0]["pixel_values"] for step in range(6)]
    assert drawn == ["train"] * 4, "two batches of two, three times each"
    assert len({batch.numpy().tobytes() for batch in batches}) == 6, "and never seen twice alike"
    assert torch.equal(stage.draw(3, 2)[0]["pixel_values"], batches[3]), "a step has its looks"


def test_the_vision_warm_up_is_measured_on_the_validation_split_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: list[str]
) -> None:
    stage = Stage(monkeypatch)
    assert small().dense is not None
    stages.run_dense(small(), small().dense, None, tmp_path)
    first, again, other = (stage.draw(step, 2)[0]["labels"] for step in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert drawn == ["train"] * 6
    assert stage.evaluate() == stage.evaluate() and drawn[6:] == ["validation"] * 18


def test_lessons_are_measured_on_the_validation_split_alone(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits: list[str] = []

    def noted(rng: random.Random, size: Any, split: str) -> Lesson:
        splits.append(split)
        return stages.draw_copy(rng, size, split)

    stage = Stage(monkeypatch)
    stages.run_lessons(small(), "copy", small().copy_, noted, made / "dense", tmp_path)
    first, again, other = (stage.draw(step, 2) for step in (0, 0, 1))
    assert torch.equal(first[0]["input_ids"], again[0]["input_ids"])
    assert not torch.equal(first[-1]["input_ids"], other[-1]["input_ids"])
    assert splits == ["train"] * 6
    assert stage.evaluate() == stage.evaluate() and splits[6:] == ["validation"] * 60


def test_cold_start_never_learns_from_the_traces_that_it_is_measured_on(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = stages.encode

    def noted(tokenizer: Any, messages: list[ChatMessage]) -> Tensors:
        view = next(part for part in messages[1].parts if not isinstance(part, str))
        read.append(sha256(view.tobytes()).hexdigest())
        return real(tokenizer, messages)

    lessons: list[str] = []
    monkeypatch.setattr(stages, "encode", noted)
    lesson = scene_lesson()
    monkeypatch.setattr(stages, "draw_lesson", lambda rng, size, split: lessons.append(split) or lesson)
    stage = Stage(monkeypatch)
    stages.run_cold(small(), small().cold, made / "base", made / "traces", tmp_path)
    rows = sum(len(part["input_ids"]) for part in stage.draw(0, 120))
    shown = sha256(lesson.messages[1].parts[0].tobytes()).hexdigest()
    learned, read[:] = [one for one in read if one != shown], []
    assert rows == 120 and set(lessons) == {"train"} and len(lessons) + len(learned) == 120
    assert 10 < len(lessons) < 40, "a fifth of the samples are lessons"
    assert set(stage.evaluate()) == {"tiny", "direct"}
    assert len(read) == 2, "a tenth of each family"
    assert not set(read) & set(learned) and len(set(read) | set(learned)) == 20, "every trace is one or other"


def scene_lesson() -> Lesson:
    shown = Image.new("RGB", (56, 56), "red")
    messages = [("system", "s"), ("user", shown), ("assistant", "red")]
    told = tuple(ChatMessage(role, (part,)) for role, part in messages)
    return Lesson(told, ("colour",), stages.unlabelled(4))


@pytest.mark.parametrize(("traces", "apart"), [(5, 0), (10, 1), (249, 24), (300, 25)])
def test_at_most_a_tenth_of_the_traces_are_held_out(traces: int, apart: int) -> None:
    held_out, learned = stages.split_held_out(range(traces))
    assert [*held_out, *learned] == list(range(traces)) and len(held_out) == apart


def test_what_a_stage_was_made_by_is_written_as_it_always_was(tmp_path: Path) -> None:
    """So that a folder of before is known again."""
    plan = small()
    stages.claim_stages(plan, plan.cold, tmp_path, tmp_path / "cold")
    size = {
        "vocabulary": 2048, "hidden": 64, "layers": 1, "heads": 2, "kv_heads": 1, "ffn": 64,
        "vision_hidden": 32, "vision_depth": 1, "vision_heads": 1, "vision_ffn": 32,
        "max_tokens": 48, "min_tokens": 4,
    }  # fmt: skip
    stage = {"muon": 3.0, "vision_lr": 1.0, "warmup": 1}
    rest = {"weight_decay": 0.01, "clip": 1.0, "ema": 0.998, "reuse": 1}
    dense = {"steps": 2, "batch": 2, "lr": 0.001, **stage, "decay": 0.8, **rest}
    dense |= {"em": [13.0, 60.0], "views": 1}
    copied = {"steps": 2, "batch": 2, "lr": 0.002, **stage, "decay": 0.3, **rest, "dense_weight": 0.0}
    base = {"steps": 2, "batch": 2, "lr": 0.0008, **stage, "decay": 0.85, **rest, "dense_weight": 0.3}
    cold = {"steps": 2, "batch": 2, "lr": 0.0008, **stage, "vision_lr": 0.6, "decay": 0.8, **rest}
    cold |= {"dense_weight": 0.05, "shares": {"tiny": 0.4, "direct": 0.4}, "keep": 0.0}
    traces = {"examples": {"tiny": 10, "direct": 10}, "shard": 10, "unknown": {}}
    made: dict[str, Any] = {"seed": 0, "size": size}
    for folder, more in (
        ("traces", {"shard": 10}),
        ("dense", {"dense": dense}),
        ("copy", {"dense": dense, "copy": copied}),
        ("base", {"dense": dense, "copy": copied, "base": base}),
        ("cold", {"dense": dense, "copy": copied, "base": base, "traces": traces, "cold": cold}),
    ):
        assert (tmp_path / folder / "made.json").read_text() == json.dumps({**made, **more}, indent=1)


def test_the_command_runs_what_is_missing_and_tells_mistakes(made: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(small().dump())
    arguments = ["--out", str(made), "--processes", "1"]
    assert main([str(recipe), *arguments]) == 0
    with pytest.raises(ConfigError, match="no ablation 'hear'"):
        main([str(recipe), *arguments, "--ablation", "hear"])
    recipe.write_text("[copy]\nwarmp = 3")
    command = [sys.executable, "-m", "deepeyes.train.nano", str(recipe), *arguments]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == ConfigError.exit_code
    assert told.stderr.strip() == "deepeyes.train.nano: unknown key copy.warmp: did you mean warmup?"
