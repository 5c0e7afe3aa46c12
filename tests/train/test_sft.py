"""Supervised training: masks as made by hand, runs that end the same however often they are killed, adapters
that come out as a model, recipes that compose.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")

import pyarrow
import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DeepSpeedPlugin, FullyShardedDataParallelPlugin
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env
from datasets import Dataset, Features, List, Value
from datasets import Image as ImageColumn
from pyarrow import parquet
from safetensors.torch import load_file
from stopping import at_every_step
from transformers import AutoModelForImageTextToText
from transformers.integrations.integration_utils import get_reporting_integration_callbacks

from deepeyes.cli import train as verb
from deepeyes.cli.main import main
from deepeyes.core.claim import hold
from deepeyes.core.errors import ConfigError, DeepEyesError, InputError, ModelError, StorageError
from deepeyes.core.files import sweep
from deepeyes.data.export.base import png
from deepeyes.models.nano.build import NanoSize, build_model, build_processor, build_tokenizer, save_processor
from deepeyes.models.nano.pixels import to_view
from deepeyes.train.nano.batch import IGNORE, Turn, encode
from deepeyes.train.sft.collate import Collator
from deepeyes.train.sft.curves import newest_checkpoint
from deepeyes.train.sft.encode import Scribe, Unfit
from deepeyes.train.sft.reading import files_of, open_stock
from deepeyes.train.sft.recipe import Lessons, Reporter, SftRecipe
from deepeyes.train.sft.run import _claim as claim_folder
from deepeyes.train.sft.run import evaluate, train
from deepeyes.train.sft.trainer import load_processor
from deepeyes.train.sft.trainer import settings as loop_settings

RECIPES = Path("recipes/sft")
SIZE = NanoSize(
    hidden=64,
    layers=2,
    heads=2,
    kv_heads=1,
    ffn=96,
    vision_hidden=32,
    vision_depth=2,
    vision_heads=1,
    vision_ffn=64,
)
TEXT = {"type": "text"}
PICTURE = {"type": "image", "text": None}


def said(role: str, *parts: str | None) -> dict[str, Any]:
    return {"role": role, "content": [PICTURE if part is None else {**TEXT, "text": part} for part in parts]}


def conversation(number: int) -> list[dict[str, Any]]:
    return [
        said("system", "Tools: python"),
        said("user", None, f"what does sign {number} say?"),
        said("assistant", f"<think> I look at {number} </think>\n<code> crop </code>"),
        said("user", "Here it is: ", None, None),
        said("assistant", f"<think> red {number} </think>\n<answer> {number * 7} </answer>"),
    ]


def pictures(number: int) -> list[Image.Image]:
    sizes = ((200 + 9 * number, 150), (90, 120), (60, 60))
    return [Image.new("RGB", size, (number * 9 % 255, 90, 40 * k)) for k, size in enumerate(sizes)]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    messages: Any = List(
        {"role": Value("string"), "content": List({"type": Value("string"), "text": Value("string")})}
    )
    features = Features(
        {
            "messages": messages,
            "given_turns": List(Value("int32")),
            "images": List(ImageColumn()),
            "id": Value("string"),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_list(rows, features=features).to_parquet(str(path))
    return path


def row(number: int, **changes: Any) -> dict[str, Any]:
    images = [{"bytes": png(picture), "path": None} for picture in pictures(number)]
    whole = {"messages": conversation(number), "given_turns": [], "images": images, "id": f"row-{number}"}
    return {**whole, **changes}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("start")
    words = [str(message) for number in range(20) for message in conversation(number)]
    tokenizer = build_tokenizer(words * 5, vocab_size=500)
    build_model(tokenizer, SIZE, 0).save_pretrained(path)
    save_processor(build_processor(tokenizer, SIZE), path)
    return path


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    write(folder / "sft" / "train.parquet", [row(number) for number in range(12)])
    write(folder / "sft" / "validation.parquet", [row(number) for number in range(20, 23)])
    return folder


def settings(start: Path, export: Path, *more: str) -> list[str]:
    return [
        f'model.path="{start}"',
        f'data.train=["{export}"]',
        "learn.batch=4",
        "learn.precision=fp32",
        "learn.lr=5e-3",
        "pace.per_device=2",
        "pace.report_to=none",
        "pace.workers=0",
        "pace.prepare=1",
        "pace.log_every=1",
        "evaluation.command=[]",
        *more,
    ]


def recipe(start: Path, export: Path, *more: str, base: str = "nano") -> SftRecipe:
    return SftRecipe.load(RECIPES / f"{base}.toml", settings(start, export, *more))


def weights(folder: Path) -> dict[str, Any]:
    return load_file(folder / "model.safetensors")


def losses(out: Path) -> list[float]:
    lines = (json.loads(line) for line in (out / "curves.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


@pytest.fixture
def scribe(start: Path) -> Scribe:
    return Scribe(load_processor(SftRecipe.load(None, [f'model.path="{start}"', 'data.train=["x"]'])))


def by_hand(scribe: Scribe, number: int, given: tuple[int, ...] = ()) -> dict[str, Any]:
    """What the nano's own batch maker says of the same conversation."""
    views = iter([to_view(picture, SIZE) for picture in pictures(number)])
    turns, reply = [], -1
    for message in conversation(number):
        role = message["role"]
        reply += role == "assistant"
        role = "given" if role == "assistant" and reply in given else role
        parts = [next(views) if part["type"] == "image" else part["text"] for part in message["content"]]
        turns.append(Turn(role, tuple(parts)))
    return encode(scribe.processor.tokenizer, turns)


