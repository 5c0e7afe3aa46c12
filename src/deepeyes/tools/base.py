"""What a tool is, and the set of tools an episode has.

What always holds: whatever a model calls, it gets a `ToolResult`; an unknown name, arguments that do not fit
or an exception in its code are results that say what was wrong, never exceptions here. Only
`InfrastructureError` (something of ours failed) leaves a tool. State lives in the `Episode`: tools themselves
are shared by all episodes and hold none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL import Image

from deepeyes.core.actions import ToolCall, ToolSpec
from deepeyes.core.limits import Limits
from deepeyes.core.results import ToolResult
from deepeyes.tools.arguments import ArgumentCheck, typed

__all__ = ["Episode", "Tool", "ToolResult", "ToolSet", "spec_of"]


@dataclass
class Episode:
    """What tools know of the episode they work for, and where they keep its state."""

    seed: int = 0
    limits: Limits = Limits()
    images: dict[str, Image.Image] = field(default_factory=dict[str, Image.Image])
    """`image_1`, `image_2` ... at full size; grows as tools return images."""
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


class Described(Protocol):
    """What a model is told of a tool."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...


def spec_of(tool: Described) -> ToolSpec:
    """How a tool is described to a model."""
    return ToolSpec(name=tool.name, description=tool.description, parameters=dict(tool.parameters))


class ToolSet:
    """The tools of a run, by name. Raises `ConfigError` for a tool whose `parameters` are no JSON schema."""

    def __init__(self, tools: Sequence[Tool] = ()) -> None:
        self._tools = {tool.name: tool for tool in tools}
        if len(self._tools) < len(tools):
            raise ValueError("two tools have the same name")
        self._checks = {tool.name: ArgumentCheck(tool.name, tool.parameters) for tool in tools}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    def only(self, *names: str) -> ToolSet:
        """Those of these names."""
        return ToolSet([tool for tool in self._tools.values() if tool.name in names])

    def each(self, change: Callable[[Tool], Tool]) -> ToolSet:
        """What `change` makes of each."""
        return ToolSet([change(tool) for tool in self._tools.values()])

    def specs(self) -> tuple[ToolSpec, ...]:
        """How the tools are described to a model."""
        return tuple(map(spec_of, self._tools.values()))

    async def run(self, call: ToolCall, episode: Episode) -> ToolResult:
        """The result of `call`, whatever it asks for. Raises only `InfrastructureError`."""
        tool = self._tools.get(call.name)
        if tool is None:
            known = (
                f"you have {', '.join(self._tools)}" if self._tools else "you have none, so answer directly"
            )
            return ToolResult("error", stderr=f"There is no tool of that name: {known}.")
        arguments = typed(call.arguments, tool.parameters)
        problem = self._checks[call.name].problem(arguments)
        if problem:
            return ToolResult("error", stderr=f"{tool.name}: {problem}")
        return await tool.run(arguments, episode)
