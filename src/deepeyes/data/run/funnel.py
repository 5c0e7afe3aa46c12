"""The funnel: how many items went into each stage, how many came out, and why the others did not.

What always holds: it is read from the stages' own counts, also of a run that is not complete, and accounts
for every row of every source.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from deepeyes.core.errors import InputError, StorageError, boundary
from deepeyes.data.run.folder import RunFolder, StageCount

FUNNEL_FILE = "funnel.json"
REJECTS_FILE = "rejects.jsonl"


def counts_of(run: RunFolder) -> list[StageCount]:
    """The counts of all complete stages. Raises `InputError` if there are none."""
    counts = [count for stage in run.stages() if (count := stage.count()) is not None]
    if not counts and run.stages():
        raise InputError(
            f"no stage of the run in {run.path} is complete yet", "let deepeyes data curate go on"
        )
    if not counts:
        raise InputError(f"there is no curation run in {run.path}", "give the folder of deepeyes data curate")
    return counts


def funnel_table(counts: Sequence[StageCount]) -> Table:
    """The funnel for a terminal, reasons by how often they came."""
    table = Table(box=None, pad_edge=False)
    for heading, side in (("stage", "left"), ("in", "right"), ("out", "right"), ("left out because", "left")):
        table.add_column(heading, justify=side)  # pyright: ignore[reportArgumentType]
    for count in counts:
        why = ", ".join(f"{reason} {n:,}" for reason, n in by_number(count.rejected))
        table.add_row(count.name, f"{count.into:,}", f"{count.kept + count.passed:,}", why)
        for note, number in count.notes.items():
            table.add_row("", "", "", f"[dim]{escape(note)}: {number:,}[/]")
    routes = ", ".join(f"{route} {n:,}" for route, n in by_number(counts[-1].routes))
    table.add_row("", "", "", f"[bold]{routes}[/]" if routes else "")
    return table


def by_number(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Largest first; equal ones by name."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def plot_funnel(counts: Sequence[StageCount], path: Path) -> None:
    """A bar a stage, what is left out in shades by reason."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 0.42 * len(counts) + 1.2), layout="constrained")
    axes: Any = figure.subplots()
    names = [count.name.replace("_", " ") for count in counts]
    axes.barh(names, [count.kept + count.passed for count in counts], color="#2b6cb0", label="kept")
    for place, count in enumerate(counts):
        left = count.kept + count.passed
        for shade, (reason, number) in enumerate(by_number(count.rejected)):
            axes.barh(place, number, left=left, color=_SHADES[min(shade, len(_SHADES) - 1)])
            if number >= 0.06 * counts[0].into:
                text = f"{reason.replace('_', ' ')} {number:,}"
                axes.text(left + number / 2, place, text, ha="center", va="center", fontsize=7)
            left += number
    axes.invert_yaxis()
    axes.set_xlabel("items (blue: kept, orange: left out)")
    axes.spines[["top", "right"]].set_visible(False)
    with (
        boundary(StorageError, f"writing {path}", "check the folder's permissions"),
        boundary(InputError, f"drawing {path}", "name a .png, .svg or .pdf file", expected=ValueError),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)


_SHADES = ("#dd6b20", "#ed8936", "#f6ad55", "#fbd38d", "#feebc8")
