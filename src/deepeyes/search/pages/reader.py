"""The page reader: readable text from an address that a model chose.

What always holds: `fetching.py` decides what may be fetched; script, style, navigation and hidden parts are
not text; a page that cannot be read is an answer that says why, never an exception, because the model chose
the address; only what may pass by itself (a busy site, a broken line) is `SearchUnavailable`, unless `tell`
is set, which training wants: else a model could leave an episode unscored by opening a page that hangs.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable

from deepeyes.core.errors import ConfigError, InputError, boundary
from deepeyes.core.extras import install
from deepeyes.core.retrying import RetryPolicy, TryAgain, retry
from deepeyes.core.text import encodable
from deepeyes.search.base import NOT_READ, Document, SearchUnavailable
from deepeyes.search.pages.addresses import Resolver, system_resolver
from deepeyes.search.pages.fetching import Fetched, Fetcher, FetchLimits, Problem

_KINDS = ("text/", "application/xhtml+xml", "application/xml", "application/json")
_RETRY = RetryPolicy(retries=1, first_wait=0.5, longest_wait=20.0, leave_if_longer=True)
"""Two attempts and the wait between them fit into the time that a tool has."""


class WebReader:
    """Opens single pages on the public web."""

    def __init__(
        self,
        limits: FetchLimits | None = None,
        *,
        tell: bool = False,
        resolve: Resolver = system_resolver,
    ) -> None:
        self._extract = _extractor()
        self._fetcher = Fetcher(limits, resolve=resolve)
        self._tell = tell

    async def read(self, url: str) -> Document | None:
        """The page's text; None where there is no such page; a document with source `NOT_READ` that says why
        where it cannot be read. Raises `SearchUnavailable` for what may pass (see `tell`).
        """

        async def attempt() -> Document | None:
            try:
                fetched = await self._fetcher.get(url.strip(), _KINDS)
            except Problem as problem:
                if problem.missing:
                    return None
                if not problem.passing:
                    return not_read(url, str(problem))
                raise TryAgain(str(problem), problem.wait) from None
            return await asyncio.to_thread(self._document, url, fetched)

        try:
            return await retry(attempt, _RETRY)
        except TryAgain as problem:
            if self._tell:
                return not_read(url, str(problem))
            raise SearchUnavailable(
                f"a page could not be opened: {problem}", "try again later, or replay a recording"
            ) from None

    async def aclose(self) -> None:
        """No connection outlives its page."""

    def _document(self, url: str, fetched: Fetched) -> Document:
        if fetched.kind not in ("text/html", "application/xhtml+xml") and not _looks_like_html(fetched.data):
            return _document(url, fetched.url, "", _decoded(fetched), "")
        # The parsers below trafilatura raise anything on hostile pages; the block holds their call alone.
        try:
            with boundary(InputError, "reading the page", expected=Exception):
                page = self._extract(_decoded(fetched) if fetched.charset else fetched.data, fetched.url)
        except InputError:
            page = None
        if page is None:
            return not_read(url, "no readable text was found on it")
        return _document(url, fetched.url, page[0], page[1], page[2])


def not_read(url: str, why: str) -> Document:
    """The document that tells a model why it gets no page."""
    return Document(url, "This page could not be read", f"The page was not opened: {why}.", source=NOT_READ)


def _document(url: str, final: str, title: str, text: str, date: str) -> Document:
    text = encodable(text).strip()
    if not text:
        return not_read(url, "it is empty")
    return Document(url, encodable(title).strip() or final, text, date, final)


def _decoded(fetched: Fetched) -> str:
    try:
        return fetched.data.decode(fetched.charset or "utf-8", "replace")
    except (LookupError, UnicodeError, ValueError):
        return fetched.data.decode("utf-8", "replace")


def _looks_like_html(data: bytes) -> bool:
    head = data[:1024].lstrip().lower()
    return head.startswith((b"<!doctype html", b"<html"))


_Extract = Callable[[bytes | str, str], tuple[str, str, str] | None]


def _extractor() -> _Extract:
    """Page bytes and address to (title, text, date), by trafilatura. Raises `ConfigError` without it."""
    with boundary(
        ConfigError,
        "loading trafilatura, which finds the text on a page,",
        f"install what search needs: {install('search')}",
        expected=ImportError,
    ):
        trafilatura = importlib.import_module("trafilatura")

    def extract(data: bytes | str, url: str) -> tuple[str, str, str] | None:
        found = trafilatura.bare_extraction(data, url=url, with_metadata=True, include_comments=False)
        if found is None or not found.text:
            return None
        return str(found.title or ""), str(found.text), str(found.date or "")

    return extract
