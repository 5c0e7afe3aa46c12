"""The training loop: what it hands on, how fast it learns, and that a killed run ends the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from deepeyes.core.errors import ConfigError
from deepeyes.train.nano import loop
from deepeyes.train.nano.batch import IGNORE, Tensors
from deepeyes.train.nano.loop import rate, train_stage
from deepeyes.train.nano.recipe import ColdStartConfig, StageConfig


class Line(nn.Module):
    """y = ax + b twice, once in a vision tower: the smallest thing that has all kinds of parameters."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(2, 2)
        self.model = nn.ModuleDict({"visual": nn.Linear(2, 2)})

    def forward(self, x: torch.Tensor, y: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        """The mean over the rows that have a label."""
        assert x.dtype == torch.float32
        loss = (self.layer(x) + self.model["visual"](x) - y)[labels >= 0].square().mean()
        return loss, {"double": 2 * loss.detach()}


def draw(step: int, samples: int) -> list[Tensors]:
    """Half of the rows have a label, and at least one."""
    x = torch.randn(samples, 2, generator=torch.Generator().manual_seed(step))
    labels = torch.where(torch.arange(samples) % 2 == 0, 1, IGNORE)
    return [{"x": x, "y": x.flip(1) + 1, "labels": labels}]


def in_parts(step: int, samples: int) -> list[Tensors]:
    """What `draw` draws, in two parts: one row with a label, and all others."""
    (whole,) = draw(step, samples)
    return [
        {name: value[:2] for name, value in whole.items()},
        {name: value[2:] for name, value in whole.items()},
    ]


def noting(draw: loop.Draw, path: Path) -> loop.Draw:
    """The same as `draw`, with a line in `path` a step: other processes draw."""

    def noted(step: int, samples: int) -> list[Tensors]:
        with path.open("a") as file:
            file.write(f"{step}\n")
        return draw(step, samples)

    return noted


def stage(**changes: Any) -> StageConfig:
    """Thirty steps with a checkpoint after each."""
    return StageConfig.model_validate({"steps": 30, "batch": 4, "save_every": 0, "warmup": 3, **changes})


def trained(plan: StageConfig, folder: Path, draw: loop.Draw = draw) -> dict[str, torch.Tensor]:
    module = Line()
    train_stage(module, draw, plan, folder)
    return module.state_dict()


def gradients(
    draw: loop.Draw, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, torch.Tensor]]:
    """What `train_stage` has accumulated before each step."""
    module, seen = Line(), list[dict[str, torch.Tensor]]()

    def note(*_: Any) -> None:
        named = module.named_parameters()
        seen.append({name: value.grad.clone() for name, value in named if value.grad is not None})

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", note)
    train_stage(module, draw, stage(steps=3, batch=8, lr=1e-9), folder)
    return seen


def test_a_batch_in_parts_has_the_gradient_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = gradients(draw, tmp_path / "whole", monkeypatch)
    parts = gradients(in_parts, tmp_path / "parts", monkeypatch)
    assert len(whole) == len(parts) == 3
    for one, other in zip(whole, parts, strict=True):
        assert set(one) == set(Line().state_dict())
        assert all(torch.allclose(one[name], other[name], atol=1e-5) for name in one)


@pytest.mark.parametrize(("setting", "moved"), [("vision_lr", "model.visual."), ("muon", "weight")])
def test_some_parameters_learn_at_a_rate_of_their_own(setting: str, moved: str, tmp_path: Path) -> None:
    """`vision_lr` is for the tower, `muon` for matrices: one step is as long as the rate says."""
    start = Line().state_dict()
    one, three = (
        trained(stage(steps=1, ema=0, **{setting: factor}), tmp_path / str(factor)) for factor in (1.0, 3.0)
    )
    for name, before in start.items():
        times = 3 if moved in name else 1
        assert torch.allclose(three[name] - before, times * (one[name] - before), atol=1e-6), name
        assert not torch.equal(one[name], before)


def test_a_tower_without_a_rate_stays_as_it_is(tmp_path: Path) -> None:
    after, before = trained(stage(vision_lr=0), tmp_path), Line().state_dict()
    for name in before:
        assert torch.equal(after[name], before[name]) == ("visual" in name)


def test_the_optimizers_remember_as_long_as_documented() -> None:
    muon, adamw = loop._optimizers(Line(), stage(lr=1e-2, vision_lr=0.5))
    assert [group["betas"] for group in adamw.param_groups] == [(0.9, 0.98)] * 2
    assert [group["adjust_lr_fn"] for group in muon.param_groups] == ["match_rms_adamw"] * 2
    peaks = [group["peak"] for group in (*muon.param_groups, *adamw.param_groups)]
    assert peaks == pytest.approx([3e-2, 1.5e-2, 1e-2, 5e-3])


@pytest.mark.parametrize("ema", (0.998, 0.3))
def test_what_is_handed_on_is_the_average_over_steps(ema: float, tmp_path: Path) -> None:
    """Found again from the weights that each step began with, and the last ones in the checkpoint."""
    seen: list[dict[str, torch.Tensor]] = []

    class Seen(Line):
        def forward(self, *args: torch.Tensor, **batch: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
            seen.append({name: value.clone() for name, value in self.state_dict().items()})
            return super().forward(*args, **batch)

    module, finished = Seen(), list[Tensors]()

    def finish() -> None:
        finished.append({name: value.clone() for name, value in module.state_dict().items()})
        seen.append(torch.load(tmp_path / "checkpoint.pt", weights_only=True)["module"])

    def evaluate() -> dict[str, float]:
        return {"weight": float(module.layer.weight.detach().sum())}

    train_stage(module, draw, stage(ema=ema, lr=0.1, decay=0), tmp_path, evaluate=evaluate, finish=finish)
    expected = seen[0]
    for step, after in enumerate(seen[1:]):
        keep = min(ema, (step + 1) / (step + 20))
        expected = {name: keep * value + (1 - keep) * after[name] for name, value in expected.items()}
    for name, value in module.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-5)
        assert torch.equal(value, finished[0][name])
        assert not torch.allclose(value, seen[-1][name], atol=1e-3), "the last weights are something else"
    told = json.loads((tmp_path / "curves.jsonl").read_text().splitlines()[-1])
    assert told["held_out"] == evaluate() and told["averaged"]


