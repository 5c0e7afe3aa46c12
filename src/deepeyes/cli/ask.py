"""`deepeyes ask`: a question, about an image, several or none; the whole loop.

What always holds: bad input is refused before a model is loaded; with `--trace` what happened is kept
however it ended, and only the same asked again takes its place; stdout carries the answer (or one JSON
object) and nothing else when it is not a terminal; with `--expect` the exit code says whether it was right.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import typer
from rich.console import Console

from deepeyes.agent.events import OnEvent
from deepeyes.cli.asking import (
    AllowUrl,
    AsJson,
    Dialect,
    Images,
    Kept,
    Limit,
    Model,
    Search,
    Seed,
    Tools,
    as_question,
    caution,
    kept_in,
    loaded,
    opened,
)
from deepeyes.cli.judging import Judge, grading_of, open_grader
from deepeyes.cli.live import LiveEpisode
from deepeyes.cli.outcome import complain, describe, summary
from deepeyes.cli.running import note, run
from deepeyes.cli.sampling import MinP, RepetitionPenalty, Stop, Temperature, TopK, TopP, sampling_of
from deepeyes.cli.tools import OwnTools, tools_of
from deepeyes.core.errors import InputError
from deepeyes.core.limits import parse_limits
from deepeyes.core.task import check_question
from deepeyes.core.trace import Trace, TraceWriter
from deepeyes.harness.images import STDIN, is_address
from deepeyes.view.visible import visible

app = typer.Typer(add_completion=False)


@app.command()
def ask(
    images: list[str] = typer.Argument(
        None, metavar="IMAGE", help="PNG, JPEG, WebP, GIF, TIFF or BMP; - for standard input."
    ),
    question: str = typer.Argument(
        metavar="QUESTION", callback=as_question, help="What you want to know. It comes last."
    ),
    image: Images = [],
    allow_url: AllowUrl = False,
    model: Model = "nano",
    tools: Tools = "on",
    tool: OwnTools = [],
    as_json: AsJson = False,
    trace: Kept = None,
    seed: Seed = 0,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    top_k: TopK = 0,
    min_p: MinP = 0.0,
    repetition_penalty: RepetitionPenalty = 1.0,
    stop: Stop = [],
    limit: Limit = [],
    dialect: Dialect = "",
    search: Search = [],
    expect: list[str] = typer.Option(
        [], metavar="TEXT", help="The right answer: say whether the model gives it. Repeat for others."
    ),
    judge: Judge = [],
) -> None:
    """Ask a question about an image, several, or none."""
    if judge and not expect:
        raise InputError("--judge has nothing to judge by", "give the right answer with --expect")
    if not all(map(str.strip, expect)):
        raise InputError("--expect is empty", "give the right answer")
    if judge:
        grading_of(judge)  # a name that no model can have is refused here
    limits = parse_limits(limit)
    usable = tools_of(tools == "on", tool)
    sampling = sampling_of(temperature, top_p, top_k, min_p, repetition_penalty, stop, seed)
    writer = TraceWriter(trace) if trace is not None else None
    question = check_question(question, limits.question_chars)
    names = [*(images or []), *image]
    shown = loaded(names, allow_url)
    caution(model, names)
    settings = (sampling.model_dump(mode="json"), usable, dialect, search, limit)
    same = (question, "+".join(one.ref.sha256 for one in shown), model, *settings)
    name = f"{_stem(names)}-{sha256(json.dumps(same).encode()).hexdigest()[:8]}"
    live = sys.stdout.isatty() and not as_json
    screen: AbstractContextManager[OnEvent | None] = LiveEpisode(Console()) if live else nullcontext()

    async def episode() -> Trace:
        opening = opened(model, usable, dialect, search, limits, sampling)
        grading = open_grader(grading_of(judge), tell=note) if expect else nullcontext()
        async with opening as agent, grading as grade:
            return await agent.ask(
                shown, question, id=name, writer=writer, expect=expect, grade=grade, on_event=listener
            )

    with screen as listener:
        done = run(episode(), lambda: kept_in(writer))
    if as_json:
        print(json.dumps(summary(done, writer), ensure_ascii=False))
    elif done.answer is not None and not live:
        print(visible(done.answer))
    complain(done, writer)
    if done.verdict is not None:
        note(visible(describe(done.verdict)))


def _stem(names: list[str]) -> str:
    """What a trace is named after: the file of its first image."""
    if not names or names[0] == STDIN:
        return "stdin" if names else "ask"
    if is_address(names[0]):
        return re.sub(r"[^\w.-]+", "-", Path(urlsplit(names[0]).path).stem) or "image"
    return Path(names[0]).stem
