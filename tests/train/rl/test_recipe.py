"""The recipes for large models: they compose, have the paper's settings, and take a step on a small one."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

import torch
import yaml
from safetensors.torch import load_file

from deepeyes.core.trace import read_traces
from deepeyes.models.nano.model import NAMES, WEIGHTS
from deepeyes.train.curves import curves
from deepeyes.train.rl.backends.trl import rows_of, train
from deepeyes.train.rl.recipe import RlRecipe

RECIPES = Path("recipes/rl")
LARGE = ["qwen2_5_vl_7b", "qwen2_5_vl_7b_lora_one_gpu"]
SHRUNK = (
    "model={path='nano', freeze_vision=true}",
    "tasks={world={tiny=1}, seed=5}",
    "rollouts.engine=transformers",
    "rollouts.servers=[]",
    "rollouts.groups=1",
    "rollouts.samples=2",
    "rollouts.mixed_only=false",
    "rollouts.dialect=deepeyes_v2/brief",
    "backend.precision=fp32",
    "optim.steps=1",
    "optim.warmup=0",
    "optim.lr=1e-3",
    "reward.call_cost=0.01",
    "reward.long_from=1",
    "reward.long_to=1000",
)
"""The embedded model is of the same class, with smaller layers."""


@pytest.mark.parametrize("name", LARGE)
def test_recipes_for_large_models_compose_and_take_a_step(name: str, tmp_path: Path) -> None:
    plan = RlRecipe.load(RECIPES / f"{name}.toml").checked()
    assert plan.backend.name == "trl" and plan.pace.gradient_checkpointing and not plan.watch.signal
    assert rows_of(plan, 1) == plan.rollouts.groups * plan.rollouts.samples
    small = RlRecipe.load(RECIPES / f"{name}.toml", SHRUNK)
    train(small, tmp_path)
    (line,) = curves(tmp_path)
    traces = list(read_traces(tmp_path / "episodes" / "step-000000"))
    returned = [
        part
        for trace in traces
        for turn in trace.turns
        if turn.observation
        for part in turn.observation.images
    ]
    assert len(traces) == 2 and returned, "a tool returned an image"
    assert line["logprob_diff_max"] <= 1e-4 and line["episodes_learned"] == 2
    before = load_file(WEIGHTS / NAMES["nano"] / "model.safetensors")
    after = load_file(tmp_path / "model.safetensors")
    changed = {key for key in after if not torch.equal(before[key], after[key])}
    assert changed and not any("visual" in key for key in changed)


def test_the_paper_s_settings() -> None:
    paper = RlRecipe.load(RECIPES / "qwen2_5_vl_7b.toml")
    assert (paper.rollouts.groups, paper.rollouts.samples, paper.optim.lr) == (256, 16, 1e-6)
    assert (paper.optim.clip_low, paper.optim.clip_high, paper.optim.loss) == (0.2, 0.3, "dapo")
    assert paper.rollouts.limits.tokens == 16_384 and paper.rollouts.mixed_only
    assert (paper.reward.accuracy, paper.reward.format) == (0.8, 0.2)
    assert [rows_of(paper, processes) for processes in (8, 32)] == [512, 128]


def test_verls_settings_say_the_same() -> None:
    lines = (RECIPES / "verl" / "qwen2_5_vl_7b.txt").read_text().splitlines()
    told = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    paper = RlRecipe.load(RECIPES / "qwen2_5_vl_7b.toml")
    actor = "actor_rollout_ref.actor."
    assert int(told["data.train_batch_size"]) == paper.rollouts.groups
    assert int(told["actor_rollout_ref.rollout.n"]) == paper.rollouts.samples
    assert int(told["data.max_response_length"]) == paper.rollouts.limits.tokens
    assert float(told[f"{actor}optim.lr"]) == paper.optim.lr
    assert float(told[f"{actor}clip_ratio_low"]) == paper.optim.clip_low
    assert float(told[f"{actor}clip_ratio_high"]) == paper.optim.clip_high
    (loop,) = yaml.safe_load((RECIPES / "verl" / "agent_loops.yaml").read_text())
    assert told["actor_rollout_ref.rollout.agent.default_agent_loop"] == loop["name"]
    assert told["actor_rollout_ref.rollout.calculate_log_probs"] == "True"
