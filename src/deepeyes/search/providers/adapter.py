"""What a provider's adapter is: how it is asked, and how its answer is read. No I/O; it never holds its key.

What always holds: `read` gives hits or raises; an answer that is JSON but not of the documented shape is
`Unreadable`, never an empty result, because "nothing found" is something a model acts on.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Protocol, Self, cast
from urllib.parse import urlsplit

import httpx

from deepeyes.search.base import Hit
from deepeyes.search.providers.secrets import Secret, Sign, read_key

Freshness = Literal["", "day", "week", "month", "year"]
Json = Mapping[str, Any]


class Unreadable(Exception):
    """The provider's answer is not what its documentation promises."""


class Declined(Exception):
    """The provider answers, but says that it could not search. `passing` if asking again may help."""

    def __init__(self, what: str, *, passing: bool) -> None:
        super().__init__(what)
        self.passing = passing


@dataclass(frozen=True)
class Ask:
    """One question: `k` hits about `query`, no older than `freshness`, from or without domains."""

    query: str
    k: int = 10
    freshness: Freshness = ""
    domains: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def with_operators(self) -> str:
        """The query with its domain filters as the `site:` operators that most engines know."""
        words = [self.query]
        if self.domains:
            sites = " OR ".join(f"site:{domain}" for domain in self.domains)
            words.append(f"({sites})" if len(self.domains) > 1 else sites)
        words.extend(f"-site:{domain}" for domain in self.exclude)
        return " ".join(words)

    def wants(self, url: str) -> bool:
        """Whether a hit passes the domain filters, whatever the provider made of them."""
        host = (urlsplit(url).hostname or "").lower()

        def within(domain: str) -> bool:
            return host == domain or host.endswith("." + domain)

        return (not self.domains or any(map(within, self.domains))) and not any(map(within, self.exclude))


@dataclass(frozen=True)
class Query:
    """A request without its key."""

    method: Literal["GET", "POST"]
    url: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Json | None = None


class Adapter(Protocol):
    """A provider of text search."""

    @property
    def name(self) -> str: ...
    @property
    def variable(self) -> str:
        """The environment variable that holds its key (or its address)."""
        ...

    @property
    def rate(self) -> float:
        """Requests a second that its smallest plan allows."""
        ...

    @property
    def max_k(self) -> int: ...
    @property
    def max_query(self) -> int:
        """Characters of a query that it takes; longer ones are cut at a word."""
        ...

    @property
    def sign(self) -> Sign | None: ...

    @classmethod
    def opened(cls) -> tuple[Self, Secret]:
        """The adapter and its key, read from the environment. Raises `ConfigError`."""
        ...

    def query(self, ask: Ask) -> Query: ...

    def read(self, data: Json, today: date) -> Sequence[Hit]:
        """Best first. Raises `Unreadable` or `Declined`."""
        ...

    def patience(self, headers: httpx.Headers) -> float | None:
        """Seconds a 429 asks to wait by means of its own, beside Retry-After."""
        ...


class Plain:
    """What adapters share unless they say otherwise."""

    name: str
    variable: str
    max_k: int = 20
    max_query: int = 2000

    @classmethod
    def opened(cls) -> tuple[Self, Secret]:
        """The adapter and its key, read from the environment. Raises `ConfigError`."""
        return cls(), read_key(cls.name, cls.variable)

    def patience(self, headers: httpx.Headers) -> float | None:
        return None


def items(data: Json, *path: str) -> list[Json]:
    """The list of objects at `path`; raises `Unreadable` if it is anything else. Entries that are no objects
    are left out.
    """
    here: Any = data
    for key in path:
        here = cast("Json", here).get(key) if isinstance(here, Mapping) else None
    if not isinstance(here, list):
        raise Unreadable(f"an answer without {'.'.join(path)}")
    return [cast("Json", item) for item in cast("list[Any]", here) if isinstance(item, Mapping)]


def text(item: Json, *keys: str) -> str:
    """The first of `keys` that holds text, with entities and highlighting tags resolved."""
    for key in keys:
        value = item.get(key)
        if isinstance(value, str) and value.strip():
            return html.unescape(_TAG.sub("", value)).strip()
    return ""


_TAG = re.compile(r"</?(?:strong|em|b|i|mark|span|br)\b[^<>]{0,100}>", re.IGNORECASE)


def ranked(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """Hits with an address, each once, with 1 / rank as score where the provider gives none."""
    seen: set[str] = set()
    kept: list[Hit] = []
    for hit in hits:
        if hit.url.startswith(("http://", "https://")) and hit.url not in seen:
            seen.add(hit.url)
            kept.append(hit if hit.score else replace(hit, score=1.0 / (len(kept) + 1)))
    return tuple(kept)


def number(item: Json, key: str) -> float:
    value = item.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


_DAYS = {
    "second": 0,
    "sec": 0,
    "minute": 0,
    "min": 0,
    "hour": 0,
    "day": 1,
    "week": 7,
    "month": 30,
    "year": 365,
}
_AGO = re.compile(r"(\d{1,4})\s+(second|sec|minute|min|hour|day|week|month|year)s?\s+ago", re.IGNORECASE)
_FORMS = ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%Y/%m/%d", "%m/%d/%Y")


def iso_date(value: object, today: date) -> str:
    """A provider's date as ISO 8601, by day; empty if it is none. "2 days ago" is counted from `today`."""
    words = value.strip() if isinstance(value, str) else ""
    if re.match(r"\d{4}-\d{2}-\d{2}", words):
        return words[:10]
    if re.fullmatch(r"\d{4}", words):
        return words
    if ago := _AGO.search(words):
        days = int(ago[1]) * _DAYS[ago[2].lower()]
        return (today - timedelta(days=min(days, 36_500))).isoformat()
    for form in _FORMS:
        try:
            return datetime.strptime(words, form).date().isoformat()
        except ValueError:
            continue
    try:
        return parsedate_to_datetime(words).date().isoformat()
    except (ValueError, TypeError, IndexError):
        return ""
