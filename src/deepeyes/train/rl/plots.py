"""Curves of runs as an image, in the panels of the paper's Figure 8 and those that show why.

What always holds: a panel is drawn from the numbers in `curves.jsonl` alone; several runs go into the same
panels, so that a pilot can be laid beside the run that it warns of; a smooth line never stands without the
numbers that it is a mean of, which are drawn paler.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepeyes.core.errors import InputError, StorageError, boundary
from deepeyes.core.files import replaced_file
from deepeyes.train.rl.alarms import alarms

PLOT = "curves.png"
SMOOTH = 9
"""Steps that a smooth line is a mean over, around each."""
PANELS = (
    ("reward", "reward"),
    ("accuracy", "right, of what is played"),
    ("held_out/accuracy", "right, fixed held-out set"),
    ("calls", "tool calls an episode"),
    ("reply_tokens", "tokens written an episode"),
    ("entropy", "entropy of chosen tokens, nats"),
    ("mixed", "share of groups that are mixed"),
    ("placeholder_code", "share of cells that compute nothing"),
)
_COLOURS = ("#2f5d8a", "#d97706", "#1f7a4d", "#aa3377", "#5f6b7a", "#66ccee")


def plot(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], path: Path, title: str = "", smooth: int = SMOOTH
) -> None:
    """One line a run in each panel, by its label; a dotted one where an alarm about it began. `smooth`: steps
    of the mean, 1 for none. Raises `InputError` for runs without a step.
    """
    from matplotlib.figure import Figure

    if not any(runs.values()):
        raise InputError("no step has been done", "give the folder of a run of `deepeyes train rl`")
    figure = Figure(figsize=(14, 6.4), layout="constrained")
    for axis, (key, name) in zip(figure.subplots(2, 4).flat, PANELS, strict=True):
        for place, (label, lines) in enumerate(runs.items()):
            _draw(axis, key, lines, label.replace("$", r"\$"), _COLOURS[place % len(_COLOURS)], smooth)
        axis.set(title=name, xlabel="step")
        axis.grid(alpha=0.3)
    lines, labels = [], []
    for axis in figure.axes:  # a label once, wherever it is drawn first
        for line, label in zip(*axis.get_legend_handles_labels(), strict=True):
            if label not in labels:
                lines.append(line)
                labels.append(label)
    if len(runs) > 1 or len(labels) > 1:
        figure.legend(lines, labels, loc="outside lower center", ncols=4)
    figure.suptitle(title.replace("$", r"\$"))
    with boundary(StorageError, f"writing {path}", "give a file you may write to"):
        with replaced_file(path) as part:
            figure.savefig(part, dpi=110, format=path.suffix.lstrip(".") or "png")


def smoothed(values: Sequence[float], width: int = SMOOTH) -> list[float]:
    """The mean around each value, over fewer near both ends, where it is still in the middle of what it is a
    mean of.
    """
    found: list[float] = []
    for place in range(len(values)):
        half = min(width // 2, place, len(values) - 1 - place)
        part = values[place - half : place + half + 1]
        found.append(sum(part) / len(part))
    return found


def _draw(
    axis: Any, key: str, lines: Sequence[Mapping[str, Any]], label: str, colour: str, smooth: int
) -> None:
    points = [(line["step"], line[key]) for line in lines if line.get(key) is not None]
    if not points:
        return
    steps, values = [step for step, _ in points], [value for _, value in points]
    if key.startswith("held_out"):
        low = [line.get(f"{key}_low") for line in lines if line.get(key) is not None]
        high = [line.get(f"{key}_high") for line in lines if line.get(key) is not None]
        if None not in low and None not in high:
            axis.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
        axis.plot(steps, values, "o-", color=colour, label=label)
    elif smooth > 1 and len(values) > 3:
        axis.plot(steps, values, color=colour, alpha=0.3, linewidth=1)
        axis.plot(steps, smoothed(values, smooth), color=colour, label=label)
    else:
        axis.plot(steps, values, color=colour, label=label)
    for alarm in alarms(lines):
        if alarm.about == key:
            axis.axvline(alarm.since, color=colour, linestyle=":", linewidth=1.2)
            told = f"{alarm.name}, since {alarm.since}"
            axis.annotate(
                told,
                (alarm.since, 0.98),
                xycoords=("data", "axes fraction"),
                rotation=90,
                va="top",
                ha="right",
                fontsize=7,
            )
