"""Tools by name. A new one is a file of its own and a line here, or stays where it is: `MODULE:FUNCTION`.

What always holds: a tool's file is opened when its name is asked for; names and what they need are checked
before anything is opened for them; what is wrong is a `ConfigError` that names what there is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from pkgutil import resolve_name
from types import FunctionType
from typing import Any, Protocol

from deepeyes.core.actions import ToolSpec
from deepeyes.core.errors import ConfigError, boundary
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
ALL = "standard"
"""The name that stands for them."""


class ToolClass(Protocol):
    """What a name leads to: a class whose instances are a `Tool`, or a function made one."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    needs: tuple[str, ...]
    """Fields of `Services` without which there is no such tool."""

    def of(self, services: Services) -> Tool:
        """The tool over services that hold all that it needs (a class method)."""
        ...


def tool_class(name: str) -> ToolClass:
    """What is behind a name, or at a place `MODULE:FUNCTION`. Raises `ConfigError`."""
    place = TOOLS.get(name, name)
    if ":" not in place:
        raise ConfigError(
            f"there is no tool {name!r}",
            f"the tools are {', '.join(TOOLS)}, {ALL} for what is usual, or MODULE:FUNCTION for your own",
        )
    with boundary(
        ConfigError,
        f"loading the tool {name}",
        "write MODULE:FUNCTION, and be where Python finds the module",
        expected=(ImportError, AttributeError, ValueError),
    ):
        found: Any = resolve_name(place)
    if isinstance(found, FunctionType):
        from deepeyes.tools.function import tool

        return tool(found)
    if not all(hasattr(found, part) for part in ToolClass.__annotations__) or not hasattr(found, "of"):
        raise ConfigError(f"{name} is no tool", "name a function with type hints and a docstring")
    return found


def tool_spec(name: str) -> ToolSpec:
    """How the tool of that name is described to a model, without making it. Raises `ConfigError`."""
    return spec_of(tool_class(name))


def services_for(tools: Iterable[str | Tool]) -> frozenset[str]:
    """The fields of `Services` that these tools need, and `standard` would use; tools that are made already
    need none. Raises `ConfigError` for a name that nobody has.
    """
    named = [one for tool in tools if isinstance(tool, str) for one in (STANDARD if tool == ALL else (tool,))]
    return frozenset(need for name in named for need in tool_class(name).needs)


def check_tools(tools: Iterable[str | Tool], services: Collection[str]) -> None:
    """Raises `ConfigError` for a name that nobody has, one that comes twice, or a tool that needs more than
    the fields of `Services` named in `services`.
    """
    seen: set[str] = set()
    for tool in _without_all(tools, services):
        name = tool_class(tool).name if isinstance(tool, str) else tool.name
        if name in seen:
            raise ConfigError(f"the tool {name!r} is named twice", "name it once")
        seen.add(name)
        for need in services_for([tool]):
            if need not in services:
                raise ConfigError(f"{name} {NEEDS[need][0]}", NEEDS[need][1])


def toolset(tools: Sequence[str | Tool], services: Services) -> ToolSet:
    """These tools, made of `services` where they are named, in their order; `standard` stands for all of
    `STANDARD` for which there is what they need. Raises `ConfigError` as `check_tools` does.
    """
    there = {field.name for field in fields(services) if getattr(services, field.name) is not None}
    wanted = _without_all(tools, there)
    check_tools(wanted, there)
    return ToolSet([tool_class(tool).of(services) if isinstance(tool, str) else tool for tool in wanted])


def _without_all(tools: Iterable[str | Tool], services: Collection[str]) -> list[str | Tool]:
    """The tools with those in place of `standard` that can be made of these services."""
    usual = [name for name in STANDARD if set(tool_class(name).needs) <= set(services)]
    return [one for tool in tools for one in (usual if tool == ALL else (tool,))]
