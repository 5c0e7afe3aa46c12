"""Checkpoints: whole or not there, the newest kept, each step once in the curve."""

from pathlib import Path

import torch
from stopping import stopped

from deepeyes.train.curves import CURVES, curves
from deepeyes.train.rl.checkpoints import CHECKPOINTS, newest, save, tell, trim


def left(out: Path, step: int, keep: int = 2) -> None:
    save(out, step, {"model": {"w": torch.full((2,), float(step))}}, {"stream": {"drawn": {}}}, keep)


def test_the_newest_is_found_and_old_ones_go(tmp_path: Path) -> None:
    assert newest(tmp_path) is None
    for step in (5, 10, 15):
        left(tmp_path, step)
    found = newest(tmp_path)
    assert found is not None and found[1]["step"] == 15 and found[0]["model"]["w"].tolist() == [15.0, 15.0]
    assert sorted(path.name for path in (tmp_path / CHECKPOINTS).glob("step-*")) == [
        "step-000010",
        "step-000015",
    ]


def test_a_kill_at_any_moment_leaves_the_one_before_or_the_new_one(tmp_path: Path) -> None:
    for moment in range(100):
        out = tmp_path / str(moment)
        left(out, 1)
        ended = stopped(lambda folder: left(folder, 2), out, moment)
        found = newest(out)
        assert found is not None and found[1]["step"] in (1, 2)
        assert found[0]["model"]["w"].tolist() == [float(found[1]["step"])] * 2
        if not ended:
            assert found[1]["step"] == 2
            return
    raise AssertionError("it never came to its end")


def test_steps_that_are_done_again_and_torn_lines_are_forgotten(tmp_path: Path) -> None:
    for step in range(4):
        tell(tmp_path, {"step": step, "reward": 0.5})
    with (tmp_path / CURVES).open("a") as file:
        file.write('{"step": 4, "rew')
    trim(tmp_path, 2)
    tell(tmp_path, {"step": 2, "reward": 0.9})
    assert [line["step"] for line in curves(tmp_path)] == [0, 1, 2]