@pytest.mark.parametrize("given", [(), (0,), (1,)])
def test_tokens_and_masks_are_those_made_by_hand(scribe: Scribe, given: tuple[int, ...]) -> None:
    sizes = [picture.size for picture in pictures(3)]
    made = scribe.encode(conversation(3), sizes, given, max_tokens=4096)
    hand = by_hand(scribe, 3, given)
    assert [*made.input_ids, *scribe.processor.tokenizer(scribe.owed).input_ids] == hand["input_ids"].tolist()
    assert [*made.labels, IGNORE] == hand["labels"].tolist()
    learned = scribe.processor.tokenizer.decode([label for label in made.labels if label != IGNORE])
    replies = [conversation(3)[2], conversation(3)[4]]
    assert learned == "".join(
        reply["content"][0]["text"] + "<|im_end|>" for k, reply in enumerate(replies) if k not in given
    )


def test_a_batch_has_the_pixels_of_its_picture_tokens(
    start: Path, export: Path, scribe: Scribe, tmp_path: Path
) -> None:
    stock = open_stock(files_of([str(export)], "train"), scribe, Lessons(train=("x",)), tmp_path)
    model = AutoModelForImageTextToText.from_pretrained(start)
    collator = Collator(scribe, model, {"train": stock.rows})
    batch = collator([stock.tokens[0], stock.tokens[5]])
    for index, number in enumerate((0, 5)):
        hand = by_hand(scribe, number)
        length = int(batch["attention_mask"][index].sum())
        assert batch["input_ids"][index][:length].tolist() == hand["input_ids"][:-1].tolist()
        assert (batch["labels"][index][length:] == IGNORE).all()
    pixels = torch.cat([by_hand(scribe, number)["pixel_values"] for number in (0, 5)])
    assert torch.allclose(batch["pixel_values"], pixels, atol=1e-5)
    places = int((batch["input_ids"] == scribe.image_token_id).sum())
    assert places == int(batch["image_grid_thw"].prod(-1).sum()) // 4
    with pytest.raises(InputError, match="picture tokens for"):
        collator([{**stock.tokens[0], "pictures": 2}])


def test_a_long_conversation_is_cut_after_a_whole_reply(scribe: Scribe) -> None:
    sizes = [picture.size for picture in pictures(1)]
    whole = scribe.encode(conversation(1), sizes, max_tokens=4096)
    limit = len(whole.input_ids) - 1
    with pytest.raises(Unfit, match="too long"):
        scribe.encode(conversation(1), sizes, max_tokens=limit)
    cut = scribe.encode(conversation(1), sizes, max_tokens=limit, cut=True)
    assert cut.input_ids == whole.input_ids[: len(cut.input_ids)]
    assert cut.pictures == 1 and cut.labels[-1] != IGNORE


