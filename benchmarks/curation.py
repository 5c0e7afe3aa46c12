"""How much of the ideal throughput the model-calling stages of curation reach.

    python benchmarks/curation.py --json

A scripted model answers every request after 50 ms; 32 episodes are in flight; the process may use two cores.
Ideal is `requests * latency / in flight`. Two stages are timed whole, from items on disk to items on disk,
pictures decoded, traces and verdicts written: the probe without tools (one request an episode) and the one
with tools (two requests, and a call of a tool that costs nothing). Target: `ratio` of at least 0.85 for both.

`busy` is the share of one core that this process used: a machine that has less than that to give, because it
is doing other work, cannot reach the target.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

TARGET = 0.85


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=256, help="each is asked eight times")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds a request")
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("W", "H"))
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print one flat object")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    report: dict[str, Any] = {
        "questions": options.questions,
        "in_flight": options.in_flight,
        "latency_seconds": options.latency,
        "picture": f"{options.size[0]}x{options.size[1]}",
        "load_before": round(os.getloadavg()[0], 2),
    }
    with tempfile.TemporaryDirectory(prefix="deepeyes-curation-") as folder:
        for name, requests in (("without_tools", 1), ("with_tools", 2)):
            report.update(asyncio.run(measure(options, name, requests, Path(folder) / name)))
    report["ratio"] = min(report["without_tools_ratio"], report["with_tools_ratio"])
    report["target"] = TARGET
    print(json.dumps(report) if options.json else "\n".join(f"{k}: {v}" for k, v in report.items()))


async def measure(options: argparse.Namespace, name: str, requests: int, folder: Path) -> dict[str, Any]:
    """Time one stage over items that are on disk."""
    from deepeyes.data.run.folder import RunFolder
    from deepeyes.data.run.probe import Asking, ProbeWork
    from deepeyes.data.stages.probe.difficulty import DifficultyFilter
    from deepeyes.data.stages.probe.tool_benefit import ToolBenefitSplit
    from deepeyes.grading.grader import Grading, open_grader

    run = RunFolder(folder)
    source, target = run.stage(1, "read"), run.stage(2, name)
    parts = write_items(run, options.questions, tuple(options.size))
    stage = (DifficultyFilter if requests == 1 else ToolBenefitSplit)(model="scripted")
    crew = Crew(options.latency)
    work = ProbeWork(
        Asking(run, crew, partial(open_grader, Grading()), concurrency=options.in_flight),
        stage,
        source,
        target,
    )
    episodes = options.questions * stage.k
    start, cpu = time.perf_counter(), time.process_time()
    await work.ask(range(parts))
    seconds, used = time.perf_counter() - start, time.process_time() - cpu
    ideal = episodes * requests * options.latency / options.in_flight
    if crew.sent != episodes * requests:
        raise SystemExit(f"{crew.sent} requests were made instead of {episodes * requests}")
    return {
        f"{name}_ratio": round(ideal / seconds, 3),
        f"{name}_seconds": round(seconds, 2),
        f"{name}_requests_per_second": round(crew.sent / seconds, 1),
        f"{name}_busy": round(used / seconds, 2),
        f"{name}_cpu_ms_per_episode": round(1000 * used / episodes, 2),
    }


def write_items(run: Any, count: int, size: tuple[int, int], batch: int = 64) -> int:
    """Items with a picture each, in parts on disk; how many parts."""
    import numpy as np
    from PIL import Image

    from deepeyes.core.images import ImageStore
    from deepeyes.core.task import Task
    from deepeyes.data.item import Item

    store, stage = ImageStore(run.images), run.stage(1, "read")
    rng = np.random.default_rng(0)
    items: list[Item] = []
    for number in range(count):
        small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        ref = store.put(small.resize(size, Image.Resampling.BICUBIC))
        question = f"What is item {number}?"
        task = Task(id=f"q/{number}", question=question, images=(ref,), answer="42", source="q")
        items.append(Item(task=task, source="q", row=number))
    parts = -(-count // batch)
    for part in range(parts):
        stage.write(part, items[part * batch : (part + 1) * batch])
    return parts


@dataclass
class Crew:
    """Opens the scripted model, with a tool that answers at once."""

    latency: float
    sent: int = 0

    @asynccontextmanager
    async def __call__(
        self, model: str, *, tools: bool = True, limits: Any, sampling: Any, **_: Any
    ) -> AsyncGenerator[Any]:
        from deepeyes.agent.agent import Agent
        from deepeyes.models.scripted import ScriptedModel
        from deepeyes.tools.base import Episode, ToolResult, ToolSet

        crew = self

        class Echo:
            name = "python"
            description = "Answers at once."
            parameters: Mapping[str, Any] = {"type": "object", "properties": {"code": {"type": "string"}}}

            async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
                return ToolResult(stdout="42\n")

        class Slow(ScriptedModel):
            def conversation(self, *settings: Any) -> Any:
                talk = super().conversation(*settings)
                say = talk.send

                async def send(messages: Sequence[Any], **settings: Any) -> Any:
                    crew.sent += 1
                    await asyncio.sleep(crew.latency)
                    return await say(messages, **settings)

                talk.send = send
                return talk

        look = "<think>I compute it.</think>\n<code>\n```python\nprint(6 * 7)\n```\n</code>"
        right = "<think>Now it is clear.</think>\n<answer>42</answer>"
        slow = Slow([look, right] if tools else [right])
        yield Agent(slow, ToolSet([Echo()] if tools else []), None, limits, sampling)


if __name__ == "__main__":
    main()
