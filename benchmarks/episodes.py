"""How fast the nano model asks, looks and answers: seconds per episode, and what running many at once gains.

    python benchmarks/episodes.py --json

Two measurements, each in a process of its own that may use only the cores it is given:
- `seconds_per_episode`: median wall clock of a `tiny` episode on one core, one at a time (target: under 3);
- `ratio`: throughput of 32 episodes at once over one at a time, both on two cores (target: at least 2.5).

Pictures are drawn beforehand and the model and the sandbox are warm: what is timed is the agent loop.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

AT_ONCE = 32


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nano")
    parser.add_argument("--family", default="tiny")
    parser.add_argument("--n", type=int, default=AT_ONCE, help="episodes per measurement")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one flat object")
    parser.add_argument("--measure", type=int, nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        print(json.dumps(asyncio.run(measure(options))))
        return
    alone = measured(options, cores=1, at_once=[1])["1"]
    both = measured(options, cores=2, at_once=[1, AT_ONCE])
    report = {
        "model": options.model,
        "n": options.n,
        "seconds_per_episode": round(alone["median"], 3),
        "one_at_a_time_seconds": round(both["1"]["total"], 2),
        "at_once_seconds": round(both[str(AT_ONCE)]["total"], 2),
        "at_once": AT_ONCE,
        "ratio": round(both["1"]["total"] / both[str(AT_ONCE)]["total"], 2),
        "right": both[str(AT_ONCE)]["right"],
    }
    print(json.dumps(report) if options.json else "\n".join(f"{k}: {v}" for k, v in report.items()))


def measured(options: argparse.Namespace, cores: int, at_once: list[int]) -> dict[str, Any]:
    """`measure` in a process that has `cores` cores."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    flags = ["--model", options.model, "--family", options.family, "--n", str(options.n)]
    command = [sys.executable, __file__, *flags, "--seed", str(options.seed), "--measure", *map(str, at_once)]
    done = subprocess.run(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: os.sched_setaffinity(0, allowed),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of `n` episodes for every number of episodes at once."""
    from deepeyes.core.images import ImageStore
    from deepeyes.grading.grader import Grading, open_grader
    from deepeyes.harness.setup import open_agent
    from deepeyes.world.tasks import world_tasks

    images = ImageStore()
    tasks = list(world_tasks([options.family], "test", options.seed, options.n, images))
    results: dict[str, Any] = {}
    async with open_agent(options.model) as agent, open_grader(Grading()) as grade:
        await agent.run(tasks[:2], images=ImageStore(parent=images))
        for at_once in options.measure:
            store = ImageStore(parent=images)
            start = time.perf_counter()
            traces = await agent.run(tasks, images=store, concurrency=at_once, grade=grade)
            total = time.perf_counter() - start
            if not all(trace.stop_reason.is_result for trace in traces):
                raise SystemExit("some episodes failed for reasons of ours: run deepeyes doctor")
            results[str(at_once)] = {
                "total": total,
                "median": statistics.median(trace.seconds for trace in traces),
                "right": sum(trace.is_right for trace in traces),
            }
    return results


if __name__ == "__main__":
    main()
