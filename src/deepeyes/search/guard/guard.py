"""The guard between the web and a model: plain text, no benchmark pages, flags for the contamination report.

What always holds: every text that passes is `clean` and of bounded length; a blocked address neither comes
back as a hit nor is opened; hits that give a benchmark away are flagged, not hidden (unless `drop` is set),
and each is in the report, so that a score can be given with and without them. The guard wraps a search, a
recording included, so that recordings hold what the web said and the guard can change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from PIL import Image

from deepeyes.search.base import Document, Hit, ImageSearch, PageReader, TextSearch
from deepeyes.search.guard.blocklist import Blocklist
from deepeyes.search.guard.cleaning import clean, clean_line
from deepeyes.search.guard.contamination import Benchmark, Match
from deepeyes.search.pages.reader import not_read

CONTAMINATED = "contaminated"
"""Flag of a hit that holds a benchmark's question or image."""
INSTRUCTIONS = "instructions"
"""Flag of a hit whose text speaks to the model rather than to a reader."""

_TITLE = 300
_SNIPPET = 2_000
_URL = 2_048
_PAGE = 200_000
_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instruction|prompt|rule|message|question)s?\b"
    r"|\b(?:you are now|act as|pretend to be)\b.{0,40}\b(?:assistant|ai|model|system|agent)\b"
    r"|\b(?:system|developer)\s*(?:prompt|message|override)\b"
    r"|<\|[\w ]{2,40}\|>|<\s*/?\s*(?:tool_call|tool_response|answer|think|code|system|image)\s*>|\[/?inst\]"
    r"|\b(?:assistant|ai agent|language model)s?\b.{0,20}\b(?:must|should|shall)\b.{0,40}"
    r"\b(?:answer|reply|respond|call|run|execute|send|visit)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Finding:
    """One line of the contamination report."""

    what: str
    """`contaminated`, `instructions` or `blocked`."""
    url: str
    query: str
    """What was searched for; empty for pages."""
    match: Match | None = None


@dataclass
class Guard:
    """What passes. One guard serves a run; `findings` is its report."""

    blocklist: Blocklist = field(default_factory=lambda: Blocklist(()))
    benchmark: Benchmark = field(default_factory=Benchmark)
    drop: bool = False
    """Leave flagged hits out instead of marking them."""
    findings: list[Finding] = field(default_factory=list[Finding])
    most_findings: int = 10_000
    """Beyond this many the report only counts."""
    uncounted: int = 0

    @property
    def spare(self) -> int:
        """How many times more hits to ask for, since some may not pass."""
        return 2 if self.blocklist or self.drop else 1

    def hits(self, found: Iterable[Hit], query: str = "", k: int | None = None) -> tuple[Hit, ...]:
        """The first `k` hits that may pass, cleaned and flagged, in their order."""
        passed: list[Hit] = []
        for hit in found:
            if k is not None and len(passed) >= k:
                break
            url = clean_line(hit.url)[:_URL]
            if self.blocklist.blocks(url):
                self._note(Finding("blocked", url, query))
                continue
            plain = replace(
                hit,
                title=clean_line(hit.title, _TITLE),
                url=url,
                snippet=clean(hit.snippet, _SNIPPET),
                date=clean_line(hit.date, 40),
                source=clean_line(hit.source, _TITLE),
            )
            flags = self._flags(f"{plain.title}\n{plain.snippet}", hit.image, url, query)
            if flags and self.drop:
                continue
            passed.append(replace(plain, flags=(*plain.flags, *(f for f in flags if f not in plain.flags))))
        return tuple(passed)

    def document(self, page: Document) -> Document:
        """The page as it may pass; one that is blocked says so."""
        if self.refuses(page.url) or (page.source.startswith("http") and self.refuses(page.source)):
            return not_read(page.url, "this site is not available here")
        text = clean(page.text, _PAGE)
        flags = self._flags(f"{page.title}\n{text}", None, page.url, "")
        if flags and self.drop:
            return not_read(page.url, "this page is not available here")
        return replace(
            page, title=clean_line(page.title, _TITLE), text=text, date=clean_line(page.date, 40),
            source=clean_line(page.source, _URL),
        )  # fmt: skip

    def refuses(self, url: str) -> bool:
        """Whether `url` is blocked; if so it is in the report."""
        if not self.blocklist.blocks(url):
            return False
        self._note(Finding("blocked", url[:_URL], ""))
        return True

    def _flags(self, text: str, image: Image.Image | None, url: str, query: str) -> list[str]:
        flags: list[str] = []
        match = self.benchmark.in_text(text)
        if match is None and image is not None:
            match = self.benchmark.in_image(image)
        if match is not None:
            flags.append(CONTAMINATED)
            self._note(Finding(CONTAMINATED, url, query, match))
        if _ORDERS.search(text):
            flags.append(INSTRUCTIONS)
            self._note(Finding(INSTRUCTIONS, url, query))
        return flags

    def _note(self, finding: Finding) -> None:
        if len(self.findings) < self.most_findings:
            self.findings.append(finding)
        else:
            self.uncounted += 1


class GuardedText:
    """A text search behind a guard."""

    def __init__(self, search: TextSearch, guard: Guard) -> None:
        self.name = search.name
        self.guard = guard
        self.inner = search

    async def search(self, query: str, k: int = 5) -> tuple[Hit, ...]:
        return self.guard.hits(await self.inner.search(query, k * self.guard.spare), query, k)

    async def aclose(self) -> None:
        await self.inner.aclose()


class GuardedImages:
    """An image search behind a guard."""

    def __init__(self, search: ImageSearch, guard: Guard) -> None:
        self.name = search.name
        self.guard = guard
        self.inner = search

    async def search(self, image: Image.Image, k: int = 5) -> tuple[Hit, ...]:
        return self.guard.hits(await self.inner.search(image, k * self.guard.spare), "(picture)", k)

    async def aclose(self) -> None:
        await self.inner.aclose()


class GuardedReader:
    """A page reader behind a guard: a blocked page is not even fetched."""

    def __init__(self, reader: PageReader, guard: Guard) -> None:
        self.guard = guard
        self.inner = reader

    async def read(self, url: str) -> Document | None:
        if self.guard.refuses(url):
            return not_read(url, "this site is not available here")
        page = await self.inner.read(url)
        return None if page is None else self.guard.document(page)

    async def aclose(self) -> None:
        await self.inner.aclose()
