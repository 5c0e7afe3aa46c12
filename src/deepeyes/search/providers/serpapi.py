"""SerpApi (serpapi.com): Google results by GET. Its documentation knows the key as a parameter only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, cast

from deepeyes.search.base import Hit
from deepeyes.search.providers.adapter import Ask, Declined, Json, Plain, Query, iso_date, items, text
from deepeyes.search.providers.secrets import InQuery
from deepeyes.search.providers.serper import QDR

_NOTHING = re.compile(r"hasn'?t returned any results|no results", re.IGNORECASE)


class SerpApi(Plain):
    name = "serpapi"
    variable = "SERPAPI_API_KEY"
    rate = 1.0
    max_k = 100
    sign = InQuery("api_key")
    url = "https://serpapi.com/search"

    def query(self, ask: Ask) -> Query:
        params = {"engine": "google", "q": ask.with_operators(), "num": str(ask.k), "output": "json"}
        if ask.freshness:
            params["tbs"] = QDR[ask.freshness]
        return Query("GET", self.url, params)

    def read(self, data: Json, today: date) -> Sequence[Hit]:
        if serpapi_is_empty(data, "organic_results"):
            return ()
        return [
            Hit(
                text(item, "title"),
                text(item, "link"),
                text(item, "snippet"),
                iso_date(item.get("date"), today),
                self.name,
            )
            for item in items(data, "organic_results")
        ]


def serpapi_is_empty(data: Json, results: str) -> bool:
    """Whether the search worked and found nothing. Raises `Declined` if it did not work.

    SerpApi reports both in `error`; a search that found nothing has the status Success.
    """
    if isinstance(data.get(results), list):
        return False
    metadata = data.get("search_metadata")
    status = cast("dict[str, Any]", metadata).get("status") if isinstance(metadata, dict) else None
    error = text(data, "error")
    if status == "Success" or (status is None and _NOTHING.search(error)):
        return True
    if error or status is not None:
        raise Declined(error or f"status {status}", passing=True)
    return False
