"""A function with type hints as a tool: `@deepeyes.tool`.

    @deepeyes.tool
    def ships(century: int, register: Literal["navy", "trade"] = "trade") -> list[str]:
        \"\"\"Ships of the register that were built in a century.\"\"\"

What always holds: the docstring is what a model is told, the hints are the schema that its arguments are held
to, and what does not fit them never reaches the function; whatever the function does, the episode goes on:
an exception, or taking longer than `limits.tool_seconds`, is a result that says so. Where a hint is a PIL
image the model gives the name of one, of the conversation or of its Python session.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import re
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any, Generic, ParamSpec, Self, TypeVar, cast, overload

from pydantic import ValidationError

from deepeyes.core.errors import ConfigError, DeepEyesError, InfrastructureError, StorageError, boundary
from deepeyes.core.text import one_line
from deepeyes.tools.base import Episode, ToolResult
from deepeyes.tools.python import image_named, no_image
from deepeyes.tools.returned import failure, result_of
from deepeyes.tools.services import Services
from deepeyes.tools.signature import Signature

P = ParamSpec("P")
R = TypeVar("R")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
"""What servers take as the name of a function."""


class _Raised(DeepEyesError):
    """What the function raised is the cause."""


class FunctionTool(Generic[P, R]):
    """A `Tool` over a function, which it still can be called as."""

    needs: tuple[str, ...] = ()

    def __init__(self, function: Callable[P, R], name: str = "") -> None:
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"a tool cannot be called {self.name!r}",
                "give it a name of at most 64 letters, digits and _, as in @tool(name='ships')",
            )
        self._function = function
        self._signature = Signature(self.name, function)
        self.description = self._signature.description
        self.parameters: Mapping[str, Any] = self._signature.schema
        self.__doc__, self.__wrapped__ = function.__doc__, function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **kwargs)

    def of(self, services: Services) -> Self:
        """It needs nothing, so it is had by its place, `MODULE:FUNCTION`, as it is."""
        return self

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        start = time.perf_counter()
        try:
            given = self._signature.read(arguments)
        except ValidationError as error:
            return ToolResult("error", stderr=f"{self.name}: {_sentence(error)}")
        for name in self._signature.images & given.keys():
            given[name], missing = await _shown(given[name], episode)
            if missing is not None:
                return ToolResult("error", stderr=f"{self.name}: {no_image(missing, episode)}")
        seconds = episode.limits.tool_seconds
        clock = asyncio.timeout(seconds)
        try:
            async with clock:
                result = await self._called(given)
        except TimeoutError:
            if not clock.expired():
                raise
            result = ToolResult("timeout", stderr=f"{self.name} did not come back in {seconds:g} s.")
        return replace(result, seconds=time.perf_counter() - start)

    async def _called(self, given: dict[str, Any]) -> ToolResult:
        called = partial(cast("Callable[..., Any]", self._function), **given)
        if inspect.iscoroutinefunction(self._function):
            return await self._attempted(called())
        value = await _in_thread(partial(self._attempt, called), self.name)
        if isinstance(value, InfrastructureError):
            raise value
        return await self._attempted(value) if inspect.isawaitable(value) else value

    def _attempt(self, called: Callable[[], Any]) -> Any:
        """What it returned as a result, or still to be awaited; an error of ours comes back as one."""
        try:
            with boundary(_Raised, self.name, expected=Exception):
                value = called()
                return value if inspect.isawaitable(value) else result_of(value)
        except InfrastructureError as error:
            return error
        except (DeepEyesError, SystemExit) as error:
            return self._failed(error)

    async def _attempted(self, awaited: Awaitable[Any]) -> ToolResult:
        try:
            with boundary(_Raised, self.name, expected=Exception):
                return result_of(await awaited)
        except InfrastructureError:
            raise
        except (DeepEyesError, SystemExit) as error:
            return self._failed(error)

    def _failed(self, error: BaseException) -> ToolResult:
        cause = error.__cause__ if isinstance(error, _Raised | StorageError) else None
        return ToolResult("error", stderr=f"{self.name} failed: {failure(cause or error)}")


@overload
def tool(function: Callable[P, R], /) -> FunctionTool[P, R]: ...
@overload
def tool(*, name: str) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...
def tool(function: Any = None, /, *, name: str = "") -> Any:
    """Make a function with type hints and a docstring, asynchronous or not, a tool. `name` is its own by
    default. Raises `ConfigError` where the hints or the docstring do not say what a model must know.
    """
    return partial(FunctionTool, name=name) if function is None else FunctionTool(function, name)


async def _shown(value: Any, episode: Episode) -> tuple[Any, str | None]:
    """The same with images in place of their names, and the first name that no image has."""
    if isinstance(value, str):
        image = await image_named(value.strip(), episode)
        return image, value if image is None else None
    if isinstance(value, list | tuple):
        pairs = [await _shown(one, episode) for one in cast("Sequence[Any]", value)]
        missing = next((name for _, name in pairs if name is not None), None)
        return type(cast("Any", value))([image for image, _ in pairs]), missing
    return value, None


async def _in_thread(work: Callable[[], Any], name: str) -> Any:
    """Do it in a thread that nobody needs to wait for, so that a function that hangs holds up no end."""
    done: Future[Any] = Future()

    def run() -> None:
        if done.set_running_or_notify_cancel():
            done.set_result(work())

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name=f"tool-{name}", daemon=True).start()
    return await asyncio.wrap_future(done)


def _sentence(error: ValidationError) -> str:
    """The first problem of arguments that fit the schema but not the hints."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return one_line(f"the argument {place!r} cannot be used: {first['msg']}.", 300)
