"""Run every hostile cell and count what was contained: `python -m benchmarks.sandbox_hostile [--json]`."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import sys

from deepeyes.core.errors import SandboxUnavailable
from deepeyes.sandbox import Sandbox
from deepeyes.sandbox.check import parse_tier
from deepeyes.sandbox.hostile import Outcome, attack
from deepeyes.sandbox.hostile_cells import CELLS, MATPLOTLIB_CELLS


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one flat object")
    parser.add_argument("--tier", help="full, uid or landlock (default: the strongest)")
    parser.add_argument("--without", action="append", default=[], help="leave a layer out: landlock, seccomp")
    parser.add_argument("--only", default="", help="only cells whose name contains this")
    arguments = parser.parse_args()
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
