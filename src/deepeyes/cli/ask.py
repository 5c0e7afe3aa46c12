"""`deepeyes ask`: one picture, one question, the whole loop.

What always holds: bad input is refused before a model is loaded; with `--trace` what happened is kept
however it ended, and only the same asked again takes its place; stdout carries the answer (or one JSON
object) and nothing else when it is not a terminal.
"""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import typer
from rich.console import Console

from deepeyes.agent.events import OnEvent
from deepeyes.agent.loop import run_episode
from deepeyes.cli.live import LiveEpisode
from deepeyes.cli.outcome import complain, summary
from deepeyes.core.images import ImageStore, LoadedImage, load_image
from deepeyes.core.limits import Limits, parse_limits
from deepeyes.core.task import Task, check_question
from deepeyes.core.trace import Trace, TraceWriter
from deepeyes.harness.search import HELP
from deepeyes.harness.setup import rig, run
from deepeyes.view.visible import visible

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Asked:
    """What the command line said, checked."""

    task: Task
    picture: LoadedImage
    store: ImageStore
    writer: TraceWriter | None
    model: str
    tools: bool
    dialect: str
    limits: Limits
    seed: int
    temperature: float
    search: tuple[str, ...]


@app.command()
def ask(
    image: Path = typer.Argument(help="The picture: PNG, JPEG, WebP, GIF, TIFF or BMP."),
    question: str = typer.Argument(help="What you want to know about it."),
    model: str = typer.Option(
        "nano", help="nano, nano-base, nano:FOLDER, hf:PATH_OR_ID, openai:MODEL@BASE_URL or scripted:FILE."
    ),
    tools: bool = typer.Option(True, "--tools/--no-tools", help="Whether the model may run Python."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    trace: Path | None = typer.Option(None, help="Folder to keep the trace in (see `deepeyes view`)."),
    seed: int = typer.Option(0, help="Seed of sampling and of the sandbox."),
    temperature: float = typer.Option(0.0, min=0.0, help="0 takes the likeliest token."),
    limit: list[str] = typer.Option([], metavar="KEY=VALUE", help="Change a budget: turns=3. Repeatable."),
    dialect: str = typer.Option("", help="deepeyes_v2 or native; the model's own by default."),
    search: list[str] = typer.Option([], metavar="WHAT", help=HELP),
) -> None:
    """Ask a question about a picture."""
    limits = parse_limits(limit)
    writer = TraceWriter(trace) if trace is not None else None
    question = check_question(question, limits.question_chars)
    picture, store = load_image(image), ImageStore()
    ref = store.put(picture.image)
    same = (question, ref.sha256, model, seed, temperature, tools, dialect, search, limit)
    name = f"{image.stem}-{sha256(json.dumps(same).encode()).hexdigest()[:8]}"
    task = Task(id=name, question=question, images=(ref,), source="ask")
    asked = Asked(
        task, picture, store, writer, model, tools, dialect, limits, seed, temperature, tuple(search)
    )
    for note in picture.notes:
        print(f"note: {visible(note)}", file=sys.stderr)
    live = sys.stdout.isatty() and not as_json
    screen: AbstractContextManager[OnEvent | None] = LiveEpisode(Console()) if live else nullcontext()
    kept = f"what happened so far is in {trace}" if trace else ""
    with screen as listener:
        done = run(_episode(asked, listener), kept)
    if as_json:
        print(json.dumps(summary(done, writer), ensure_ascii=False))
    elif done.answer is not None and not live:
        print(visible(done.answer))
    complain(done)


async def _episode(asked: Asked, listener: OnEvent | None) -> Trace:
    def keep(trace: Trace) -> None:
        if asked.writer is not None:
            notes = (*asked.picture.notes, *trace.notes)
            asked.writer.write(trace.model_copy(update={"notes": notes}), asked.store)

    async with rig(asked.model, tools=asked.tools, dialect=asked.dialect, search=asked.search) as it:
        return await run_episode(
            asked.task,
            it.model,
            it.tools,
            images=asked.store,
            dialect=it.dialect,
            limits=asked.limits,
            seed=asked.seed,
            temperature=asked.temperature,
            on_event=listener,
            keep=keep,
        )
