"""`deepeyes train curves`: runs in a line each, what goes wrong in them, and one image."""

import json
from pathlib import Path
from typing import Any

from PIL import Image
from typer.testing import CliRunner

from deepeyes.cli.train import app


def run(folder: Path, calls: list[float], **more: Any) -> Path:
    folder.mkdir()
    lines = [
        {"step": step, "groups": 48, "reward": 0.5, "calls": value, "reply_tokens": 100.0}
        for step, value in enumerate(calls)
    ]
    lines[-1] |= more
    (folder / "curves.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_runs_are_drawn_into_one_image_and_alarms_named(tmp_path: Path) -> None:
    held = {"held_out/accuracy": 0.5, "held_out/accuracy_low": 0.4, "held_out/accuracy_high": 0.6}
    good, bad = run(tmp_path / "good", [1.0] * 12, **held), run(tmp_path / "bad", [1.0] * 6 + [0.0] * 6)
    out = tmp_path / "both.png"
    ran = CliRunner().invoke(app, ["curves", str(good), str(bad), "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    told = ran.stdout.splitlines()
    assert told[0].startswith("good: 12 steps") and "fixed set 50.0% to 50.0% [40.0%, 60.0%]" in told[0]
    assert told[1].startswith("bad: 12 steps") and "calls 1 to 0" in told[1]
    assert told[2].strip().startswith("calls die out since step 7") and told[-1] == str(out)
    assert Image.open(out).size[0] > 1000


def test_a_folder_without_steps_is_refused(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["curves", str(tmp_path)])
    assert ran.exit_code and "no step of reinforcement learning" in str(ran.exception)
