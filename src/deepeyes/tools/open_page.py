"""The page tool: `open_page(url, query)` gives the readable text of one page, around what is asked for.

What always holds: an address that cannot be read is a result that says why; the text shown is bounded, and
what is left out is marked; only `SearchUnavailable` leaves the tool.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from deepeyes.search.base import Document, PageReader
from deepeyes.search.pages.passages import passages
from deepeyes.search.pages.reader import NOT_READ
from deepeyes.search.text.words import tidy
from deepeyes.tools.base import Episode, ToolResult
from deepeyes.tools.search import one_line, query_problem

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

    def __init__(self, reader: PageReader, chars: int = PAGE_CHARS) -> None:
        self._reader = reader
        self._chars = chars

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        url, query = str(arguments["url"]).strip(), str(arguments.get("query") or "")
        problem = _url_problem(url) or (query_problem(query) if query.strip() else "")
        if problem:
            return ToolResult("error", stderr=problem)
        start = time.perf_counter()
        page = await self._reader.read(url)
        seconds = time.perf_counter() - start
        if page is None:
            text = f"There is no page at {one_line(url, 200)}: take the link of a search result."
            return ToolResult("error", stderr=text, seconds=seconds)
        if page.source == NOT_READ:
            return ToolResult("error", stderr=one_line(page.text, 400), seconds=seconds)
        return ToolResult(stdout=told(page, tidy(query), self._chars), seconds=seconds)


def told(page: Document, query: str, chars: int) -> str:
    """The page as the model reads it."""
    head = f"[{one_line(page.title, 200) or 'untitled'}]({one_line(page.url, 600)})\n"
    if page.date:
        head += f"Date: {one_line(page.date, 40)}\n"
    body = passages(page.text, query, chars)
    return f"{head}\n{body or '(the page has no text)'}\n"


def _url_problem(url: str) -> str:
    if not url:
        return "The url is empty: give the link of a search result."
    if len(url) > _URL_CHARS:
        return f"The url has {len(url):,} characters, at most {_URL_CHARS:,} are accepted."
    if tidy(url) != url or " " in url:
        return "The url has spaces or control characters: copy the link of a search result as it is."
    return ""
