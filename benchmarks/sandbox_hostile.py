"""Run every hostile cell and count what was contained: `python -m benchmarks.sandbox_hostile [--json]`.

`--table` repeats that with each layer of defence left out in turn, and in every tier this user can have, and
prints the table of docs/sandbox.md: what got through, and so what only the missing layer stops. Run it as
root and as an ordinary user for both halves. Resource limits are never left out: without them several attacks
would take the whole machine.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import sys

from deepeyes.core.errors import SandboxUnavailable
from deepeyes.sandbox import Sandbox
from deepeyes.sandbox.check import parse_tier
from deepeyes.sandbox.zygote import LAYERS
from tests.sandbox.hostile import Outcome, attack
from tests.sandbox.hostile_cells import CELLS, MATPLOTLIB_CELLS

Setting = tuple[str | None, tuple[str, ...]]
"""(tier, layers left out)"""


async def rehearse(tier: str | None, without: tuple[str, ...], only: str) -> tuple[str, list[Outcome]]:
    """The tier, and the outcome of every cell whose name contains `only`."""
    cells = [*CELLS, *(MATPLOTLIB_CELLS if importlib.util.find_spec("matplotlib") else [])]
    chosen = [cell for cell in cells if only in cell.name]
    outcomes: list[Outcome] = []
    async with Sandbox.start(tier=parse_tier(tier), min_isolation="landlock", without=without) as sandbox:
        async for outcome in attack(sandbox, chosen):
            outcomes.append(outcome)
            mark = "held" if outcome.contained else "FAILED"
            head = f"{mark:6} {outcome.cell.name:32} {outcome.status:12} {outcome.seconds:5.1f}s"
            print(f"{head}  {outcome.last_line}", file=sys.stderr)
            for fault in outcome.faults:
                print(f"       {fault}", file=sys.stderr)
        return sandbox.tier, outcomes


def settings() -> list[Setting]:
    """Tier `full` whole, without each layer and without two that overlap; then this user's weaker tier."""
    weaker = "uid" if os.getuid() == 0 else "landlock"
    alone: list[Setting] = [("full", (layer,)) for layer in LAYERS]
    return [("full", ()), *alone, ("full", ("landlock", "seccomp")), (weaker, ()), (weaker, ("seccomp",))]


async def table(only: str) -> list[dict[str, object]]:
    """One row per setting: contained, tried, and what got through with its first fault."""
    rows: list[dict[str, object]] = []
    for tier, without in settings():
        row: dict[str, object] = {"tier": tier, "without": list(without), "user": os.getuid()}
        print(f"---- tier {tier} without {', '.join(without) or 'nothing'}", file=sys.stderr)
        try:
            _, outcomes = await rehearse(tier, without, only)
        except SandboxUnavailable as problem:
            rows.append({**row, "error": str(problem)})
            continue
        through = {o.cell.name: o.faults[0] for o in outcomes if not o.contained}
        rows.append(
            {**row, "cells": len(outcomes), "contained": len(outcomes) - len(through), "through": through}
        )
    return rows


def markdown(rows: list[dict[str, object]]) -> str:
    lines = ["| user | tier | left out | contained | got through |", "|---|---|---|---|---|"]
    for row in rows:
        start = f"| {row['user']} | `{row['tier']}` | {', '.join(row['without']) or 'nothing'}"  # type: ignore[arg-type]
        if "error" in row:
            lines.append(f"{start} | not available | {row['error']} |")
        else:
            names = ", ".join(row["through"]) or "nothing"  # type: ignore[call-overload]
            lines.append(f"{start} | {row['contained']} of {row['cells']} | {names} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one flat object, or the rows of the table")
    parser.add_argument("--tier", help="full, uid or landlock (default: the strongest)")
    parser.add_argument("--without", action="append", default=[], choices=LAYERS, help="leave a layer out")
    parser.add_argument("--table", action="store_true", help="leave each layer out in turn")
    parser.add_argument("--only", default="", help="only cells whose name contains this")
    arguments = parser.parse_args()
    if arguments.table:
        rows = asyncio.run(table(arguments.only))
        print(json.dumps(rows) if arguments.json else markdown(rows))
        return
    try:
        tier, outcomes = asyncio.run(rehearse(arguments.tier, tuple(arguments.without), arguments.only))
    except SandboxUnavailable as problem:
        sys.exit(str(problem))
    contained = sum(outcome.contained for outcome in outcomes)
    failed = [outcome.cell.name for outcome in outcomes if not outcome.contained]
    if arguments.json:
        print(json.dumps({"tier": tier, "cells": len(outcomes), "contained": contained, "failed": failed}))
    else:
        print(f"tier {tier}: {contained} of {len(outcomes)} contained")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
