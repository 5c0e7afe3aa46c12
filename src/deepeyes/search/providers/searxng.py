"""SearXNG, a metasearch engine that one hosts oneself.

Its address is in SEARXNG_URL; a user and password in it become a header and are treated as a key.

Its upstream engines get blocked: an answer without results in which engines failed says nothing about the
web, so it counts as a failure and never as "nothing found".
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from datetime import date
from typing import Any, Self, cast
from urllib.parse import unquote

import httpx

from deepeyes.core.errors import ConfigError
from deepeyes.search.base import Hit
from deepeyes.search.providers.adapter import Ask, Declined, Json, Plain, Query, iso_date, items, number, text
from deepeyes.search.providers.secrets import InHeader, Secret, Sign


class Searxng(Plain):
    name = "searxng"
    variable = "SEARXNG_URL"
    rate = 1.0
    max_k = 20

    def __init__(self, url: str, sign: Sign | None = None) -> None:
        self.url = url
        self.sign = sign

    @classmethod
    def opened(cls) -> tuple[Self, Secret]:
        """The adapter for SEARXNG_URL and what must be hidden of it. Raises `ConfigError`."""
        url, sign, secret = _read_address()
        return cls(url, sign), secret

    def query(self, ask: Ask) -> Query:
        params = {"q": ask.with_operators(), "format": "json"}
        if ask.freshness:
            # The API documents day, month and year; hits older than a week are better than none.
            params["time_range"] = "month" if ask.freshness == "week" else ask.freshness
        return Query("GET", self.url, params)

    def read(self, data: Json, today: date) -> Sequence[Hit]:
        found = items(data, "results")
        failed = data.get("unresponsive_engines")
        if not found and isinstance(failed, list) and failed:
            raise Declined(_engines(cast("list[Any]", failed)), passing=False)
        return [
            Hit(
                text(item, "title"),
                text(item, "url"),
                text(item, "content"),
                iso_date(item.get("publishedDate"), today),
                self.name,
                number(item, "score"),
            )
            for item in found
        ]


def _read_address() -> tuple[str, Sign | None, Secret]:
    """The address to ask, how to sign what is sent to it, and what must be hidden of it."""
    given = os.environ.get(Searxng.variable, "").strip()
    remedy = "export SEARXNG_URL=http://127.0.0.1:8080"
    if not given:
        raise ConfigError("searxng needs an address and SEARXNG_URL is not set", remedy)
    try:
        url = httpx.URL(given)
    except (httpx.InvalidURL, ValueError):
        raise ConfigError("SEARXNG_URL is not an address", remedy) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError("SEARXNG_URL is not an http or https address", remedy)
    secret, sign = Secret(), None
    if url.userinfo:
        pair = unquote(url.userinfo.decode("ascii"))
        encoded = base64.b64encode(pair.encode()).decode()
        secret = Secret(encoded, also=[part for part in (pair, pair.partition(":")[2]) if len(part) > 3])
        sign = InHeader("Authorization", "Basic ")
    port = f":{url.port}" if url.port else ""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}{port}{url.path.rstrip('/')}/search", sign, secret


def _engines(failed: list[Any]) -> str:
    pairs = [cast("list[Any]", pair) for pair in failed if isinstance(pair, list)]
    named = [" ".join(str(part) for part in pair[:2]) for pair in pairs][:4]
    return "no results, and its engines failed: " + ", ".join(named)
