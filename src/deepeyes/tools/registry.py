"""Tools by name. A new one is a file of its own and a line here.

What always holds: a tool's file is opened when its name is asked for; names and what they need are checked
before anything is opened for them; what is wrong is a `ConfigError` that names what there is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from typing import Any, Protocol

from deepeyes.core.actions import ToolSpec
from deepeyes.core.errors import ConfigError
from deepeyes.tools.base import Tool, ToolSet, spec_of
from deepeyes.tools.services import NEEDS, Services

TOOLS = {
    "python": "deepeyes.tools.python:PythonTool",
    "search": "deepeyes.tools.search:SearchTool",
    "image_search": "deepeyes.tools.image_search:ImageSearchTool",
    "open_page": "deepeyes.tools.open_page:OpenPageTool",
}
"""Name to module and class (see `ToolClass`)."""
STANDARD = ("python", "search", "image_search", "open_page")
"""What an agent has if nobody names tools, as far as there is what they need."""


class ToolClass(Protocol):
    """What stands in the registry: a class whose instances are a `Tool`."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    needs: tuple[str, ...]
    """Fields of `Services` without which there is no such tool."""

    def of(self, services: Services) -> Tool:
        """The tool over services that hold all that it needs (a class method)."""
        ...


def tool_class(name: str) -> ToolClass:
    """The class behind a name. Raises `ConfigError`."""
    if name not in TOOLS:
        raise ConfigError(f"there is no tool {name!r}", f"the tools are {', '.join(TOOLS)}")
    module, _, kind = TOOLS[name].partition(":")
    return getattr(import_module(module), kind)


def tool_spec(name: str) -> ToolSpec:
    """How the tool of that name is described to a model, without making it. Raises `ConfigError`."""
    return spec_of(tool_class(name))


def services_for(tools: Iterable[str | Tool]) -> frozenset[str]:
    """The fields of `Services` that these tools need; tools that are made already need none.

    Raises `ConfigError` for a name that nobody has.
    """
    return frozenset(need for tool in tools if isinstance(tool, str) for need in tool_class(tool).needs)


def check_tools(tools: Iterable[str | Tool], services: Collection[str]) -> None:
    """Raises `ConfigError` for a name that nobody has, one that comes twice, or a tool that needs more than
    the fields of `Services` named in `services`.
    """
    seen: set[str] = set()
    for tool in tools:
        name = tool if isinstance(tool, str) else tool.name
        if name in seen:
            raise ConfigError(f"the tool {name!r} is named twice", "name it once")
        seen.add(name)
        for need in services_for([tool]):
            if need not in services:
                raise ConfigError(f"{name} {NEEDS[need][0]}", NEEDS[need][1])


def toolset(tools: Sequence[str | Tool] | None, services: Services) -> ToolSet:
    """These tools, made of `services` where they are named, in their order; by default the standard ones as
    far as there is what they need. Raises `ConfigError` as `check_tools` does.
    """
    there = {field.name for field in fields(services) if getattr(services, field.name) is not None}
    if tools is None:
        tools = [name for name in STANDARD if there.issuperset(tool_class(name).needs)]
    check_tools(tools, there)
    return ToolSet([tool_class(tool).of(services) if isinstance(tool, str) else tool for tool in tools])
