"""Whole runs on the embedded model: they learn, leave a model that answers, and go on after any kill."""

import json
from pathlib import Path
from typing import Any

import pytest

from deepeyes.core.errors import ConfigError
from deepeyes.core.trace import read_traces
from deepeyes.train.curves import curves
from deepeyes.train.rl.loop import train
from deepeyes.train.rl.recipe import RlRecipe

SMALL = (
    "model.path=nano",
    "tasks.world.tiny=1",
    "tasks.world.direct=1",
    "tasks.seed=41",
    "rollouts.groups=2",
    "rollouts.samples=3",
    "rollouts.mixed_only=false",
    "rollouts.concurrency=8",
    "optim.steps=3",
    "optim.updates=2",
    "optim.lr=1e-4",
    "optim.average=0.5",
    "pace.save_every=1",
    "watch.every=2",
    "watch.n=2",
    "watch.samples=1",
)


def recipe(*more: str) -> RlRecipe:
    return RlRecipe.load(overrides=[*SMALL, *more])


class Killed(BaseException):
    """Stands for the end of the process."""


def learned(out: Path) -> list[dict[str, Any]]:
    """The curve without clocks, and without what the sampler rounds by who else was sampled at the time."""
    clocks = ("seconds", "logprob_diff", "logprob_pearson")
    return [{k: v for k, v in line.items() if not k.startswith(clocks)} for line in curves(out)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    out = tmp_path_factory.mktemp("whole")
    train(recipe(), out)
    return out


@pytest.mark.slow
def test_a_run_leaves_its_curve_its_episodes_and_a_model(whole: Path) -> None:
    lines = curves(whole)
    assert [line["step"] for line in lines] == [0, 1, 2]
    assert all(line["logprob_diff_max"] <= 1e-4 for line in lines)
    assert all(0 <= line["reward"] <= 1 and line["groups"] == 2 for line in lines)
    assert [line["step"] for line in lines if "held_out/accuracy" in line] == [1, 2]
    traces = list(read_traces(whole / "episodes" / "step-000002"))
    assert len(traces) == 6 and all(trace.rewards["total"] >= 0 for trace in traces)
    assert all(turn.policy == 2 for trace in traces for turn in trace.turns)
    assert all(trace.banned for trace in traces)
    assert json.loads((whole / "finished.json").read_text())["steps"] == 3
    assert {"model.safetensors", "tokenizer.json", "curves.png"} <= {path.name for path in whole.iterdir()}


@pytest.mark.slow
def test_the_model_that_is_left_answers_and_is_not_the_one_it_began_as(whole: Path) -> None:
    from deepeyes.models.nano.model import NAMES, WEIGHTS, load_nano

    assert load_nano("nano:new", folder=whole).vision
    assert (whole / "model.safetensors").read_bytes() != (
        WEIGHTS / NAMES["nano"] / "model.safetensors"
    ).read_bytes()


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
    assert (tmp_path / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_a_finished_run_is_not_done_again_and_another_recipe_is_refused(whole: Path) -> None:
    before = (whole / "curves.jsonl").read_bytes()
    assert train(recipe("watch.keep=9"), whole)["steps"] == 3
    with pytest.raises(ConfigError, match=r"optim\.lr.*--fresh"):
        train(recipe("optim.lr=2e-4"), whole)
    assert (whole / "curves.jsonl").read_bytes() == before


@pytest.mark.slow
def test_questions_of_a_file_are_asked_with_their_images(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (200, 100), "red").save(tmp_path / "red.png")
    row = {"image": "red.png", "question": "How many signs are there?", "answer": "7"}
    (tmp_path / "mine.jsonl").write_text(json.dumps(row) + "\n")
    plan = RlRecipe.model_validate(
        {
            "model": {"path": "nano"},
            "tasks": {"files": {str(tmp_path / "mine.jsonl"): 1.0}},
            "rollouts": {"groups": 2, "samples": 2, "mixed_only": False},
            "optim": {"steps": 1},
        }
    )
    assert train(plan, tmp_path / "run")["steps"] == 1
    traces = list(read_traces(tmp_path / "run" / "episodes" / "step-000000"))
    assert {trace.task.question for trace in traces} == {"How many signs are there?"}
    assert len({trace.task.id for trace in traces}) == 2, "asked again under another id"
