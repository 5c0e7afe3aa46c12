"""The search tool: `search(query)` gives the five best pages as title, link, date and snippet.

What always holds: a query that cannot be searched and a search that finds nothing are results that say so;
only `SearchUnavailable` leaves the tool. Titles and snippets are other people's words: they are passed on
as they are, on one line each, and made inert by the dialect.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from deepeyes.search.base import Hit, TextSearch
from deepeyes.search.text.words import MAX_QUERY_CHARS, tidy
from deepeyes.tools.base import Episode, ToolResult

RESULTS = 5
BRIEF_RESULTS = 1
"""For a model with the brief prompt, which also gets neither links nor dates."""
_TITLE_CHARS = 200
_SNIPPET_CHARS = 600


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

    def __init__(self, engine: TextSearch, results: int = RESULTS, *, brief: bool = False) -> None:
        self._engine = engine
        self._results = min(results, BRIEF_RESULTS) if brief else results
        self._brief = brief

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        given = str(arguments["query"])
        problem = query_problem(given)
        if problem:
            return ToolResult("error", stderr=problem)
        start = time.perf_counter()
        query = tidy(given)
        hits = await self._engine.search(query, self._results)
        text = told(query, hits[: self._results], brief=self._brief)
        return ToolResult(stdout=text, seconds=time.perf_counter() - start)


def query_problem(query: str) -> str:
    """Why `query` cannot be searched, in a sentence; empty if it can."""
    if len(query) > MAX_QUERY_CHARS:
        return (
            f"The query has {len(query):,} characters, at most {MAX_QUERY_CHARS:,} are searched: "
            "ask in one short sentence."
        )
    return "" if tidy(query) else "The query is empty: say what to look for."


def told(query: str, hits: Sequence[Hit], *, brief: bool = False) -> str:
    """The hits as the model reads them."""
    asked = one_line(query, _TITLE_CHARS)
    if not hits:
        return f'Nothing was found for "{asked}". Try other or fewer words.\n'
    if brief:
        return "".join(
            f"{number}. {one_line(hit.title, _TITLE_CHARS)}\n{one_line(hit.snippet, _SNIPPET_CHARS)}\n"
            for number, hit in enumerate(hits, start=1)
        )
    count = "1 result" if len(hits) == 1 else f"{len(hits)} results"
    return "\n".join([f'{count} for "{asked}":\n', *(_entry(n, hit) for n, hit in enumerate(hits, start=1))])


def _entry(number: int, hit: Hit) -> str:
    lines = [
        f"{number}. [{one_line(hit.title, _TITLE_CHARS) or 'untitled'}]({one_line(hit.url, _SNIPPET_CHARS)})"
    ]
    if hit.date:
        lines.append(f"Date: {one_line(hit.date, 40)}")
    if hit.snippet:
        lines.append(one_line(hit.snippet, _SNIPPET_CHARS))
    return "\n".join(lines) + "\n"


def one_line(text: str, chars: int) -> str:
    """`text` without line breaks and control characters, at most `chars` long."""
    line = tidy(text[: 4 * chars])
    return line if len(line) <= chars else f"{line[: chars - 4].rstrip()} ..."
