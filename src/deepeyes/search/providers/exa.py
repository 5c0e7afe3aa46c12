"""Exa (exa.ai): POST, the key in a header; the snippet is what it highlights on the page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from deepeyes.search.base import Hit
from deepeyes.search.providers.adapter import Ask, Json, Plain, Query, iso_date, items, number, text
from deepeyes.search.providers.secrets import InHeader

_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}


class Exa(Plain):
    name = "exa"
    variable = "EXA_API_KEY"
    rate = 5.0
    max_k = 100
    sign = InHeader("x-api-key")
    url = "https://api.exa.ai/search"

    def query(self, ask: Ask) -> Query:
        body: dict[str, Any] = {"query": ask.query, "numResults": ask.k, "contents": {"highlights": True}}
        if ask.freshness:
            start = datetime.now(UTC) - timedelta(days=_DAYS[ask.freshness])
            body["startPublishedDate"] = start.strftime("%Y-%m-%dT00:00:00.000Z")
        if ask.domains:
            body["includeDomains"] = list(ask.domains)
        if ask.exclude:
            body["excludeDomains"] = list(ask.exclude)
        return Query("POST", self.url, body=body)

    def read(self, data: Json, today: date) -> Sequence[Hit]:
        return [
            Hit(
                text(item, "title") or text(item, "url"),
                text(item, "url"),
                _highlights(item) or text(item, "text")[:1000],
                iso_date(item.get("publishedDate"), today),
                self.name,
                number(item, "score"),
            )
            for item in items(data, "results")
        ]


def _highlights(item: Json) -> str:
    found = item.get("highlights")
    parts = cast("list[Any]", found) if isinstance(found, list) else []
    return " ... ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())
