"""What asking verbs share: a model and its tools, opened together and closed together, and Ctrl-C.

What always holds: nothing stays behind, whichever way the block ends; without tools no sandbox is started and
nothing is opened to search in, and without a word about searching there is no search tool; Ctrl-C becomes
`Interrupted` after everything inside has closed and kept what it had.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from deepeyes.core.errors import Interrupted, SandboxUnavailable
from deepeyes.dialects.base import Dialect
from deepeyes.dialects.registry import dialect_named
from deepeyes.harness.search import BRIEF_CHARS, SNIPPET_CHARS, open_engines
from deepeyes.models.base import ChatModel
from deepeyes.models.registry import resolve_model
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool

T = TypeVar("T")


@dataclass(frozen=True)
class Rig:
    model: ChatModel
    tools: ToolSet
    dialect: Dialect | None
    """None for the model's own."""


@asynccontextmanager
async def rig(
    model: str, *, tools: bool = True, dialect: str = "", search: Sequence[str] = ()
) -> AsyncGenerator[Rig]:
    """The named model with the Python tool and what `search` names (see `engines`), or none, ready for
    episodes.

    Raises `ModelError`, `ConfigError` (dialect, search), `SearchUnavailable` (an index) or
    `SandboxUnavailable`.
    """
    from deepeyes.sandbox import Sandbox

    speech = dialect_named(dialect) if dialect else None
    chat = await asyncio.to_thread(resolve_model, model)
    try:
        if not tools:
            yield Rig(chat, ToolSet(), speech)
            return
        brief = (speech.name.partition("/")[2] if speech else chat.prompt) == "brief"
        chars = BRIEF_CHARS if brief else SNIPPET_CHARS
        async with (
            open_engines(search, snippet_chars=chars, tell=_say) as engines,
            Sandbox.start() as sandbox,
        ):
            for note in engines.notes:
                print(f"note: {note}", file=sys.stderr)
            python = PythonTool(sandbox)
            yield Rig(chat, ToolSet([python, *engines.tools(python, brief=brief)]), speech)
    except SandboxUnavailable as error:
        raise SandboxUnavailable(error.message, f"{error.remedy}; or do without tools") from error
    finally:
        await chat.aclose()


def run(work: Coroutine[Any, Any, T], kept: str = "") -> T:
    """Run `work` to its end; Ctrl-C cancels it and raises `Interrupted`, which tells what is `kept`."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise Interrupted("interrupted", kept or "give --trace DIR to keep what happened") from None


def _say(what: str, done: int, total: int) -> None:
    """Making an index takes a while, once: say so when it begins."""
    if done == 0 and total:
        print(f"note: making the index of the world, once: {total} {what}", file=sys.stderr)
