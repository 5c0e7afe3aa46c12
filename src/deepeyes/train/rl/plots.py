"""A run's curve as an image, in the panels of the paper's Figure 8 and those that show why.

What always holds: a panel is drawn from the numbers in `curves.jsonl` alone; several runs go into the same
panels, so that a pilot can be laid beside the run that it warns of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepeyes.core.errors import InputError, StorageError, boundary
from deepeyes.core.files import replaced_file

PLOT = "curves.png"
_PANELS = (
    ("reward", "reward"),
    ("accuracy", "right, of what is played"),
    ("held_out/accuracy", "right, fixed held-out set"),
    ("calls", "tool calls an episode"),
    ("reply_tokens", "tokens written an episode"),
    ("entropy", "entropy of chosen tokens, nats"),
    ("mixed", "share of groups that are mixed"),
    ("placeholder_code", "share of cells that compute nothing"),
)


def plot(runs: Mapping[str, Sequence[Mapping[str, Any]]], path: Path, title: str = "") -> None:
    """One line a run in each panel, by its label. Raises `InputError` for runs without a step."""
    from matplotlib.figure import Figure

    if not any(runs.values()):
        raise InputError("no step has been done", "give the folder of a run of `deepeyes train rl`")
    figure = Figure(figsize=(14, 6), layout="constrained")
    for axis, (key, name) in zip(figure.subplots(2, 4).flat, _PANELS, strict=True):
        for label, lines in runs.items():
            points = [(line["step"], line[key]) for line in lines if line.get(key) is not None]
            if points:
                axis.plot(
                    *zip(*points, strict=True), "o-" if key.startswith("held_out") else "-", label=label
                )
        axis.set(title=name, xlabel="step")
        axis.grid(alpha=0.3)
    if len(runs) > 1:
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle(title)
    with boundary(StorageError, f"writing {path}", "give a file you may write to"):
        with replaced_file(path) as part:
            figure.savefig(part, dpi=110, format=path.suffix.lstrip(".") or "png")
