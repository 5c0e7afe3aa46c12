"""The nano model on every family of the world, with and without tools: `python -m benchmarks.families`.

Runs `deepeyes eval world` once a row, several rows at a time, and prints a Markdown table: accuracy with its
95 % interval, with tools and without, and how often a tool was called. Traces are kept in `--out`; started
again, it goes on. `--models nano,nano-base,nano:runs/nano/cold-search` compares models. `--json` prints the
reports one a line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepeyes.world.families import FAMILIES


@dataclass(frozen=True)
class Row:
    model: str
    family: str
    tools: str

    @property
    def folder(self) -> str:
        return f"{self.model.replace('/', '_').replace(':', '_')}-{self.family}-{self.tools}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="nano")
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--tools", default="on,off")
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", default="test")
    parser.add_argument("--out", type=Path, default=Path("runs/families"))
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [
        Row(model, family, tools)
        for model in options.models.split(",")
        for tools in options.tools.split(",")
        for family in options.families.split(",")
    ]
    with ThreadPoolExecutor(options.at_once) as pool:
        reports = list(pool.map(lambda row: measure(row, options), rows))
    if options.json:
        print("\n".join(map(json.dumps, reports)))
        return
    found = dict(zip(rows, reports, strict=True))
    for model in options.models.split(","):
        print(f"\n{model}, {options.split} split, n = {options.n}, seed {options.seed}\n")
        print(table(model, options.families.split(","), found))


def measure(row: Row, options: Any) -> dict[str, Any]:
    """One report of `deepeyes eval world`."""
    words = ["--family", row.family, "--model", row.model, "--tools", row.tools, "--split", options.split]
    words += ["--n", str(options.n), "--seed", str(options.seed), "--trace", str(options.out / row.folder)]
    command = [sys.executable, "-m", "deepeyes", "eval", "world", *words, "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)}\n{ran.stderr}")
    print(f"{row.model} {row.family} tools {row.tools}: done", file=sys.stderr)
    return json.loads(ran.stdout)


def table(model: str, families: list[str], found: dict[Row, dict[str, Any]]) -> str:
    """Markdown: a line a family."""
    lines = ["| family | with tools | calls a tool | without tools |", "|---|---|---|---|"]
    for family in families:
        on, off = (found.get(Row(model, family, tools)) for tools in ("on", "off"))
        rate = f"{on['tool_call_rate']:.1%}" if on else ""
        lines.append(f"| {family} | {_accuracy(on)} | {rate} | {_accuracy(off)} |")
    return "\n".join(lines)


def _accuracy(report: dict[str, Any] | None) -> str:
    if report is None or report["accuracy"] is None:
        return ""
    low, high = report["ci95"]
    return f"{report['accuracy']:.1%} ({low:.1%} to {high:.1%})"


if __name__ == "__main__":
    main()
