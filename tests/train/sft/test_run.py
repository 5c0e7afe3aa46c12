"""Runs of supervised training: they end the same however often they are killed, and leave a model."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")

import torch
from stopping import at_every_step
from train.sft.exports import RECIPES, recipe, row, settings, weights, write
from transformers import AutoModelForImageTextToText

from deepeyes.cli.main import main
from deepeyes.core.claim import hold
from deepeyes.core.errors import ConfigError, DeepEyesError, StorageError
from deepeyes.core.files import sweep
from deepeyes.train.sft.curves import newest_checkpoint
from deepeyes.train.sft.recipe import SftRecipe
from deepeyes.train.sft.run import _claim as claim_folder
from deepeyes.train.sft.run import evaluate, train


def losses(out: Path) -> list[float]:
    lines = (json.loads(line) for line in (out / "curves.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


@pytest.fixture(scope="module")
def undisturbed(start: Path, export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    done = train(recipe(start, export, "learn.steps=6", "pace.save_every=2", "pace.keep=9"), out)
    assert done["steps"] == 6 and done["conversations"] == {"train": 12, "validation": 3}
    return out


def test_training_lowers_the_loss_and_leaves_a_folder(undisturbed: Path, start: Path) -> None:
    seen = losses(undisturbed)
    assert len(seen) >= 6 and seen[-1] < seen[0]
    for name in ("recipe.toml", "rejects.jsonl", "loss.png", "finished.json", "processor_config.json"):
        assert (undisturbed / name).exists()
    assert SftRecipe.load(undisturbed / "recipe.toml").learn.steps == 6
    before, after = weights(start), weights(undisturbed)
    assert any("visual" in name and not torch.equal(before[name], after[name]) for name in after)
    assert json.loads((undisturbed / "finished.json").read_text())["held_out_loss"] > 0


def test_conversations_that_are_left_out_are_counted(start: Path, tmp_path: Path) -> None:
    rows = [row(number) for number in range(4)]
    rows += [row(4, masked_turns=[0, 1]), row(5, messages=[]), row(6, masked_turns=[0, 1])]
    file = write(tmp_path / "train.parquet", rows)
    done = train(recipe(start, file, "learn.steps=1"), tmp_path / "run")
    assert done["conversations"] == {"train": 4}
    reasons = {"no reply to learn from": 2, "pictures do not match their places": 1}
    assert done["left_out"] == {"train": reasons}
    lines = [json.loads(line) for line in (tmp_path / "run" / "rejects.jsonl").read_text().splitlines()]
    assert [(line["split"], line["row"], line["id"]) for line in lines] == [
        ("train", number, f"row-{number}") for number in (4, 5, 6)
    ]
    assert sum(reasons.values()) == len(lines)


def test_a_run_that_goes_on_ends_with_the_same_weights(
    undisturbed: Path, start: Path, export: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(undisturbed / "checkpoints" / "checkpoint-2", out / "checkpoints" / "checkpoint-2")
    half_written = out / "checkpoints" / "checkpoint-4"
    half_written.mkdir()
    (half_written / "model.safetensors").write_bytes(b"half")
    train(recipe(start, export, "learn.steps=6", "pace.save_every=2", "pace.keep=9"), out)
    expected = weights(undisturbed)
    assert all(torch.equal(expected[name], value) for name, value in weights(out).items())


def test_adapters_go_on_to_the_same_weights(start: Path, export: Path, tmp_path: Path) -> None:
    plan = recipe(start, export, "learn.steps=4", "pace.save_every=2", "pace.keep=9", "lora.rank=4")
    train(plan, tmp_path / "whole")
    saved = tmp_path / "whole" / "checkpoints" / "checkpoint-2"
    shutil.copytree(saved, tmp_path / "again" / "checkpoints" / "checkpoint-2")
    train(plan, tmp_path / "again")
    expected = weights(tmp_path / "whole")
    assert all(torch.equal(expected[name], value) for name, value in weights(tmp_path / "again").items())


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_weights(
    undisturbed: Path, start: Path, export: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    more = settings(start, export, "learn.steps=6", "pace.save_every=2", "pace.keep=9")
    command = [
        sys.executable,
        "-m",
        "deepeyes",
        "train",
        "sft",
        str(RECIPES / "nano.toml"),
        "--out",
        str(out),
    ]
    command += [word for one in more for word in ("--set", one)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not (out / "checkpoints" / "checkpoint-2" / "complete").exists():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "finished.json").exists()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    expected = weights(undisturbed)
    assert all(torch.equal(expected[name], value) for name, value in weights(out).items())
    steps = [
        json.loads(line)["step"]
        for line in (out / "curves.jsonl").read_text().splitlines()
        if '"loss"' in line
    ]
    assert steps == sorted(set(steps))


def test_adapters_come_out_alone_and_merged(start: Path, export: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    out = tmp_path / "run"
    train(
        recipe(start, export, "learn.steps=3", "lora.rank=4", "lora.dropout=0", "model.freeze_vision=true"),
        out,
    )
    merged = AutoModelForImageTextToText.from_pretrained(out, dtype=torch.float32)
    base = AutoModelForImageTextToText.from_pretrained(start, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(base, out / "adapter")
    ids = torch.arange(20, 40)[None]
    assert torch.allclose(merged(input_ids=ids).logits, adapted(input_ids=ids).logits, atol=1e-4)
    before, after = weights(start), weights(out)
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed and all("proj" in name and "visual" not in name for name in changed)


def test_bf16_runs_and_is_kept(start: Path, export: Path, tmp_path: Path) -> None:
    train(recipe(start, export, "learn.steps=1", "learn.precision=bf16"), tmp_path)
    assert all(value.dtype == torch.bfloat16 for value in weights(tmp_path).values())


def test_the_command_at_the_end_is_given_the_model(start: Path, export: Path, tmp_path: Path) -> None:
    command = f"evaluation.command=['{sys.executable}', '-c', 'import sys; print(sys.argv[1])', '{{model}}']"
    plan = recipe(start, export, command)
    assert evaluate(plan, tmp_path) == f"hf:{tmp_path}\n"
    with pytest.raises(DeepEyesError, match="exit code 3"):
        evaluate(recipe(start, export, f"evaluation.command=['{sys.executable}', '-c', 'exit(3)']"), tmp_path)
    with pytest.raises(ConfigError, match=r"null byte.*correct evaluation\.command"):
        evaluate(recipe(start, export, 'evaluation.command=["echo", "\\u0000"]'), tmp_path)


def test_a_run_notices_that_its_data_changed(start: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "data" / "train.parquet", [row(number) for number in range(4)])
    plan = recipe(start, file, "learn.steps=1")
    train(plan, tmp_path / "run")
    write(file, [row(number) for number in (0, 1, 2, 4)])
    with pytest.raises(ConfigError, match="other data"):
        train(plan, tmp_path / "run")
    assert train(plan, tmp_path / "run", fresh=True)["steps"] == 1


@pytest.mark.parametrize("fresh", [False, True])
def test_a_file_cannot_be_the_folder_of_a_run(fresh: bool, start: Path, export: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    for out in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(ConfigError, match="give a folder as --out"):
            train(recipe(start, export), out, fresh=fresh)


def test_a_run_that_was_finished_says_so(
    start: Path, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for one in settings(start, export, "learn.steps=1") for word in ("--set", one)]
    for told in (False, True):
        with pytest.raises(SystemExit):
            main(["train", "sft", str(RECIPES / "nano.toml"), "--out", str(tmp_path), *words])
        assert ("finished before; --fresh begins again" in capsys.readouterr().out) == told


def test_adapters_alone_are_no_model_to_evaluate_or_ask(
    start: Path,
    export: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = {"steps": 1, "conversations": {"train": 12}, "left_out": {}, "loss": 0.5}
    monkeypatch.setattr("deepeyes.train.sft.run.train", lambda *_, **__: done)

    def said(*changes: str, more: tuple[str, ...] = ()) -> str:
        changed = settings(start, export, "lora.rank=4", "lora.merge=false", *changes)
        words = [word for one in changed for word in ("--set", one)]
        with pytest.raises(SystemExit):
            main(["train", "sft", str(RECIPES / "nano.toml"), "--out", str(tmp_path), *words, *more])
        seen = capsys.readouterr()
        return " ".join((seen.out + seen.err).split())

    command = f"evaluation.command=['{sys.executable}', '-c', 'import sys; print(sys.argv[1])', '{{WHAT}}']"
    refused = said(command.replace("WHAT", "model"))
    assert "only adapters are written" in refused and "lora.merge = true" in refused
    assert "steps" not in refused, "before training"
    with pytest.raises(ConfigError, match="only adapters are written"):
        changes = ("lora.rank=4", "lora.merge=false", command.replace("WHAT", "model"))
        evaluate(recipe(start, export, *changes), tmp_path)
    for told in (said(command.replace("WHAT", "model"), more=("--no-evaluate",)), said()):
        assert f"its adapters are in {tmp_path / 'adapter'}" in told and "hf:" not in told
    told = said(command.replace("{WHAT}", "{out}/adapter")).partition(" note: ")[0]
    assert told.endswith(f" {tmp_path / 'adapter'}")
    assert f"--model hf:{tmp_path}" in said("lora.merge=true")


def test_a_folder_of_another_recipe_is_left_alone(undisturbed: Path, start: Path, export: Path) -> None:
    with pytest.raises(ConfigError, match=r"another run: .* differs in learn.seed"):
        train(recipe(start, export, "learn.steps=6", "learn.seed=1"), undisturbed)
    done = train(recipe(start, export, "learn.steps=6", "pace.save_every=5"), undisturbed)
    assert done["steps"] == 6


def test_two_runs_in_one_folder_are_told_apart(start: Path, export: Path, tmp_path: Path) -> None:
    with hold(tmp_path):
        for fresh in (False, True):
            with pytest.raises(StorageError, match="another process is at work in"):
                train(recipe(start, export, "learn.steps=1"), tmp_path, fresh=fresh)
    assert not list(tmp_path.iterdir())


def test_beginning_again_is_whole_at_every_step(start: Path, export: Path, tmp_path: Path) -> None:
    """Ended anywhere, a run has all of its checkpoint or none, and none is called finished without it."""
    plan = recipe(start, export, "learn.steps=1")

    def begin(folder: Path) -> None:
        for name in (
            "checkpoints/checkpoint-4/weights",
            "checkpoints/checkpoint-4/complete",
            "adapter/weights",
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("old")
        (folder / "finished.json").write_text("{}")

    def act(folder: Path) -> None:
        sweep(folder)
        claim_folder(plan, "mark", folder, fresh=True)

    def look(folder: Path) -> None:
        there = (folder / "checkpoints/checkpoint-4/weights").exists()
        assert (newest_checkpoint(folder / "checkpoints") is not None) == there
        assert not (folder / "finished.json").exists() or (there and (folder / "adapter/weights").exists())

    assert at_every_step(act, look, tmp_path, begin=begin) > 10


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboard_finds_the_losses_in_the_folder_of_the_run(
    start: Path, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    train(recipe(start, export, "learn.steps=2", "pace.report_to=tensorboard"), tmp_path)
    (folder,) = {file.parent for file in tmp_path.rglob("events.out.tfevents.*")}
    told = EventAccumulator(str(folder)).Reload()
    assert [scalar.step for scalar in told.Scalars("train/loss")] == [1, 2]
    assert [scalar.step for scalar in told.Scalars("eval/loss")] == [2]
