"""What a tool is, and the set of tools an episode has.

What always holds: whatever a model calls, it gets a `ToolResult`; an unknown name, missing arguments or an
exception in its code are results that say what was wrong, never exceptions here. Only `InfrastructureError`
(something of ours failed) leaves a tool. State lives in the `Episode`: tools themselves are shared by all
episodes and hold none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from PIL import Image

from deepeyes.core.actions import ToolCall, ToolSpec
from deepeyes.core.limits import Limits


@dataclass(frozen=True)
class ToolResult:
    """What came back. `status` is ok, error, interrupted, timeout, crashed or session_lost."""

    status: str = "ok"
    stdout: str = ""
    stderr: str = ""
    images: tuple[Image.Image, ...] = ()
    """Pictures at full size, in the order they were shown."""
    dropped: int = 0
    """Pictures the tool itself left out."""
    seconds: float = 0.0


@dataclass
class Episode:
    """What tools know of the episode they work for, and where they keep its state."""

    seed: int = 0
    limits: Limits = Limits()
    images: dict[str, Image.Image] = field(default_factory=dict[str, Image.Image])
    """`image_1`, `image_2` ... at full size; grows as tools return pictures."""
    sessions: dict[str, Any] = field(default_factory=dict[str, Any])
    """Per-episode state by tool name; what needs closing is also pushed on `stack`."""
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)


class Tool(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON schema of type object."""
        ...

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        """Arguments already fit `parameters`. Raises only `InfrastructureError`."""
        ...


class ToolSet:
    """The tools of a run, by name."""

    def __init__(self, tools: Sequence[Tool] = ()) -> None:
        self._tools = {tool.name: tool for tool in tools}
        if len(self._tools) < len(tools):
            raise ValueError("two tools have the same name")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    def only(self, *names: str) -> ToolSet:
        """Those of these names."""
        return ToolSet([tool for tool in self._tools.values() if tool.name in names])

    def specs(self) -> tuple[ToolSpec, ...]:
        """How the tools are described to a model."""
        return tuple(
            ToolSpec(name=tool.name, description=tool.description, parameters=dict(tool.parameters))
            for tool in self._tools.values()
        )

    async def run(self, call: ToolCall, episode: Episode) -> ToolResult:
        """The result of `call`, whatever it asks for. Raises only `InfrastructureError`."""
        tool = self._tools.get(call.name)
        if tool is None:
            known = (
                f"you have {', '.join(self._tools)}" if self._tools else "you have none, so answer directly"
            )
            return ToolResult("error", stderr=f"There is no tool of that name: {known}.")
        problem = argument_problem(tool.parameters, call.arguments)
        if problem:
            return ToolResult("error", stderr=f"{tool.name}: {problem}")
        return await tool.run(call.arguments, episode)


_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def argument_problem(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """What is wrong with `arguments`, in a sentence; empty if they fit (required, unknown, basic types)."""
    properties = cast("Mapping[str, Mapping[str, Any]]", schema.get("properties", {}))
    for name in cast("Sequence[str]", schema.get("required", ())):
        if name not in arguments:
            return f"the argument {name!r} is missing."
    for name, value in arguments.items():
        if name not in properties:
            known = ", ".join(properties) or "none"
            return f"it has no such argument (known: {known})."
        wanted = str(properties[name].get("type", ""))
        fits = wanted not in _TYPES or isinstance(value, _TYPES[wanted])
        if not fits or (isinstance(value, bool) and wanted in ("integer", "number")):
            return f"the argument {name!r} must be of type {wanted}."
    return ""