def test_rows_that_cannot_be_used_are_counted_by_reason(start: Path, scribe: Scribe, tmp_path: Path) -> None:
    spelled = conversation(1)
    spelled[1] = said("user", None, "<|image_pad|><|im_end|>")
    bad = [
        row(0),
        row(1, messages=spelled),
        row(2, images=row(2)["images"][:2]),
        row(3, images=[{"bytes": b"no picture", "path": None}] * 3),
        row(4, messages=conversation(4)[:2], images=row(4)["images"][:1]),
        row(5, messages=[]),
        row(6, given_turns=[0, 1]),
        row(7, messages=[said("critic", "hm")], images=[]),
        row(8, messages=[said("user", "hm"), said("assistant", None)], images=row(8)["images"][:1]),
    ]
    path = write(tmp_path / "rows.parquet", bad)
    stock = open_stock([path], scribe, Lessons(train=("x",)), tmp_path / "cache")
    assert stock.tokens["row"][:] == [0, 1]
    assert (torch.tensor(stock.tokens["input_ids"][1]) == scribe.image_token_id).sum() > 0
    assert sum(stock.reasons.values()) == 7
    assert stock.reasons["pictures do not match their places"] == 2
    assert stock.reasons["a picture that cannot be read"] == 1
    assert {reject["id"] for reject in stock.rejects} >= {"row-3", "row-6"}


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


@pytest.mark.parametrize("name", ["qwen2_5_vl_7b", "qwen2_5_vl_32b", "one_gpu_lora"])
def test_recipes_for_large_models_compose_and_take_a_step(
    name: str, start: Path, export: Path, tmp_path: Path
) -> None:
    paper = SftRecipe.load(RECIPES / f"{name}.toml")
    if name != "one_gpu_lora":
        assert (paper.learn.batch, paper.learn.lr, paper.learn.epochs, paper.learn.schedule) == (
            128,
            1e-5,
            3,
            "cosine",
        )
        assert paper.model.freeze_vision and paper.model.max_pixels == 262_144 and paper.learn.warmup == 0.1
        assert paper.data.max_tokens == (20_480 if "7b" in name else 16_384)
        assert [paper.accumulation(processes) for processes in (8, 32)] == [16, 4]
    small = recipe(start, export, "learn.steps=1", "learn.warmup=0", "data.max_tokens=4096", base=name)
    assert small.pace.gradient_checkpointing
    train(small, tmp_path)
    before, after = weights(start), weights(tmp_path)
    assert any(not torch.equal(before[key], after[key]) for key in after)
    assert all(torch.equal(before[key], after[key]) for key in after if "visual" in key)


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


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ('evaluation.command=["x", "{nothing}"]', ConfigError, "cannot be filled in"),
        ('data.validation=["tests"]', InputError, "no sft/validation.parquet in tests"),
        ("data.packing=true", ConfigError, "packing"),
        ("learn.rate=1", ConfigError, "unknown key learn.rate"),
        ("learn.lr=-1", ConfigError, "learn.lr"),
        ("learn.batch=5", ConfigError, "not a multiple of 2"),
        ("pace.report_to=wandb", ConfigError, "not installed"),
        ('data.train=["/nowhere"]', InputError, "deepeyes data export"),
        ("data.max_tokens=16", InputError, "too long: 12"),
        ('model.path="/nowhere"', ModelError, "loading /nowhere"),
        ("model.max_pixels=1000", ConfigError, "below the processor's least"),
        ("lora={rank=4, targets='nothing'}", ConfigError, "names no module"),
        ("lora={rank=4, targets='('}", ConfigError, "regular expression"),
    ],
)
def test_bad_recipes_have_clear_errors(
    change: str, error: type[DeepEyesError], words: str, start: Path, export: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        train(recipe(start, export, "learn.steps=1", change), tmp_path / "run")
    assert not (tmp_path / "run" / "identity").exists(), "the folder is left to a better recipe"


def test_validation_is_read_from_the_place_named_for_it(export: Path) -> None:
    file = export / "sft" / "validation.parquet"
    assert files_of([str(export), str(file)], "validation") == [file, file]
    assert files_of([str(file), "/nowhere"], "validation", needed=False) == []


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
    assert said(command.replace("{WHAT}", "{out}/adapter")).endswith(f" {tmp_path / 'adapter'}")
    assert f"--model hf:{tmp_path}" in said("lora.merge=true")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"messages": [{"from": "human", "value": "how many?"}]}, "messages of another shape: 2"),
        ({"messages": "how many?"}, "messages of another shape: 2"),
        ({"images": {"bytes": b"", "path": ""}}, "reading the pictures of"),
        ({"given_turns": "0"}, "given_turns that are no list of numbers: 2"),
        ({"given_turns": ["0"]}, "given_turns that are no list of numbers: 2"),
    ],
)
def test_files_of_another_shape_have_clear_errors(
    change: dict[str, Any], words: str, scribe: Scribe, tmp_path: Path
) -> None:
    messages = [{"role": "user", "content": "how many?"}, {"role": "assistant", "content": "two"}]
    rows = [{"messages": messages, "images": [], **change}] * 2
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    with pytest.raises(InputError, match=words):
        open_stock([tmp_path / "rows.parquet"], scribe, Lessons(train=("x",)), tmp_path / "cache")


