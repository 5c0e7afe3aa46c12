"""Brave Search (api.search.brave.com): GET, the key in a header, rate windows in X-RateLimit headers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import httpx

from deepeyes.search.base import Hit
from deepeyes.search.providers.adapter import Ask, Json, Plain, Query, iso_date, items, text
from deepeyes.search.providers.secrets import InHeader

_FRESHNESS = {"day": "pd", "week": "pw", "month": "pm", "year": "py"}


class Brave(Plain):
    name = "brave"
    variable = "BRAVE_API_KEY"
    rate = 1.0
    max_query = 400
    sign = InHeader("X-Subscription-Token")
    url = "https://api.search.brave.com/res/v1/web/search"

    def query(self, ask: Ask) -> Query:
        params = {
            "q": ask.with_operators(),
            "count": str(ask.k),
            "result_filter": "web",
            "text_decorations": "false",
        }
        if ask.freshness:
            params["freshness"] = _FRESHNESS[ask.freshness]
        return Query("GET", self.url, params)

    def read(self, data: Json, today: date) -> Sequence[Hit]:
        if "web" not in data and data.get("type") == "search":
            return ()  # sections without results are left out of the answer
        return [
            Hit(
                text(item, "title"),
                text(item, "url"),
                text(item, "description"),
                iso_date(item.get("page_age") or item.get("age"), today),
                self.name,
            )
            for item in items(data, "web", "results")
        ]

    def patience(self, headers: httpx.Headers) -> float | None:
        """Each window has its own figure ("1, 1419704"); those with nothing remaining hold us back."""
        try:
            left = [float(part) for part in headers.get("x-ratelimit-remaining", "").split(",")]
            reset = [float(part) for part in headers.get("x-ratelimit-reset", "").split(",")]
        except ValueError:
            return None
        spent = [seconds for remaining, seconds in zip(left, reset, strict=False) if remaining <= 0]
        return max(spent, default=None)
