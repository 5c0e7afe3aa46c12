"""`deepeyes chat`: questions that follow one another, in one conversation.

What always holds: variables of the sandbox and names of images go on from question to question; with
`--trace` every question is kept before the next is read; a question that fails is told and the next one is
asked, as far as there can be one, and the exit code is that of the first that failed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, nullcontext
from threading import Thread

import typer
from rich.console import Console

from deepeyes.agent.chat import Chat
from deepeyes.agent.events import OnEvent
from deepeyes.cli.asking import (
    AllowUrl,
    AsJson,
    Dialect,
    Kept,
    Limit,
    Model,
    Search,
    Seed,
    Tools,
    caution,
    kept_in,
    loaded,
    opened,
)
from deepeyes.cli.live import LiveEpisode
from deepeyes.cli.outcome import complain, summary
from deepeyes.cli.running import note, run
from deepeyes.cli.sampling import MinP, RepetitionPenalty, Stop, Temperature, TopK, TopP, sampling_of
from deepeyes.cli.tools import OwnTools, tools_of
from deepeyes.core.errors import DeepEyesError, InputError
from deepeyes.core.images import LoadedImage
from deepeyes.core.limits import parse_limits
from deepeyes.core.trace import TraceWriter
from deepeyes.harness.images import STDIN, load_images
from deepeyes.view.visible import visible

app = typer.Typer(add_completion=False)

HELP = "/image FILE shows another image with the next question, /quit or Ctrl-D ends."


@app.command()
def chat(
    images: list[str] = typer.Argument(
        None, metavar="IMAGE", help="Images that come with the first question."
    ),
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
) -> None:
    """Ask one question after another, a line each; /image FILE, /quit."""
    names = images or []
    if STDIN in names:
        raise InputError("standard input holds the questions", "name the image's file")
    limits = parse_limits(limit)
    sampling = sampling_of(temperature, top_p, top_k, min_p, repetition_penalty, stop, seed)
    writer = TraceWriter(trace) if trace is not None else None
    shown = loaded(names, allow_url)
    terminal = Terminal(model, as_json, allow_url, writer)
    terminal.caution(names)

    async def talk() -> None:
        async with opened(model, tools_of(tools == "on", tool), dialect, search, limits, sampling) as agent:
            async with agent.chat(writer=writer) as conversation:
                await terminal.hold(conversation, shown)

    run(talk(), lambda: kept_in(writer))
    if terminal.failure is not None:
        raise typer.Exit(terminal.failure.exit_code)


class Terminal:
    """Where the questions come from and the answers go: a terminal, or pipes."""

    def __init__(self, model: str, as_json: bool, allow_url: bool, writer: TraceWriter | None) -> None:
        self._model = model
        self._is_cautioned = False
        self._as_json = as_json
        self._allow_url = allow_url
        self._writer = writer
        self._is_live = sys.stdout.isatty() and not as_json
        self._prompts = self._is_live and sys.stdin.isatty()
        self.failure: DeepEyesError | None = None
        """Of the first question that failed."""

    def caution(self, names: list[str]) -> None:
        """Tell once what the embedded model is, when it is shown an image from elsewhere."""
        self._is_cautioned = self._is_cautioned or caution(self._model, names)

    async def hold(self, chat: Chat, images: list[LoadedImage]) -> None:
        """Ask what is typed, as long as something can be asked; `images` come with the first question."""
        if self._prompts:
            note(HELP)
        self._prompt()
        async for line in _lines():
            word, _, rest = line.strip().partition(" ")
            if word in ("/quit", "/exit"):
                return
            try:
                if word == "/image":
                    images = [*images, *await load_images([_file(rest)], allow_url=self._allow_url)]
                    self.caution([_file(rest)])
                elif word.startswith("/") and word[1:].isalpha():
                    raise InputError(f"there is no {word}", HELP)
                elif word:
                    given, images = images, []
                    await self._ask(chat, line, given)
            except DeepEyesError as error:
                self._fail(error)
            if chat.is_over:
                return
            self._prompt()

    async def _ask(self, chat: Chat, question: str, images: list[LoadedImage]) -> None:
        screen: AbstractContextManager[OnEvent | None]
        screen = LiveEpisode(Console()) if self._is_live else nullcontext()
        with screen as listener:
            done = await chat.ask(question, images, on_event=listener)
        if self._as_json:
            print(json.dumps(summary(done, self._writer), ensure_ascii=False), flush=True)
        elif not self._is_live:
            print(visible(done.answer or ""), flush=True)
        complain(done, self._writer)

    def _prompt(self) -> None:
        if self._prompts:
            print("> ", end="", flush=True)

    def _fail(self, error: DeepEyesError) -> None:
        self.failure = self.failure or error
        print(f"deepeyes: {error}", file=sys.stderr, flush=True)


def _file(name: str) -> str:
    name = name.strip().strip("'\"")
    if not name or name == STDIN:
        raise InputError("/image names no file", "write /image FILE")
    return name


async def _lines() -> AsyncGenerator[str]:
    """The lines of standard input as they come.

    They are read by a thread that nobody waits for, past Python's buffers: a reader that still waits for a
    line would hold up the end of the process.
    """
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    source = sys.stdin.fileno()

    def read() -> None:
        piece = b"begun"
        while piece:
            piece = os.read(source, 65_536)
            try:
                loop.call_soon_threadsafe(pieces.put_nowait, piece)
            except RuntimeError:  # the loop has closed: nobody asks any more
                return

    Thread(target=read, name="questions", daemon=True).start()
    rest = b""
    while piece := await pieces.get():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "surrogateescape")
    if rest:
        yield rest.decode("utf-8", "surrogateescape")
