"""One call that opens an agent: a model by name with its sandbox, what it may search, and its tools.

What always holds: nothing stays behind, whichever way the block ends; without tools no sandbox is started and
nothing is opened to search in, and without a word about searching there is no search tool.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from deepeyes.agent.agent import Agent
from deepeyes.core.errors import SandboxUnavailable
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.dialects.base import Dialect
from deepeyes.dialects.registry import dialect_named
from deepeyes.harness.search import BRIEF_CHARS, SNIPPET_CHARS, check_search, open_engines
from deepeyes.models.base import ChatModel
from deepeyes.models.registry import resolve_model
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool

_LOG = logging.getLogger(__name__)

Tell = Callable[[str], None]
"""Told in a sentence what its user should know: an index that is made, vectors that are missing."""


@asynccontextmanager
async def open_agent(
    model: str | ChatModel = "nano",
    *,
    tools: bool = True,
    dialect: str = "",
    search: str | Sequence[str] = (),
    limits: Limits = Limits(),
    sampling: Sampling = Sampling(),
    tell: Tell = _LOG.warning,
) -> AsyncGenerator[Agent]:
    """The agent of a model, with the Python tool and what `search` names, or without any tool.

    `model`: a name as in `deepeyes ask --model`, or a model, which stays its owner's to close. `dialect`: a
    name, such as `native` or `deepeyes_v2/brief`; empty for the model's own. `search`: as in `deepeyes ask
    --search`, one or several.

    Raises `ModelError`, `ConfigError` (dialect, search), `SearchUnavailable` (an index) or
    `SandboxUnavailable`.
    """
    from deepeyes.sandbox import Sandbox

    speech = dialect_named(dialect) if dialect else None
    specs = (search,) if isinstance(search, str) else search
    if tools:
        check_search(specs)  # before a model is loaded
    named = isinstance(model, str)
    chat = await asyncio.to_thread(resolve_model, model) if isinstance(model, str) else model
    agent = Agent(chat, ToolSet(), speech, limits, sampling)
    try:
        if not tools:
            yield agent
            return
        brief = _is_brief(speech, chat)
        chars = BRIEF_CHARS if brief else SNIPPET_CHARS
        async with (
            open_engines(specs, snippet_chars=chars, tell=lambda *step: _say(tell, *step)) as engines,
            Sandbox.start() as sandbox,
        ):
            for note in engines.notes:
                tell(note)
            python = PythonTool(sandbox)
            yield replace(agent, tools=ToolSet([python, *engines.tools(python, brief=brief)]))
    except SandboxUnavailable as error:
        raise SandboxUnavailable(error.message, f"{error.remedy}; or do without tools") from error
    finally:
        if named:
            await chat.aclose()


def _is_brief(speech: Dialect | None, model: ChatModel) -> bool:
    return (speech.name.partition("/")[2] if speech else model.prompt) == "brief"


def _say(tell: Tell, what: str, done: int, total: int) -> None:
    """Making an index takes a while, once: say so when it begins."""
    if done == 0 and total:
        tell(f"making the index of the world, once: {total} {what}")
