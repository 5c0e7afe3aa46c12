"""The Python tool: the model's code in a stateful sandbox session, one session per episode.

What always holds: a session is opened when the first code comes (an episode that answers at once costs
nothing) and is closed with the episode; every `image_N` of the conversation is in it at full size before
code runs; code is passed exactly as written. If a session is lost, or code has left it unable to take
images, the next code gets a new one and is told that its variables are gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from PIL import Image

from deepeyes.core.errors import InfrastructureError, InputError
from deepeyes.core.text import one_line
from deepeyes.tools.base import Episode, ToolResult
from deepeyes.tools.services import PythonSandbox, PythonSession, Services

_STARTED_AGAIN = "(The Python session was started again: variables are gone, the image_N are there.)\n"
_VARIABLE = re.compile(r"[^\W\d]\w{0,99}")
_UNFIT = "The Python session took no more pictures and was ended: write again all that your code needs."


@dataclass
class _Running:
    """An episode's session and which images it has."""

    session: PythonSession | None = None
    known: set[str] = field(default_factory=set[str])
    lost: bool = False
    """Whether a session that had run code is gone."""


class PythonTool:
    """`python(code)` over a sandbox that outlives the tool (its owner starts and stops it)."""

    name = "python"
    description = (
        "Run Python in a session that keeps its variables. The pictures are PIL images image_1, image_2 ... "
        "at full size. print() returns text; display(picture), plt.show() or a picture as last expression "
        "shows it."
    )
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"code": {"type": "string", "description": "The code to run."}},
        "required": ["code"],
        "additionalProperties": False,
    }

    needs = ("sandbox",)

    def __init__(self, sandbox: PythonSandbox) -> None:
        self._sandbox = sandbox

    @classmethod
    def of(cls, services: Services) -> Self:
        assert services.sandbox is not None
        return cls(services.sandbox)

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        running = self._running(episode)
        restarted = running.session is None and running.lost
        try:
            session = await self._ready(running, episode)
            cell = await session.run(str(arguments["code"]), timeout=episode.limits.tool_seconds)
        except InputError:  # the session refused an image: only code that ran in it can have broken that
            await _drop(running)
            return ToolResult("session_lost", stderr=_UNFIT)
        except InfrastructureError:
            await _drop(running)
            raise
        if cell.status == "session_lost":
            await _drop(running)
        stdout = cell.stdout
        if cell.result:
            stdout += ("" if not stdout or stdout.endswith("\n") else "\n") + cell.result + "\n"
        stderr = (_STARTED_AGAIN if restarted else "") + cell.stderr
        return ToolResult(cell.status, stdout, stderr, tuple(cell.images), cell.dropped, cell.seconds)

    async def image_named(self, name: str, episode: Episode) -> Image.Image | None:
        return await image_named(name, episode)

    def _running(self, episode: Episode) -> _Running:
        running = episode.sessions.get(self.name)
        if not isinstance(running, _Running):
            running = episode.sessions[self.name] = _Running()
            episode.stack.push_async_callback(_close, running)
        return running

    async def _ready(self, running: _Running, episode: Episode) -> PythonSession:
        """The episode's session, open and with every image in it."""
        if running.session is None:
            running.session = await self._sandbox.open(dict(episode.images), seed=episode.seed)
            running.known = set(episode.images)
        missing = {name: image for name, image in episode.images.items() if name not in running.known}
        if missing:
            await running.session.put_images(missing)
            running.known |= set(missing)
        return running.session


async def image_named(name: str, episode: Episode) -> Image.Image | None:
    """The image that the conversation or the episode's running session knows as `name`.

    Starts no session and changes nothing in it; None when neither has such an image.
    """
    if name in episode.images:
        return episode.images[name]
    running = episode.sessions.get(PythonTool.name)
    if not isinstance(running, _Running) or running.session is None or not _VARIABLE.fullmatch(name):
        return None
    with suppress(InputError):  # the session refuses to show it: the code has broken what it holds
        return await running.session.get_image(name)
    return None


def no_image(name: str, episode: Episode, *, variables: bool | None = None) -> str:
    """What a model is told that gave a name that no image has. `variables`: whether it may name those of its
    code; by default, if it has run any.
    """
    there = ", ".join(episode.images) or "none"
    may = PythonTool.name in episode.sessions if variables is None else variables
    hint = "; a Python variable must hold a PIL image, and exists once your code has run" if may else ""
    return f"There is no picture {one_line(name, 60)!r} (pictures of this conversation: {there}{hint})."


async def _drop(running: _Running) -> None:
    """Give up a broken session; the next code gets a new one."""
    running.lost = running.lost or running.session is not None
    await _close(running)


async def _close(running: _Running) -> None:
    if running.session is not None:
        session, running.session = running.session, None
        with suppress(InfrastructureError):  # It is gone anyway; the episode's trace is complete.
            await session.close()
