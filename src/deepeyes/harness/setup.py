"""One call that opens an agent: a model by name with its sandbox, what it may search, and its tools.

What always holds: nothing stays behind, whichever way the block ends; only what the tools need is opened, so
without Python no sandbox is started and without tools nothing is opened to search in; without a word about
searching there is no search tool.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace

from deepeyes.agent.agent import Agent
from deepeyes.core.clock import keeping
from deepeyes.core.errors import SandboxUnavailable, ServerError
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.dialects.base import Dialect
from deepeyes.dialects.registry import AUTO, dialect_named, get_dialect
from deepeyes.harness.search import Engines, check_search, is_off, open_engines
from deepeyes.models.base import ChatModel, FindsDialect
from deepeyes.models.registry import resolve_model
from deepeyes.tools.base import Tool, ToolSet
from deepeyes.tools.registry import ALL, check_tools, services_for, toolset
from deepeyes.tools.services import Services

_LOG = logging.getLogger(__name__)

Tell = Callable[[str], None]
"""Told in a sentence what its user should know: an index that is made, vectors that are missing."""
Wait = Callable[[str], AbstractContextManager[object]]
"""Held round what may take long, and told what that is: "loading nano"."""

_SEARCHES = frozenset(("text", "images", "pages"))
"""The services that `search` may open."""


@asynccontextmanager
async def open_agent(
    model: str | ChatModel = "nano",
    *,
    tools: bool | str | Sequence[str | Tool] = True,
    dialect: str | Dialect = "",
    search: str | Sequence[str] = (),
    limits: Limits = Limits(),
    sampling: Sampling = Sampling(),
    tell: Tell = _LOG.warning,
    wait: Wait = nullcontext,
) -> AsyncGenerator[Agent]:
    """The agent of a model, with the Python tool and what `search` names, or without any tool.

    `model`: a name as in `deepeyes ask --model`, or a model, which stays its owner's to close.
    `tools`: names, such as `("search", "open_page")`, and tools of your own; `standard`, or True, for Python
    and all that `search` allows.
    `dialect`: a name, such as `native` or `deepeyes_v2/brief`, or a dialect of your own; empty for the
    model's own, `auto` for the one that fits: a server is asked what it takes.
    `search`: as in `deepeyes ask --search`, one or several.

    Raises `ConfigError` (a tool, dialect or search that there is not, or a tool without what it needs) before
    anything is opened, then `ModelError`, `ServerError`, `SearchUnavailable` (an index) or
    `SandboxUnavailable`.
    """
    speech = (dialect_named(dialect) if dialect else None) if isinstance(dialect, str) else dialect
    wanted = _wanted(tools)
    specs = (search,) if isinstance(search, str) else search
    if wanted != ():
        check_search(specs)
        check_tools(wanted, {"sandbox"} if is_off(specs) else {"sandbox", *_SEARCHES})
    chat = await _loaded(model, wait) if isinstance(model, str) else model
    try:
        if dialect == AUTO or (not dialect and chat.dialect_name == AUTO):
            with wait(f"asking {chat.name} what it speaks"):
                speech = await _fitting(chat, wanted != (), limits, tell)
        agent = Agent(chat, ToolSet(), speech, limits, sampling)
        async with AsyncExitStack() as stack:
            services = await _opened(wanted, specs, agent, stack, tell, wait)
            yield replace(agent, tools=toolset(wanted, services))
    finally:
        if isinstance(model, str):
            await chat.aclose()


async def _loaded(model: str, wait: Wait) -> ChatModel:
    with wait(f"loading {model}"):
        return await asyncio.to_thread(resolve_model, model)


async def _fitting(chat: ChatModel, tools: bool, limits: Limits, tell: Tell) -> Dialect | None:
    """The dialect that fits; None, for the model's own, where that is known. An episode's time is time enough
    to find out.
    """
    if not isinstance(chat, FindsDialect):
        return None
    clock = asyncio.timeout(limits.episode_seconds)
    try:
        async with clock:
            with keeping(clock):
                fit = await chat.fitting_dialect(tools=tools)
    except TimeoutError as error:
        if not clock.expired():
            raise
        raise ServerError(
            f"{chat.name} did not answer in {limits.episode_seconds:g} s",
            "see that it keeps up, or allow more with --limit episode_seconds=N",
        ) from error
    if fit.why:
        tell(f"{chat.name} is spoken to in {fit.dialect}: {fit.why}")
    return get_dialect(fit.dialect, chat.prompt)


def _wanted(tools: bool | str | Sequence[str | Tool]) -> tuple[str | Tool, ...]:
    """The tools that are named."""
    if isinstance(tools, bool):
        return (ALL,) if tools else ()
    return (tools,) if isinstance(tools, str) else tuple(tools)


async def _opened(
    wanted: Sequence[str | Tool],
    specs: Sequence[str],
    agent: Agent,
    stack: AsyncExitStack,
    tell: Tell,
    wait: Wait,
) -> Services:
    """What these tools need, and no more; closed with `stack`. Snippets are as long as the agent's dialect
    wants them.
    """
    needed = services_for(wanted)
    engines = Engines()
    if needed & _SEARCHES:
        chars = agent.speech.snippet_chars
        opening = open_engines(specs, snippet_chars=chars, tell=lambda *step: _say(tell, *step))
        with wait("opening what is searched"):
            engines = await stack.enter_async_context(opening)
        for note in engines.notes:
            tell(note)
    if "sandbox" not in needed:
        return engines.services()
    from deepeyes.sandbox import Sandbox

    try:
        with wait("starting the sandbox"):
            return engines.services(await stack.enter_async_context(Sandbox.start()))
    except SandboxUnavailable as error:
        raise SandboxUnavailable(error.message, f"{error.remedy}; or do without tools") from error


def _say(tell: Tell, what: str, done: int, total: int) -> None:
    """Making an index takes a while, once: say so when it begins."""
    if done == 0 and total:
        tell(f"making the index of the world, once: {total} {what}")
