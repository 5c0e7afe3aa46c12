"""An episode on a terminal, as it happens: thought, code, output and the sizes of the images.

What always holds: text of models and tools is shown as text (no markup, no control characters). While a
reply is being written its raw words stand dimmed at the bottom; when it is complete they give way to its
parts.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from deepeyes.agent import events
from deepeyes.agent.events import Event
from deepeyes.view.visible import visible

_TAIL = 600
"""Characters of an unfinished reply to show."""


class LiveEpisode:
    """A listener for `run_episode(on_event=...)`; a context manager, so that the terminal is left clean."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self._heard = ""

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.update(Text(""), refresh=True)
        self._live.stop()

    def __call__(self, event: Event) -> None:
        if isinstance(event, events.TextDelta):
            self._heard += event.text
            self._live.update(Text(visible(self._heard[-_TAIL:]), style="dim"), refresh=True)
            return
        self._heard = ""
        self._live.update(Text(""), refresh=True)
        for block in _blocks(event):
            self._console.print(block)


def _blocks(event: Event) -> list[RenderableType]:
    match event:
        case events.Started(images=images):
            return [_image(p.name, p.ref.width, p.ref.height, p.view_width, p.view_height) for p in images]
        case events.Thought(text=text):
            return [Text(visible(text), style="italic")]
        case events.Code(code=code):
            return [Padding(Syntax(visible(code), "python", theme="ansi_dark", word_wrap=True), (0, 2))]
        case events.Call(name=name, arguments=arguments):
            return [_indented(f"{name}({visible(str(arguments))})", "cyan")]
        case events.Mistake(reason=reason):
            return [_indented(f"the reply could not be read: {visible(reason)}", "yellow")]
        case events.Output():
            return _output(event)
        case events.Image():
            return [_image(event.name, event.width, event.height, event.view_width, event.view_height)]
        case events.Answer(text=text):
            return [Text(visible(text), style="bold green")]
        case _:
            return []


def _output(event: events.Output) -> list[RenderableType]:
    good = event.status == "ok"
    head = f"{event.tool}: {event.status}, {event.seconds:.2f} s"
    blocks: list[RenderableType] = [_indented(head, "dim" if good else "yellow")]
    if event.text.strip():
        blocks.append(_indented(visible(event.text.rstrip()), ""))
    if event.stderr.strip():
        blocks.append(_indented(visible(event.stderr.rstrip()), "red"))
    return blocks


def _image(name: str, width: int, height: int, view_width: int, view_height: int) -> RenderableType:
    return _indented(f"{name}: {width}x{height}, seen at {view_width}x{view_height}", "cyan")


def _indented(text: str, style: str) -> RenderableType:
    return Padding(Text(text, style=style), (0, 2))
