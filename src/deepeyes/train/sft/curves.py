"""What a run writes while it goes: a line of JSON for every log, an image of the loss, complete checkpoints.

What always holds: a checkpoint counts only with its mark, which is written after all of it; so a run that was
killed while writing one goes on from the one before.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from deepeyes.core.files import append_line, write_atomic
from deepeyes.train.curves import CURVES, curves

PLOT, MARK = "loss.png", "complete"


class MetricsCallback(TrainerCallback):
    """Writes `curves.jsonl` and marks checkpoints; on one process of a run."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Forget what was logged after the checkpoint that the run goes on from."""
        if state.is_world_process_zero:
            kept = [line for line in curves(self.out) if line["step"] <= state.global_step]
            text = "".join(json.dumps(line) + "\n" for line in kept if state.global_step)
            write_atomic(self.out / CURVES, text.encode())

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if state.is_world_process_zero and logs:
            line = {"step": state.global_step, **{k: v for k, v in logs.items() if k != "total_flos"}}
            append_line(self.out / CURVES, json.dumps(line).encode() + b"\n", sync=False)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / MARK).touch()


def newest_checkpoint(folder: Path) -> Path | None:
    """The last complete checkpoint in `folder`."""
    marked = [path.parent for path in folder.glob(f"checkpoint-*/{MARK}")]
    numbered = [path for path in marked if re.fullmatch(r"checkpoint-\d+", path.name)]
    return max(numbered, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def plot(out: Path, title: str) -> Path:
    """`loss.png`: loss, token accuracy and learning rate over the steps."""
    from matplotlib.figure import Figure

    lines = curves(out)
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    panels = (("loss", "eval_loss"), ("mean_token_accuracy", "eval_mean_token_accuracy"), ("learning_rate",))
    names = ("loss on replies", "tokens that are right", "learning rate")
    for axis, keys, name in zip(figure.subplots(1, 3), panels, names, strict=True):
        for key in keys:
            points = [(line["step"], line[key]) for line in lines if key in line]
            if points:
                held_out = key.startswith("eval_")
                axis.plot(
                    *zip(*points, strict=True),
                    "o-" if held_out else "-",
                    label="held out" if held_out else "train",
                )
        axis.set(title=name, xlabel="step")
        axis.grid(alpha=0.3)
        if axis.get_legend_handles_labels()[0]:
            axis.legend()
    figure.suptitle(title)
    figure.savefig(out / PLOT, dpi=110)
    return out / PLOT