@pytest.mark.parametrize(
    "messages",
    [[5], [{"role": "user"}], [{"role": "user", "content": ["text"]}], [said("user") | {"role": []}]],
)
def test_rows_of_another_shape_are_left_out(scribe: Scribe, messages: Any) -> None:
    with pytest.raises(Unfit):
        scribe.encode(messages, [], max_tokens=99)


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


TRACKERS = [name for name in get_args(Reporter) if name != "none"]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_trackers_are_known_to_the_trainer_or_refused_with_a_remedy(
    tracker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = SftRecipe.load(RECIPES / "nano.toml", [f"pace.report_to={tracker}"])
    assert get_reporting_integration_callbacks(loop_settings(plan, tmp_path, 1, evaluates=False).report_to)
    monkeypatch.setattr("deepeyes.train.sft.recipe.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=f"{tracker}, which is not installed: pip install {tracker}"):
        plan.checked()


def test_an_unknown_tracker_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(ConfigError, match=r"pace\.report_to = 'mlflow' is not valid.*'trackio' or 'wandb'"):
        SftRecipe.load(RECIPES / "nano.toml", ["pace.report_to=mlflow"])


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


@pytest.fixture
def launched(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """accelerate's own reading of the command that `--accelerate FILE` gives it."""
    commands: list[list[str]] = []
    monkeypatch.setattr(verb.subprocess, "call", lambda command: commands.append(command) or 0)
    file = str(RECIPES / "accelerate" / request.param)
    words = ["--out", str(tmp_path), "--accelerate", file, "--set", "learn.steps=1", "--no-evaluate"]
    with pytest.raises(SystemExit):
        main(["train", "sft", str(RECIPES / "qwen2_5_vl_7b.toml"), *words])
    (command,) = commands
    arguments = launch_command_parser().parse_args(command[command.index("accelerate.commands.launch") + 1 :])
    arguments, _, _ = _validate_launch_command(arguments)
    assert (arguments.training_script, arguments.module) == ("deepeyes", True)
    named = load_config_from_file(file)
    assert (arguments.num_processes, arguments.mixed_precision) == (named.num_processes, "bf16")
    arguments.deepspeed_fields_from_accelerate_config = ",".join(named.deepspeed_config)
    plan = SftRecipe.load(RECIPES / "qwen2_5_vl_7b.toml")
    assert plan.accumulation(arguments.num_processes) * arguments.num_processes == plan.learn.batch
    return arguments


def put(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that a launched process is given."""
    for name, value in environment.items():
        if name.startswith(("ACCELERATE_", "FSDP_")):
            monkeypatch.setenv(name, value)


@pytest.mark.parametrize("launched", ["fsdp2.yaml"], indirect=True)
def test_the_file_for_fsdp_composes(launched: Any, start: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(prepare_multi_gpu_env(launched), monkeypatch)
    plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2 and plugin.reshard_after_forward and plugin.cpu_ram_efficient_loading
    assert plugin.state_dict_type.name == "FULL_STATE_DICT", "the weights are written whole"
    plugin.set_auto_wrap_policy(AutoModelForImageTextToText.from_pretrained(start))
    assert plugin.auto_wrap_policy is not None


@pytest.mark.parametrize("launched", ["zero3.yaml"], indirect=True)
def test_the_file_for_deepspeed_composes(launched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(prepare_deepspeed_cmd_env(launched)[1], monkeypatch)
    plugin = DeepSpeedPlugin()
    assert (plugin.zero_stage, plugin.zero3_init_flag, plugin.zero3_save_16bit_model) == (3, True, True)
    assert plugin.deepspeed_config["gradient_accumulation_steps"] == "auto", "it is for the recipe to say"
    assert plugin.deepspeed_config["gradient_clipping"] == "auto"
