"""`deepeyes ask`: one image, one question, the whole loop.

What always holds: bad input is refused before a model is loaded; with `--trace` what happened is kept
however it ended, and only the same asked again takes its place; stdout carries the answer (or one JSON
object) and nothing else when it is not a terminal; with `--expect` the exit code says whether it was right.
"""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from pathlib import Path

import typer
from rich.console import Console

from deepeyes.agent.events import OnEvent
from deepeyes.cli.judging import Judge, grading_of
from deepeyes.cli.live import LiveEpisode
from deepeyes.cli.outcome import complain, describe, summary
from deepeyes.cli.running import note, run
from deepeyes.cli.sampling import MinP, RepetitionPenalty, Stop, Temperature, TopK, TopP, sampling_of
from deepeyes.cli.tools import OwnTools, tools_of
from deepeyes.core.errors import InputError
from deepeyes.core.images import image_ref, load_image
from deepeyes.core.limits import parse_limits
from deepeyes.core.task import check_question
from deepeyes.core.trace import Trace, TraceWriter
from deepeyes.grading.grader import open_grader
from deepeyes.harness.search import HELP
from deepeyes.harness.setup import open_agent
from deepeyes.view.visible import visible

app = typer.Typer(add_completion=False)


@app.command()
def ask(
    image: Path = typer.Argument(help="The image: PNG, JPEG, WebP, GIF, TIFF or BMP."),
    question: str = typer.Argument(help="What you want to know about it."),
    model: str = typer.Option(
        "nano", help="nano, nano-base, nano:FOLDER, hf:PATH_OR_ID, openai:MODEL@BASE_URL or scripted:FILE."
    ),
    tools: bool = typer.Option(True, "--tools/--no-tools", help="Whether the model may run Python."),
    tool: OwnTools = [],
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    trace: Path | None = typer.Option(None, help="Folder to keep the trace in (see `deepeyes view`)."),
    seed: int = typer.Option(0, help="Seed of sampling and of the sandbox."),
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    top_k: TopK = 0,
    min_p: MinP = 0.0,
    repetition_penalty: RepetitionPenalty = 1.0,
    stop: Stop = [],
    limit: list[str] = typer.Option([], metavar="KEY=VALUE", help="Change a budget: turns=3. Repeatable."),
    dialect: str = typer.Option("", help="auto, native or deepeyes_v2; the model's own by default."),
    search: list[str] = typer.Option([], metavar="WHAT", help=HELP),
    expect: list[str] = typer.Option(
        [], metavar="TEXT", help="The right answer: say whether the model gives it. Repeat for others."
    ),
    judge: Judge = [],
) -> None:
    """Ask a question about an image."""
    if judge and not expect:
        raise InputError("--judge has nothing to judge by", "give the right answer with --expect")
    if not all(map(str.strip, expect)):
        raise InputError("--expect is empty", "give the right answer")
    grading = grading_of(judge)
    limits = parse_limits(limit)
    usable = tools_of(tools, tool)
    sampling = sampling_of(temperature, top_p, top_k, min_p, repetition_penalty, stop, seed)
    writer = TraceWriter(trace) if trace is not None else None
    question = check_question(question, limits.question_chars)
    loaded = load_image(image)
    settings = (sampling.model_dump(mode="json"), usable, dialect, search, limit)
    same = (question, image_ref(loaded.image).sha256, model, *settings)
    name = f"{image.stem}-{sha256(json.dumps(same).encode()).hexdigest()[:8]}"
    for what in loaded.notes:
        note(visible(what))
    live = sys.stdout.isatty() and not as_json
    screen: AbstractContextManager[OnEvent | None] = LiveEpisode(Console()) if live else nullcontext()

    async def episode() -> Trace:
        opening = open_agent(
            model, tools=usable, dialect=dialect, search=search, limits=limits, sampling=sampling, tell=note
        )
        async with opening as agent, open_grader(grading, tell=note) as grade:
            return await agent.ask(
                loaded, question, id=name, writer=writer, expect=expect, grade=grade, on_event=listener
            )

    with screen as listener:
        done = run(episode(), f"what happened so far is in {trace}" if trace else "")
    if as_json:
        print(json.dumps(summary(done, writer), ensure_ascii=False))
    elif done.answer is not None and not live:
        print(visible(done.answer))
    complain(done, writer)
    if done.verdict is not None:
        note(visible(describe(done.verdict)))
