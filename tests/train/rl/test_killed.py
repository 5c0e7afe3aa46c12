"""`kill -9` at five moments of one run, in the middle of playing and of writing: it goes on each time, and
comes to the curve, the model and the reports of a run that nobody disturbed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deepeyes.core.trace import read_traces
from deepeyes.train.curves import curves
from deepeyes.train.rl.episodes import EPISODES

HERE = Path(__file__).parent
CLOCKS = ("seconds", "held_out/seconds")
ROUNDING = ("logprob_diff", "logprob_pearson")
"""These depend on who else was sampled at the time."""


def learned(out: Path) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in line.items() if not name.startswith((*CLOCKS, *ROUNDING))}
        for line in curves(out)
    ]


def told(out: Path) -> dict[str, list[int]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(out / "tensorboard")).Reload()
    return {name: [event.step for event in events.Scalars(name)] for name in events.Tags()["scalars"]}


@pytest.mark.slow
@pytest.mark.parametrize("door", ["flat", "trl"])
def test_five_kills_change_nothing(door: str, tmp_path: Path) -> None:
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), *sys.path]),
        "OMP_NUM_THREADS": "1",
    }
    ran = subprocess.run(
        [sys.executable, HERE / "killed_runs.py", tmp_path, door],
        capture_output=True,
        text=True,
        env=env,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr
    kills = json.loads(ran.stdout)
    assert len(kills) == 5 and all(one["killed"] for one in kills.values()), kills
    whole, out = tmp_path / "whole", tmp_path / "killed"
    assert learned(out) == learned(whole) and [line["step"] for line in curves(out)] == list(range(6))
    assert len({line["reward"] for line in curves(whole)}) > 1, "something was learned and played anew"
    assert any(line["mixed"] for line in curves(whole))
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    for step in range(6):
        kept, undisturbed = ([*read_traces(one / EPISODES / f"step-{step:06d}")] for one in (out, whole))
        assert [one.rewards for one in kept] == [one.rewards for one in undisturbed]
    steps = told(out)["reward"]  # killed between telling a step and noting that, it tells the same again
    assert steps == sorted(steps) and set(steps) == set(range(6))
    left = [path.name for path in out.rglob(".*") if path.name.endswith((".part", ".old"))]
    assert left == [], "nothing half-written stays"
