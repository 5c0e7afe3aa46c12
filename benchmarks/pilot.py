"""Runs of reinforcement learning side by side, as a table and as one figure like the paper's Figure 8:

    python -m benchmarks.pilot runs/pilot-little runs/pilot-bonus runs/pilot-patterns --plot pilot.png --json

A run is a folder of `deepeyes train rl`. Of each: calls and tokens an episode, reward, right answers, cells
that compute nothing, as the mean of its first and of its last `--steps` steps, with the lowest and highest
single step in brackets; what is right of the fixed set, first and last measured; and the alarms with the step
at which they began. Training curves come from tasks that change with the step: what is claimed of accuracy is
read from the fixed set.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepeyes.train.rl.plots import plot
from deepeyes.train.sft.curves import curves

Lines = Sequence[Mapping[str, Any]]
MEASURES = {
    "calls": "calls an episode",
    "reply_tokens": "tokens an episode",
    "reward": "reward",
    "accuracy": "right, of what was played",
    "placeholder_code": "cells that compute nothing",
}
FIXED = "held_out/accuracy"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--steps", type=int, default=5, help="steps at either end that a mean is taken of")
    parser.add_argument("--plot", type=Path, help="draw all of them into this file")
    parser.add_argument("--json", action="store_true", help="print one object")
    options = parser.parse_args()
    runs = {folder.name: curves(folder) for folder in options.runs}
    if options.plot:
        plot(runs, options.plot)
    found = {name: told(lines, options.steps) for name, lines in runs.items() if lines}
    print(json.dumps(found) if options.json else as_text(found))


def told(lines: Lines, steps: int) -> dict[str, Any]:
    """The numbers of one run."""
    fixed = [line[FIXED] for line in lines if line.get(FIXED) is not None]
    return {
        "steps": len(lines),
        **{name: _ends([line.get(name) for line in lines], steps) for name in MEASURES},
        FIXED: {"first": round(fixed[0], 4), "last": round(fixed[-1], 4)} if fixed else None,
        "alarms": list(lines[-1].get("alarms", ())),
    }


def as_text(found: Mapping[str, Mapping[str, Any]]) -> str:
    """A Markdown table, a row a run."""
    heads = ["run", "steps", *MEASURES.values(), "right, fixed set", "alarms"]
    rows = [
        [
            name,
            str(its["steps"]),
            *(_shown(its[measure]) for measure in MEASURES),
            _shown(its[FIXED]),
            "; ".join(its["alarms"]) or "none",
        ]
        for name, its in found.items()
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])


def _ends(values: Sequence[float | None], steps: int) -> dict[str, Any] | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    ends = {"first": known[:steps], "last": known[-steps:]}
    return {
        **{end: round(sum(some) / len(some), 4) for end, some in ends.items()},
        **{f"{end}_range": [round(min(some), 4), round(max(some), 4)] for end, some in ends.items()},
    }


def _shown(ends: Mapping[str, Any] | None) -> str:
    if ends is None:
        return "none"
    first, last = (
        f"{ends[end]:.3g}"
        + (
            f" [{ends[f'{end}_range'][0]:.3g}, {ends[f'{end}_range'][1]:.3g}]"
            if f"{end}_range" in ends
            else ""
        )
        for end in ("first", "last")
    )
    return f"{first} -> {last}"


if __name__ == "__main__":
    main()
