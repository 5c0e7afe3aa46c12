"""Tools whose steps stand in Inspect's log.

What always holds: each call is a span of type "tool" with what was asked and what came back, images included;
the episode goes on as without.
"""

# pyright: reportMissingImports=false
# Inspect has an environment of its own (docs/inspect.md); checked in it, this line changes nothing.
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from inspect_ai.log import transcript
from inspect_ai.util import span

from deepeyes.agent import events
from deepeyes.agent.agent import Agent
from deepeyes.core.results import ToolResult
from deepeyes.eval.inspect.steps import step_text
from deepeyes.tools.base import Episode, Tool

SOURCE = "deepeyes"
"""Of what we put into the log."""


class LoggedTool:
    """`tool`, told of in the log."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self.name = tool.name
        self.description = tool.description
        self.parameters = tool.parameters

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        async with span(self.name, type="tool"):
            result = await self._tool.run(arguments, episode)
            transcript().info(step_text(arguments, result), source=SOURCE)
        return result


def logged(agent: Agent) -> Agent:
    """The agent with tools that are told of."""
    return replace(agent, tools=agent.tools.each(LoggedTool))


def tell(event: events.Event) -> None:
    """For a model whose loop Inspect does not see: what it thought, and what could not be read."""
    if isinstance(event, events.Thought):
        transcript().info({"thought": event.text}, source=SOURCE)
    elif isinstance(event, events.Mistake):
        transcript().info({"malformed": event.reason}, source=SOURCE)
