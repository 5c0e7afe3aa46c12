"""Recipes: those that ship compose, launch files fit them, mistakes are told in one line."""

from pathlib import Path
from typing import Any, get_args

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")

import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DeepSpeedPlugin, FullyShardedDataParallelPlugin
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env
from train.sft.exports import RECIPES, recipe, weights
from transformers import AutoModelForImageTextToText
from transformers.integrations.integration_utils import get_reporting_integration_callbacks

from deepeyes.cli import train as verb
from deepeyes.cli.main import main
from deepeyes.core.errors import ConfigError, DeepEyesError, InputError, ModelError
from deepeyes.train.sft.recipe import Reporter, SftRecipe
from deepeyes.train.sft.run import train
from deepeyes.train.sft.trainer import settings as loop_settings


def test_the_defaults_that_decide_what_is_learned() -> None:
    plan = SftRecipe.load(None, ['model.path="m"', 'data.train=["x"]'])
    resolved = plan.model_dump(exclude={"title", "pace", "evaluation"})
    assert resolved == {
        "model": {"path": "m", "max_pixels": None, "freeze_vision": True, "attention": "sdpa"},
        "data": {
            "train": ("x",), "validation": (), "max_tokens": 20_480, "overlong": "drop", "order": "random",
            "packing": False,
        },
        "learn": {
            "epochs": 3.0, "steps": None, "batch": 128, "lr": 1e-5, "schedule": "cosine", "warmup": 0.1,
            "weight_decay": 0.0, "betas": (0.9, 0.999), "clip": 1.0, "seed": 0, "precision": "auto",
        },
        "lora": {
            "rank": 0, "alpha": 32.0, "dropout": 0.05, "merge": True,
            "targets": r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)",
        },
    }  # fmt: skip
    assert plan.identity == "551072343bf2082a", "run folders of before are known by it"


def test_every_setting_of_the_recipe_reaches_the_trainer(tmp_path: Path) -> None:
    plan = SftRecipe.load(
        None,
        [
            'model.path="m"', 'data.train=["x"]', 'data.order="length"', "learn.epochs=7", "learn.steps=11",
            "learn.batch=12", "learn.lr=0.5", 'learn.schedule="linear"', "learn.warmup=0.25", "learn.seed=5",
            "learn.weight_decay=0.125", "learn.betas=[0.5, 0.75]", "learn.clip=3", "learn.precision=bf16",
            "pace.per_device=2", "pace.gradient_checkpointing=false", "pace.workers=3", "pace.save_every=17",
            "pace.keep=4", "pace.log_every=9", "pace.evaluate_every=13",
        ],
    )  # fmt: skip
    made = loop_settings(plan, tmp_path, 3, evaluates=True)
    assert (made.per_device_train_batch_size, made.per_device_eval_batch_size) == (2, 2)
    assert made.gradient_accumulation_steps == 2, "three processes with two each make half a batch of twelve"
    assert (made.num_train_epochs, made.max_steps, made.learning_rate) == (7, 11, 0.5)
    assert (made.lr_scheduler_type, made.warmup_steps, made.weight_decay) == ("linear", 0.25, 0.125)
    assert (made.adam_beta1, made.adam_beta2, made.max_grad_norm) == (0.5, 0.75, 3)
    assert (made.seed, made.data_seed, made.bf16) == (5, 5, True)
    assert (made.gradient_checkpointing, made.dataloader_num_workers) == (False, 3)
    assert (made.save_steps, made.save_total_limit, made.logging_steps, made.eval_steps) == (17, 4, 9, 13)
    assert (made.train_sampling_strategy, made.eval_strategy) == ("group_by_length", "steps")
    assert not made.packing and made.max_length is None, "nothing is joined or cut once it has labels"


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
        ('model.path="/nowhere"', ModelError, "there is no folder /nowhere"),
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


TRACKERS = [name for name in get_args(Reporter) if name != "none"]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_trackers_are_known_to_the_trainer_or_refused_with_a_remedy(
    tracker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = SftRecipe.load(RECIPES / "nano.toml", [f"pace.report_to={tracker}"])
    assert get_reporting_integration_callbacks(loop_settings(plan, tmp_path, 1, evaluates=False).report_to)
    monkeypatch.setattr("deepeyes.train.sft.recipe.find_spec", lambda _: None)
    with pytest.raises(
        ConfigError, match=f"{tracker}, which is not installed: .*pip install {tracker}, or none"
    ):
        plan.checked()


def test_an_unknown_tracker_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(ConfigError, match=r"pace\.report_to = 'mlflow' is not valid.*'trackio' or 'wandb'"):
        SftRecipe.load(RECIPES / "nano.toml", ["pace.report_to=mlflow"])


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
