"""Serper (serper.dev): Google results by POST, the key in a header."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from deepeyes.search.base import Hit
from deepeyes.search.providers.adapter import Ask, Json, Plain, Query, iso_date, items, text
from deepeyes.search.providers.secrets import InHeader

QDR = {"day": "qdr:d", "week": "qdr:w", "month": "qdr:m", "year": "qdr:y"}
"""Google's `tbs` values for "no older than"."""


class Serper(Plain):
    name = "serper"
    variable = "SERPER_API_KEY"
    rate = 5.0
    max_k = 100
    sign = InHeader("X-API-KEY")
    url = "https://google.serper.dev/search"

    def query(self, ask: Ask) -> Query:
        body: dict[str, Any] = {"q": ask.with_operators(), "num": ask.k}
        if ask.freshness:
            body["tbs"] = QDR[ask.freshness]
        return Query("POST", self.url, body=body)

    def read(self, data: Json, today: date) -> Sequence[Hit]:
        if "organic" not in data and isinstance(data.get("searchParameters"), dict):
            return ()  # the answer to a query that finds nothing has no list at all
        return [
            Hit(
                text(item, "title"),
                text(item, "link"),
                text(item, "snippet"),
                iso_date(item.get("date"), today),
                self.name,
            )
            for item in items(data, "organic")
        ]
