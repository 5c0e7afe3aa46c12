"""Tavily (tavily.com): POST with a bearer key; domain and age filters of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from deepeyes.search.base import Hit
from deepeyes.search.providers.adapter import Ask, Json, Plain, Query, iso_date, items, number, text
from deepeyes.search.providers.secrets import InHeader


class Tavily(Plain):
    name = "tavily"
    variable = "TAVILY_API_KEY"
    rate = 1.5  # 100 a minute on development keys
    max_query = 400
    sign = InHeader("Authorization", "Bearer ")
    url = "https://api.tavily.com/search"

    def query(self, ask: Ask) -> Query:
        body: dict[str, Any] = {"query": ask.query, "max_results": ask.k, "search_depth": "basic"}
        if ask.freshness:
            body["time_range"] = ask.freshness
        if ask.domains:
            body["include_domains"] = list(ask.domains)
        if ask.exclude:
            body["exclude_domains"] = list(ask.exclude)
        return Query("POST", self.url, body=body)

    def read(self, data: Json, today: date) -> Sequence[Hit]:
        return [
            Hit(
                text(item, "title"),
                text(item, "url"),
                text(item, "content"),
                iso_date(item.get("published_date"), today),
                self.name,
                number(item, "score"),
            )
            for item in items(data, "results")
        ]
