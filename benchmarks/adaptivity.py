"""Whether a model calls tools where they are needed, before and after reinforcement learning:

    deepeyes eval world --model nano:BEFORE --family legible --n 900 --out runs/before
    deepeyes eval world --model nano:AFTER --family legible --n 900 --out runs/after
    python -m benchmarks.adaptivity runs/before runs/after --json

By `--by` (the kind of a question, or a number of its `truth` or `meta`, cut at `--edges`): the share of
episodes with a call, calls, tokens and right answers, each with a 95 % interval clustered by what belongs
together. Of every run after the first also how much it differs from the first, on the same questions.
`--family legible` leaves the others of a run out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from deepeyes.analysis.adaptivity import adaptivity, changes, label_by
from deepeyes.analysis.stats import Estimate
from deepeyes.core.trace import Trace
from deepeyes.eval.runs import Run, find_runs


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs; the first is what came before")
    parser.add_argument("--by", default="kind")
    parser.add_argument("--edges", default="", help="numbers with commas, where a number is cut")
    parser.add_argument("--family", default="", help="of this family alone")
    parser.add_argument("--json", action="store_true", help="print one object")
    options = parser.parse_args()
    edges = [float(edge) for edge in options.edges.split(",") if edge]
    found = measured(find_runs(options.runs), options.by, edges, options.family)
    print(json.dumps(told(found)) if options.json else as_text(found))


def measured(runs: list[Run], by: str, edges: list[float], family: str) -> dict[str, Any]:
    """By run, its rungs and, from the second on, what changed."""
    label = label_by(by, edges)
    traces = {run.label: _of(run, family) for run in runs}
    first, *_ = traces.values()
    return {
        name: {
            "rungs": adaptivity(its, label),
            "changes": {} if its is first else changes(first, its, label),
        }
        for name, its in traces.items()
    }


def told(found: dict[str, Any]) -> dict[str, Any]:
    """As JSON."""
    return {
        name: {part: {label: one.told() for label, one in its.items()} for part, its in parts.items()}
        for name, parts in found.items()
    }


def as_text(found: dict[str, Any]) -> str:
    """A Markdown table a run."""
    lines: list[str] = []
    for name, parts in found.items():
        lines += [
            "",
            name,
            "",
            "| | with a call | right | calls | change, with a call | change, right |",
        ]
        lines.append("|---|---|---|---|---|---|")
        for label, rung in parts["rungs"].items():
            change = parts["changes"].get(label)
            more = (change.call_rate.words(), change.accuracy.words()) if change else ("", "")
            cells = (label, rung.call_rate.words(), rung.accuracy.words(), _plain(rung.calls), *more)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines[1:])


def _plain(one: Estimate) -> str:
    return "none" if one.value is None else f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _of(run: Run, family: str) -> list[Trace]:
    return [trace for trace in run.traces() if not family or trace.task.family == family]


if __name__ == "__main__":
    main()
