"""The page tool: `open_page(url, query)` gives the readable text of one page, around what is asked for.

What always holds: an address that cannot be read is a result that says why; the text is bounded, and what is
left out of it is marked; only `SearchUnavailable` leaves the tool.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Self

from deepeyes.core.results import Page
from deepeyes.core.text import one_line, tidy
from deepeyes.search.base import MAX_QUERY_CHARS
from deepeyes.tools.base import Episode, ToolResult
from deepeyes.tools.search import query_problem
from deepeyes.tools.services import PassageReader, Services

PAGE_CHARS = 4000
_URL_CHARS = 2000


class OpenPageTool:
    """`open_page(url, query="")` over a page reader."""

    name = "open_page"
    description = (
        "Read a page that a search gave: its text around `query`, or its beginning without one. `url` is "
        "the link of a result."
    )
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "url": {"type": "string", "description": "The link."},
            "query": {"type": "string", "description": "What to look for on the page."},
        },
        "required": ["url"],
        "additionalProperties": False,
    }

    needs = ("pages",)

    def __init__(self, reader: PassageReader, chars: int = PAGE_CHARS) -> None:
        self._reader = reader
        self._chars = chars

    @classmethod
    def of(cls, services: Services) -> Self:
        assert services.pages is not None
        return cls(services.pages)

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        url, query = str(arguments["url"]).strip(), str(arguments.get("query") or "")
        problem = _url_problem(url) or (query_problem(query) if query.strip() else "")
        if problem:
            return ToolResult("error", stderr=problem)
        start = time.perf_counter()
        page = await self._reader.passages(url, tidy(query, MAX_QUERY_CHARS), self._chars)
        seconds = time.perf_counter() - start
        if page is None:
            text = f"There is no page at {one_line(url, 200)}: take the link of a search result."
            return ToolResult("error", stderr=text, seconds=seconds)
        if not page.could_be_read:
            return ToolResult("error", stderr=one_line(page.text, 400), seconds=seconds)
        read = Page(url=page.url, title=page.title, text=page.text, date=page.date)
        return ToolResult(page=read, seconds=seconds)


def _url_problem(url: str) -> str:
    if not url:
        return "The url is empty: give the link of a search result."
    if len(url) > _URL_CHARS:
        return f"The url has {len(url):,} characters, at most {_URL_CHARS:,} are accepted."
    if tidy(url, _URL_CHARS) != url or " " in url:
        return "The url has spaces or control characters: copy the link of a search result as it is."
    return ""
