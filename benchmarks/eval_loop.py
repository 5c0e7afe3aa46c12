"""How many episodes a second an evaluation gets through beside its model and tools.

    python -m benchmarks.eval_loop --json

A file of questions, four about each image, is run as `deepeyes eval run FILE` does it, on two cores, with a
scripted model that looks at a crop and then answers, and with a tool that crops in this process. All is real
but these two, whose time is taken off: reading rows and images, the loop, grading, writing traces and images.
Target: `episodes_per_second` of at least 60.

`cpu_milliseconds` is the processor's time for one episode, which other work on the machine does not change
as much; `resume_seconds` is what the same command takes when all is done already.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.core.results import ToolResult
from deepeyes.eval.own import QuestionsPlan
from deepeyes.eval.run import run_plan
from deepeyes.models.scripted import ScriptedConversation, ScriptedModel
from deepeyes.tools.base import Episode, ToolSet

CORES = 2
SIZE = (800, 600)
LOOK = '<think>I look closer.</think>\n<tool_call>{"name": "look", "arguments": {"left": %d}}</tool_call>'
ANSWER = "<think>It says so.</think>\n<answer>%s</answer>"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=1_000, help="episodes")
    parser.add_argument("--images", type=int, default=250, help="different images that they ask about")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--json", action="store_true", help="print one flat object")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    with tempfile.TemporaryDirectory(prefix="eval-loop-") as folder:
        report = asyncio.run(measured(Path(folder), options.n, options.images, options.concurrency))
    print(json.dumps(report) if options.json else "\n".join(f"{k}: {v}" for k, v in report.items()))


async def measured(folder: Path, n: int, images: int, concurrency: int) -> dict[str, Any]:
    """Both starts of a run of `n` questions about so many images."""
    plan = QuestionsPlan(source=str(written(folder, n, images)), model="scripted")
    away = Away()
    agent = Agent(scripted(n, away), ToolSet([Look(away)]))
    start, before = time.perf_counter(), time.process_time()
    traces = await run_plan(plan, agent, folder / "run", concurrency=concurrency)
    wall, busy = time.perf_counter() - start, time.process_time() - before
    again = await run_plan(plan, agent, folder / "run", concurrency=concurrency)
    resume = time.perf_counter() - start - wall
    assert [trace.id for trace in again] == [trace.id for trace in traces]
    return {
        "n": len(traces),
        "right": sum(trace.is_right for trace in traces),
        "concurrency": concurrency,
        "cores": len(os.sched_getaffinity(0)),
        "wall_seconds": round(wall, 2),
        "model_seconds": round(away.model, 2),
        "tool_seconds": round(away.tools, 2),
        "episodes_per_second": round(n / (wall - away.model - away.tools), 1),
        "cpu_milliseconds": round(1000 * (busy - away.model - away.tools) / n, 1),
        "resume_seconds": round(resume, 2),
    }


class Away:
    """Seconds that the model and the tools had for themselves."""

    model = 0.0
    tools = 0.0


def written(folder: Path, total: int, images: int) -> Path:
    """The questions, and JPEG files of noise and areas, as photographs are."""
    drawing = random.Random(0)
    for number in range(images):
        small = Image.frombytes("RGB", (40, 30), drawing.randbytes(3600))
        image = Image.blend(small.resize(SIZE), Image.effect_noise(SIZE, 40).convert("RGB"), 0.2)
        image.save(folder / f"{number}.jpg", quality=85)
    lines = (
        {
            "id": f"q{n}",
            "image": f"{n * images // total}.jpg",
            "question": f"What is number {n}?",
            "answer": str(n),
        }
        for n in range(total)
    )
    file = folder / "questions.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + "\n", "utf-8")
    return file


def scripted(n: int, away: Away) -> ScriptedModel:
    """Answers every third question wrong."""

    class Timed(ScriptedConversation):
        async def send(self, new_messages: Sequence[Any], **rest: Any) -> Any:
            start = time.perf_counter()
            reply = await super().send(new_messages, **rest)
            away.model += time.perf_counter() - start
            return reply

    class Model(ScriptedModel):
        def conversation(self, sampling: Any = None) -> ScriptedConversation:
            return Timed(self._scripts)

    answers = {f"number {one}?": [LOOK % (one % 400), ANSWER % (one + (one % 3 == 0))] for one in range(n)}
    return Model(answers, name="scripted")


class Look:
    """Crops in this process."""

    name = "look"
    description = "A part of image_1."
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"left": {"type": "integer"}},
        "required": ["left"],
    }

    def __init__(self, away: Away) -> None:
        self._away = away

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        start = time.perf_counter()
        left = int(arguments["left"])
        crop = episode.images["image_1"].crop((left, 100, left + 200, 250))
        self._away.tools += time.perf_counter() - start
        return ToolResult("ok", images=(crop,))


if __name__ == "__main__":
    main()
