"""A search of everything and a tool of somebody else's."""

from collections.abc import Mapping
from typing import Any

from deepeyes.core.results import Hit, ToolResult
from deepeyes.search.base import Document
from deepeyes.tools.base import Episode
from deepeyes.tools.services import Services


class Engine:
    name = "fake"

    async def search(self, query: Any, k: int = 5) -> tuple[Hit, ...]:
        return (Hit("found", "https://a"),)

    async def read(self, url: str) -> Document | None:
        return Document(url, "page", "text")


ENGINE = Engine()


class Clock:
    """A tool that somebody registers: it needs a sandbox, to show that it gets one."""

    name = "clock"
    description = "Tells the time."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {}}
    needs = ("sandbox",)

    def __init__(self, sandbox: object) -> None:
        self.sandbox = sandbox

    @classmethod
    def of(cls, services: Services) -> "Clock":
        return cls(services.sandbox)

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        return ToolResult(stdout="noon\n")
