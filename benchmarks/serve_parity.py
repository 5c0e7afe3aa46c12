"""Does a server that holds a checkpoint answer as the checkpoint does in-process?

    python -m benchmarks.serve_parity --server openai:nano@http://127.0.0.1:8000/v1 --n 20 --json

The same held-out tasks go through the whole agent loop twice, with the real sandbox, at temperature 0: once
with the model in this process, once over HTTP. The served model is shown pictures at the size, and spoken to
in the dialect, of the one in-process. docs/serving.md tells how to start a server. Exits with 1 if an answer
differs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from deepeyes.agent.agent import Agent
from deepeyes.core.errors import DeepEyesError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import parse_limits
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Trace
from deepeyes.dialects.registry import get_dialect
from deepeyes.grading.grader import Grading, open_grader
from deepeyes.models.registry import resolve_model
from deepeyes.sandbox import Sandbox
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool
from deepeyes.world.tasks import world_tasks


async def both(arguments: argparse.Namespace) -> tuple[list[Trace], list[Trace]]:
    """The traces of the model in-process and of the one behind the server, task by task."""
    folder = {"folder": arguments.folder} if arguments.folder else {}
    here = await asyncio.to_thread(resolve_model, arguments.model, **folder)
    there = resolve_model(
        arguments.server,
        vision=here.vision,
        dialect_name=here.dialect_name,
        prompt=here.prompt,
        logprobs=True,
        seconds=arguments.seconds,
    )
    images = ImageStore()
    families = arguments.families.split(",")
    tasks = list(world_tasks(families, arguments.split, arguments.seed, arguments.n, images))
    order = {task.id: place for place, task in enumerate(tasks)}
    runs: list[list[Trace]] = []
    try:
        async with Sandbox.start() as sandbox, open_grader(Grading()) as grade:
            for model in (here, there):
                agent = Agent(
                    model,
                    ToolSet([PythonTool(sandbox)]),
                    get_dialect(here.dialect_name, here.prompt),
                    parse_limits(arguments.limit),
                    Sampling(seed=arguments.seed),
                )
                traces = await agent.run(tasks, images=images, concurrency=arguments.concurrency, grade=grade)
                runs.append(sorted(traces, key=lambda trace: order[trace.task.id]))
    finally:
        await here.aclose()
        await there.aclose()
    return runs[0], runs[1]


def parity(here: Sequence[Trace], there: Sequence[Trace]) -> dict[str, Any]:
    """One flat object.

    `same_answers` counts equal answers (two episodes without one are equal if they ended for the same reason,
    a reason that is the model's), `answered` the answers in-process, `same_transcripts` the episodes that are
    equal in every reply, `same_prompt_tokens` the first turns for which both count the same prompt.
    `logprob_gap` is the largest difference of a token's log-probability over first turns with equal text,
    null where the server gives none.
    """
    pairs = list(zip(here, there, strict=True))
    differing = [a.task.id for a, b in pairs if not _same(a, b)]
    gaps = [gap for a, b in pairs if (gap := logprob_gap(a, b)) is not None]
    return {
        "n": len(pairs),
        "same_answers": len(pairs) - len(differing),
        "answered": sum(trace.answer is not None for trace in here),
        "same_first_turn_text": _count(pairs, lambda trace: _texts(trace)[:1]),
        "same_transcripts": _count(pairs, _texts),
        "same_prompt_tokens": _count(pairs, lambda trace: [t.usage.prompt_tokens for t in trace.turns[:1]]),
        "logprob_gap": round(max(gaps), 6) if gaps else None,
        "differing": differing,
        "right_in_process": sum(trace.is_right for trace in here),
        "right_served": sum(trace.is_right for trace in there),
        "tool_calls_in_process": sum(len(trace.tool_turns) for trace in here),
        "tool_calls_served": sum(len(trace.tool_turns) for trace in there),
        "not_results": sum(not trace.stop_reason.is_result for trace in (*here, *there)),
        "seconds_in_process": round(sum(trace.model_seconds for trace in here), 2),
        "seconds_served": round(sum(trace.model_seconds for trace in there), 2),
    }


def logprob_gap(here: Trace, there: Trace) -> float | None:
    """Over the tokens of the first reply, if both say the same and both tell their log-probabilities."""
    if not here.turns or not there.turns or here.turns[0].text != there.turns[0].text:
        return None
    ours, theirs = here.turns[0].logprobs, there.turns[0].logprobs
    if not ours or not theirs:
        return None
    # Some servers leave the last token out.
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=False))


def _count(pairs: Sequence[tuple[Trace, Trace]], of: Callable[[Trace], object]) -> int:
    return sum(of(a) == of(b) for a, b in pairs)


def _same(here: Trace, there: Trace) -> bool:
    ended = here.stop_reason == there.stop_reason and here.stop_reason.is_result
    return ended and here.answer == there.answer


def _texts(trace: Trace) -> list[str]:
    return [turn.text for turn in trace.turns]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--server", default="openai:nano@http://127.0.0.1:8000/v1", metavar="SPEC")
    parser.add_argument("--model", default="nano", help="the same weights in-process: nano or nano-base")
    parser.add_argument("--folder", type=Path, help="a nano checkpoint other than the embedded one")
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other tasks")
    parser.add_argument("--families", default="tiny,direct")
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--concurrency", type=int, default=4, help="episodes at once, on either side")
    parser.add_argument("--seconds", type=float, default=300.0, help="longest wait for one reply")
    parser.add_argument("--json", action="store_true", help="print one JSON object on one line")
    arguments = parser.parse_args()
    try:
        report = parity(*asyncio.run(both(arguments)))
    except DeepEyesError as error:
        print(f"serve_parity: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    if arguments.json:
        print(json.dumps(report))
    else:
        print("\n".join(f"{key:24}{value}" for key, value in report.items()))
    sys.exit(0 if report["same_answers"] == report["n"] else 1)


if __name__ == "__main__":
    main()
