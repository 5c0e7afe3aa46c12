"""Whole runs behind the library door: they learn, leave a model, and go on after any kill."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

import torch
from safetensors.torch import load_file
from train.rl.engines.fake_servers import FakeServer
from train.rl.test_loop import SMALL, Killed, learned
from train.rl.test_reporters import read_events
from transformers import AutoModelForImageTextToText

from deepeyes.core.errors import ConfigError
from deepeyes.core.trace import read_traces
from deepeyes.models.nano.model import NAMES, WEIGHTS
from deepeyes.models.transformers import do_without_torchvision
from deepeyes.train.curves import curves
from deepeyes.train.rl.backends.trl import rows_of, train
from deepeyes.train.rl.backends.weights import merged
from deepeyes.train.rl.engines.served import ServedEngine
from deepeyes.train.rl.recipe import RlRecipe

START = WEIGHTS / NAMES["nano-world"]
BEHIND = (
    "backend.name=trl",
    "model.path=nano-world",
    "optim.average=0",
    "pace.per_device=2",
    "pace.gradient_checkpointing=false",
    "rollouts.sampling.temperature=1.3",
    "reward.long_from=1",
    "reward.long_to=500",
    'report.to=["tensorboard"]',
)
"""By its length, hardly any episode earns what another one does, so every group teaches."""


def recipe(*more: str) -> RlRecipe:
    return RlRecipe.load(overrides=[*SMALL, *BEHIND, *more])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    out = tmp_path_factory.mktemp("whole")
    train(recipe(), out)
    return out


@pytest.mark.slow
def test_a_run_leaves_what_the_flat_loop_leaves(whole: Path) -> None:
    lines = curves(whole)
    assert [line["step"] for line in lines] == [0, 1, 2]
    assert all(line["logprob_diff_max"] <= 1e-4 and line["episodes_learned"] == 6 for line in lines)
    assert all({"reward_accuracy", "reward_format", "loss", "lr", "entropy"} <= set(line) for line in lines)
    assert [line["step"] for line in lines if "held_out/accuracy" in line] == [1, 2]
    traces = list(read_traces(whole / "episodes" / "step-000002"))
    assert len(traces) == 6 and all(turn.policy == 2 for trace in traces for turn in trace.turns)
    assert json.loads((whole / "finished.json").read_text())["steps"] == 3
    assert [step for step, _ in read_events(whole)["reward"]] == [0, 1, 2]
    assert {"model.safetensors", "tokenizer.json", "curves.png"} <= {path.name for path in whole.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0, 1])
def test_a_killed_run_goes_on_to_the_same_curves(tmp_path: Path, whole: Path, moment: int) -> None:
    def kill(numbers: dict[str, Any]) -> None:
        if numbers["step"] == moment:
            raise Killed

    with pytest.raises(Killed):
        train(recipe(), tmp_path, on_step=kill)
    train(recipe(), tmp_path)
    assert learned(tmp_path) == learned(whole)
    assert [step for step, _ in read_events(tmp_path)["reward"]] == [0, 1, 2]
    one, other = (load_file(folder / "model.safetensors") for folder in (tmp_path, whole))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_a_finished_run_is_not_done_again_and_another_recipe_is_refused(whole: Path) -> None:
    assert train(recipe("watch.keep=9"), whole)["steps"] == 3
    with pytest.raises(ConfigError, match=r"backend\.name.*--fresh"):
        from deepeyes.train.rl.loop import train as flat

        flat(recipe("backend.name=flat"), whole)


@pytest.mark.slow
def test_adapters_learn_sample_and_come_out_merged(tmp_path: Path) -> None:
    train(
        recipe("lora.rank=4", "optim.steps=2", "optim.updates=1", "optim.lr=1e-2", "watch.every=0"), tmp_path
    )
    lines = curves(tmp_path)
    assert all(line["logprob_diff_max"] <= 1e-4 for line in lines), "what samples has the adapters in it"
    start, after = load_file(START / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    changed = {name for name in after if not torch.equal(start[name], after[name])}
    assert changed and all("proj" in name and "visual" not in name for name in changed)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").exists()


def test_merged_weights_are_those_of_the_model_with_its_adapters() -> None:
    from peft import LoraConfig, get_peft_model

    do_without_torchvision()
    model: Any = AutoModelForImageTextToText.from_pretrained(START, dtype=torch.float32).eval()
    names = set(model.state_dict())
    adapted: Any = get_peft_model(model, LoraConfig(r=3, target_modules=["q_proj", "up_proj"]))
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.05)
    before = {name: value.clone() for name, value in adapted.state_dict().items()}
    plain = merged(adapted, adapted.state_dict())
    assert set(plain) == names
    fresh: Any = AutoModelForImageTextToText.from_pretrained(START, dtype=torch.float32).eval()
    ids = torch.arange(20, 60)[None]
    with torch.no_grad():
        untouched = fresh(input_ids=ids).logits
        fresh.load_state_dict(plain)
        assert torch.allclose(fresh(input_ids=ids).logits, adapted(input_ids=ids).logits, atol=1e-4)
    assert not torch.allclose(untouched, fresh(input_ids=ids).logits, atol=1e-1)
    assert all(torch.equal(before[name], value) for name, value in adapted.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("more", [("lora.rank=4",), ()], ids=["adapters", "all"])
def test_a_server_speaks_with_the_weights_of_the_last_step(
    more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FakeServer()

    def opened(plan: Any, folder: Path, learner: Any, processor: Any, out: Path) -> ServedEngine:
        transport = server.transport()
        return ServedEngine("vllm", plan.servers, "nano", processor, out / "served", transport, transport)

    monkeypatch.setattr("deepeyes.train.rl.backends.trl.open_engine", opened)
    served = (
        "rollouts.engine=vllm",
        'rollouts.servers=["http://one:1"]',
        "rollouts.dialect=deepeyes_v2/brief",
    )
    changes = (
        "optim.steps=2",
        "optim.updates=1",
        "optim.lr=1e-3",
        "watch.every=0",
        "tasks.world={tiny=1}",
        "rollouts.groups=1",
        "rollouts.samples=4",
        "rollouts.limits.turns=3",
    )
    train(recipe(*served, *changes, *more), tmp_path)
    first, second = curves(tmp_path)
    assert first["gradient_norm"] > 0 and server.paths.count("/collective_rpc") == 2
    for line in (first, second):  # unlikely tokens, drawn at this temperature, round the most
        assert line["logprob_diff_mean"] <= 1e-6 and line["logprob_pearson"] > 0.999999
        assert line["logprob_diff_max"] <= 5e-4, "what was learned speaks"
    start, last = load_file(START / "model.safetensors"), server.loaded
    assert last.keys() == start.keys(), "by the names of the published file"
    assert any(not torch.equal(start[name], last[name]) for name in last)


@pytest.mark.slow
def test_two_processes_play_their_own_groups_and_learn_together(tmp_path: Path) -> None:
    out = tmp_path / "run"
    more = [
        word
        for one in (*SMALL, *BEHIND, "optim.steps=2", "optim.updates=1", "pace.per_device=3")
        for word in ("--set", one)
    ]
    (tmp_path / "empty.toml").write_text("")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=29677"]
    words = ["--module", "deepeyes", "train", "rl", str(tmp_path / "empty.toml"), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [*launch, *words, *more], env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = curves(out)
    assert [line["step"] for line in lines] == [0, 1]
    assert all(line["groups"] == 2 and line["episodes_learned"] == 6 for line in lines)
    assert all(line["logprob_diff_max"] <= 1e-4 for line in lines), "both have the same weights"
    (folder,) = (out / "checkpoints").glob("checkpoint-2")
    assert {"stream-0.json", "stream-1.json", "complete"} <= {path.name for path in folder.iterdir()}


def test_episodes_that_cannot_be_shared_out_are_refused() -> None:
    assert rows_of(recipe(), 1) == 6 and rows_of(recipe("pace.per_device=3"), 2) == 3
    with pytest.raises(ConfigError, match="not a multiple of the 4 processes"):
        rows_of(recipe(), 4)
    with pytest.raises(ConfigError, match=r"6 episodes .* pace\.per_device = 4"):
        rows_of(recipe("pace.per_device=4"), 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (("backend.name=flat", "lora.rank=4"), "the flat loop has no adapters"),
        (("optim.average=0.5",), "TRL averages no weights"),
        (("lora.dropout=0.1",), "set lora.dropout = 0"),
        (
            ("rollouts.stale=1", "rollouts.engine=nano", "optim.correction=truncate"),
            "only the flat loop with the engine nano plays steps ahead",
        ),
        (("rollouts.engine=vllm",), "names 0 servers"),
        (('rollouts.servers=["http://x"]',), "rollouts.engine is auto"),
    ],
)
def test_recipes_that_a_door_cannot_open_are_refused(changes: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        recipe(*changes).checked()
