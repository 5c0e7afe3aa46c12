"""The plots of a report, as PNG files: how right, how often tools, which tools.

What always holds: every share is drawn with its interval; colours are told apart by the colour-blind too, and
a class has the same one in every plot; the text in a plot is shown with its control characters visible.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deepeyes.analysis.behaviour import Behaviour
from deepeyes.analysis.stats import Estimate
from deepeyes.analysis.toolmix import COLOURS, USES
from deepeyes.view.visible import visible

_LINES = ("#2f5d8a", "#d97706", "#1f7a4d", "#aa3377", "#5f6b7a", "#66ccee")
_WIDE = 34
"""Characters of a label."""


def intervals(bars: Mapping[str, Mapping[str, Estimate]], title: str, chance: float | None = None) -> bytes:
    """Horizontal bars with 95 % intervals: label (a family, or all) to run to estimate, in percent."""
    labels = list(bars)
    runs = list(dict.fromkeys(run for by_run in bars.values() for run in by_run))

    def draw(axes: Any) -> None:
        height = 0.8 / max(1, len(runs))
        for place, run in enumerate(runs):
            for row, label in enumerate(labels):
                one = bars[label].get(run)
                if one is None or one.value is None:
                    continue
                value, low, high = 100 * one.value, 100 * one.low, 100 * one.high
                y = row - 0.4 + height * (place + 0.5)
                axes.barh(
                    y, value, height * 0.9, color=_LINES[place % len(_LINES)], label=run if row == 0 else None
                )
                axes.plot([low, high], [y, y], color="#21211f", linewidth=1.2)
        axes.set_yticks(range(len(labels)), [_short(label) for label in labels])
        axes.invert_yaxis()
        axes.set(xlim=(0, 100), xlabel="% with 95 % intervals", title=title)
        if chance is not None:
            axes.axvline(100 * chance, color="#b3362b", linestyle=":", linewidth=1, label="chance")

    return _png(draw, 1.4 + 0.16 * len(labels) * max(2, len(runs)))


def tool_mix(by_run: Mapping[str, Mapping[str, Behaviour]], title: str) -> bytes | None:
    """Bars of 100 %, divided by what the calls did: a bar for each run and family. None without any call."""
    rows = [
        (f"{family}, {run}" if len(by_run) > 1 else family, of)
        for run, families in by_run.items()
        for family, of in families.items()
        if of.uses
    ]
    if not rows:
        return None

    def draw(axes: Any) -> None:
        left = [0.0] * len(rows)
        for name, colour in zip(USES, COLOURS, strict=True):
            widths = [100 * of.shares.get(name, 0.0) for _, of in rows]
            if any(widths):
                drawn = axes.barh(range(len(rows)), widths, left=left, color=colour, label=name)
                numbers = [f"{width:.0f}" if width >= 6 else "" for width in widths]
                axes.bar_label(drawn, numbers, label_type="center", color="white", fontsize=8)
                left = [start + width for start, width in zip(left, widths, strict=True)]
        axes.set_yticks(range(len(rows)), [f"{_short(label)} ({of.uses.total()})" for label, of in rows])
        axes.invert_yaxis()
        axes.set(xlim=(0, 100), xlabel="% of calls (number of calls)", title=title)

    return _png(draw, 1.6 + 0.32 * len(rows))


def spread(values: Mapping[str, Sequence[float]], title: str, unit: str) -> bytes:
    """A box a run: quartiles, and whiskers to the 5th and 95th percentile."""

    def draw(axes: Any) -> None:
        kept = {label: some for label, some in values.items() if some}
        names = [_short(label) for label in kept]
        axes.boxplot(list(kept.values()), orientation="horizontal", whis=(5, 95), showfliers=False)
        axes.set_yticks(range(1, len(kept) + 1), names)
        axes.invert_yaxis()
        axes.set(xlabel=unit, title=title)

    return _png(draw, 1.4 + 0.35 * len(values), legend=False)


def _png(draw: Callable[[Any], None], height: float, *, legend: bool = True) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, min(height, 24)), layout="constrained")
    axes = figure.subplots()
    draw(axes)
    if legend and axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    made = io.BytesIO()
    figure.savefig(made, dpi=110, format="png")
    return made.getvalue()


def _short(label: str) -> str:
    # A dollar sign would begin a formula.
    text = visible(label).replace("$", r"\$")
    return text if len(text) <= _WIDE else text[: _WIDE - 1] + "…"