class Killed(Exception):
    pass


class Dies(Line):
    """Dies in the seventeenth step."""

    def forward(self, x: torch.Tensor, *args: torch.Tensor, **batch: torch.Tensor) -> Any:
        if torch.equal(x, draw(17, 4)[0]["x"].half().float()):
            raise Killed
        return super().forward(x, *args, **batch)


@pytest.mark.parametrize(
    "plan",
    (stage(), ColdStartConfig(**stage().model_dump(), shares={"a": 1}, ablations={"b": ("a",)})),
    ids=("dense", "cold"),
)
def test_a_killed_run_resumes_to_the_same_weights(tmp_path: Path, plan: StageConfig) -> None:
    whole = trained(plan, tmp_path / "whole")
    with pytest.raises(Killed):
        train_stage(Dies(), draw, plan, tmp_path / "killed")
    drawn = tmp_path / "drawn"
    resumed = trained(plan, tmp_path / "killed", noting(draw, drawn))
    assert sorted(map(int, drawn.read_text().split())) == list(range(17, 30))
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())
    assert not (tmp_path / "killed" / "checkpoint.pt").exists()


def curve(folder: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, (folder / "curves.jsonl").read_text().splitlines())
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def logged(module: Line, folder: Path) -> list[dict[str, Any]]:
    def evaluate() -> dict[str, float]:
        return {"weight": float(module.layer.weight.detach().sum())}

    train_stage(module, draw, stage(evaluate_every=4, lr=0.1), folder, evaluate=evaluate)
    return curve(folder)


def test_a_killed_run_goes_on_with_the_same_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit, also where it logged more than it could save."""
    monkeypatch.setattr(loop, "LOG_EVERY", 2)
    whole = logged(Line(), tmp_path / "whole")
    assert [line["step"] for line in whole if "loss" in line] == list(range(2, 31, 2))
    assert whole[0]["double"] == pytest.approx(2 * whole[0]["loss"], abs=2e-4)
    assert [line["step"] for line in whole if "held_out" in line] == [*range(4, 29, 4), 30]
    with pytest.raises(Killed):
        logged(Dies(), tmp_path / "killed")
    with (tmp_path / "killed" / "curves.jsonl").open("a") as file:
        file.write('{"step": 18, "loss": 9.0}\n{"step": 20, "lo')
    assert logged(Line(), tmp_path / "killed") == whole


def test_a_run_killed_before_its_first_checkpoint_forgets_its_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY", 2)
    whole = logged(Line(), tmp_path / "whole")
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "curves.jsonl").write_text('{"step": 2, "loss": 9.0}\n')
    assert logged(Line(), tmp_path / "again") == whole


def test_a_checkpoint_from_before_curves_were_in_it_goes_on(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train_stage(Dies(), draw, stage(), tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state.pop("smooth") and state["step"] == 17
    torch.save(state, tmp_path / "checkpoint.pt")
    resumed, whole = trained(stage(), tmp_path), trained(stage(), tmp_path / "whole")
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def test_processes_that_cannot_share_a_batch_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ConfigError, match="3 processes cannot share a batch of 4"):
        train_stage(Line(), draw, stage(), tmp_path)


@pytest.mark.parametrize("start", (0, 6, 9))
def test_batches_come_again_in_blocks_wherever_a_run_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, start: int
) -> None:
    monkeypatch.setattr(loop, "BLOCK", 4)
    number = noting(lambda step, samples: [{"n": torch.tensor(step)}], tmp_path / "drawn")
    plan = StageConfig(steps=16, batch=1, reuse=2)
    seen = [int(part["n"]) for (part,) in loop.batches(number, plan, start)]
    assert seen == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7][start:]
    drawn = (tmp_path / "drawn").read_text().split()
    assert len(drawn) == len(set(drawn)), "nothing is drawn twice"


def test_the_rate_rises_stays_and_falls() -> None:
    plan = StageConfig(steps=1000, warmup=100, decay=0.4)
    assert [rate(step, plan) for step in (0, 1, 98)] == pytest.approx([0.01, 0.02, 0.99])
    assert {rate(step, plan) for step in range(99, 601)} == {1.0}
    assert 0.9999 < rate(601, plan) < 1.0
    assert rate(800, plan) == pytest.approx(0.02 + 0.98 / 2), "half way down to a fiftieth"
    assert rate(1000, plan) == pytest.approx(0.02) and rate(999, plan) > 0.02
    falling = [rate(step, plan) for step in range(600, 1000)]
    assert falling == sorted(falling, reverse=True)


def test_each_step_has_its_own_rate_wherever_a_run_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []

    def noted(real: Callable[[int, StageConfig], float]) -> Callable[[int, StageConfig], float]:
        return lambda step, plan: steps.append(step) or real(step, plan)

    monkeypatch.setattr(loop, "rate", noted(rate))
    with pytest.raises(Killed):
        train_stage(Dies(), draw, stage(), tmp_path)
    trained(stage(), tmp_path)
    assert list(dict.fromkeys(steps)) == list(range(30)) and len(steps) == 2 * 30, "for both optimizers"
