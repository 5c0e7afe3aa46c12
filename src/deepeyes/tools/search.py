"""The search tool: `search(query)` gives the five best pages: title, link, date and snippet of each.

What always holds: a query that cannot be searched is a result that says so, and to find nothing is a result
too; only `SearchUnavailable` leaves the tool. Titles and snippets are other people's words: they are passed
on as they are, and the dialect words them and makes them inert.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

from deepeyes.core.text import tidy
from deepeyes.search.base import MAX_QUERY_CHARS, TextSearch
from deepeyes.tools.base import Episode, ToolResult
from deepeyes.tools.services import Services

RESULTS = 5


class SearchTool:
    """`search(query)` over whatever searches: an index on this disk, or a provider."""

    name = "search"
    description = (
        "Search pages by words or by a question. Gives the best 5: title, link, date if known, and a "
        "snippet. Name the thing that you ask about."
    )
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "What to look for."}},
        "required": ["query"],
        "additionalProperties": False,
    }

    needs = ("text",)

    def __init__(self, engine: TextSearch, results: int = RESULTS) -> None:
        self._engine = engine
        self._results = results

    @classmethod
    def of(cls, services: Services) -> Self:
        assert services.text is not None
        return cls(services.text)

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        given = str(arguments["query"])
        problem = query_problem(given)
        if problem:
            return ToolResult("error", stderr=problem)
        start = time.perf_counter()
        query = tidy(given, MAX_QUERY_CHARS)
        found = (await self._engine.search(query, self._results))[: self._results]
        hits = tuple(replace(hit, image=None) for hit in found)  # what was asked in words is told in words
        return ToolResult(hits=hits, query=query, seconds=time.perf_counter() - start)


def query_problem(query: str) -> str:
    """Why `query` cannot be searched, in a sentence; empty if it can."""
    if len(query) > MAX_QUERY_CHARS:
        return (
            f"The query has {len(query):,} characters, at most {MAX_QUERY_CHARS:,} are searched: "
            "ask in one short sentence."
        )
    return "" if tidy(query, MAX_QUERY_CHARS) else "The query is empty: say what to look for."
