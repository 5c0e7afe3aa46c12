"""Opened searches: an adapter and its client behind the interfaces of `search/base.py`.

What always holds: an empty query finds nothing and costs nothing; control characters never leave; the
domain filters hold for what comes back, whatever the provider made of them; `identity` is everything beside
the query that changes an answer, so it can name a recording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NoReturn

import httpx
from PIL import Image

from deepeyes.core.errors import ConfigError
from deepeyes.search.base import Hit
from deepeyes.search.guard.cleaning import clean_line
from deepeyes.search.pages.fetching import Fetcher, FetchLimits
from deepeyes.search.providers.adapter import (
    Adapter,
    Ask,
    Freshness,
    Json,
    Unreadable,
    items,
    ranked,
    text,
)
from deepeyes.search.providers.calling import ClientPolicy, HttpClient
from deepeyes.search.providers.secrets import InQuery, Secret
from deepeyes.search.providers.serpapi import SerpApi, serpapi_is_empty
from deepeyes.search.providers.thumbnails import with_thumbnails
from deepeyes.search.providers.upload import Upload, pack, tell

Transport = Callable[[], httpx.AsyncBaseTransport]


@dataclass(frozen=True)
class Terms:
    """What is asked of every query, beside its words."""

    k: int = 10
    """Hits asked of the provider at once; a search for fewer gets the first of them."""
    freshness: Freshness = ""
    domains: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class OnlineText:
    """Text search with one provider."""

    def __init__(
        self,
        adapter: Adapter,
        key: Secret,
        *,
        terms: Terms | None = None,
        policy: ClientPolicy | None = None,
        cap: int | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.name = adapter.name
        self.terms = terms or Terms()
        self._adapter = adapter
        self._client = HttpClient(
            adapter.name,
            policy or ClientPolicy(rate=adapter.rate),
            key=key,
            sign=adapter.sign,
            variable=adapter.variable,
            cap=cap,
            patience=adapter.patience,
            transport=transport,
        )

    @property
    def spent(self) -> int:
        """Calls sent so far."""
        return self._client.budget.spent

    async def search(self, query: str, k: int = 5) -> tuple[Hit, ...]:
        words = tidy_query(query, self._adapter.max_query)
        if not words or k < 1:
            return ()
        most = min(self._adapter.max_k, max(k, self.terms.k))
        ask = Ask(words, most, self.terms.freshness, self.terms.domains, self.terms.exclude)
        wire = self._adapter.query(ask)

        def read(data: Json) -> Sequence[Hit]:
            return self._adapter.read(data, _today())

        found = await self._client.call(wire.method, wire.url, read, params=wire.params, body=wire.body)
        return tuple(hit for hit in ranked(found) if ask.wants(hit.url))[:k]

    async def aclose(self) -> None:
        await self._client.aclose()


class GoogleLens:
    """Image search with Google Lens through SerpApi: the image is uploaded, then searched for by its id."""

    name = "google_lens"
    host = "serpapi.com"

    def __init__(
        self,
        key: Secret,
        *,
        upload: bool = False,
        terms: Terms | None = None,
        policy: ClientPolicy | None = None,
        cap: int | None = None,
        transport: Transport | None = None,
        fetcher: Fetcher | None = None,
    ) -> None:
        """Raises `ConfigError` unless `upload` allows sending images away."""
        if not upload:
            self.refuse()
        self.terms = terms or Terms()
        self.uploads: list[Upload] = []
        """What was sent, in order."""
        self._key = key
        self._fetcher = fetcher or Fetcher(FetchLimits(seconds=10.0, max_bytes=2**21))
        variable = SerpApi.variable
        self._client = HttpClient(
            self.name,
            policy or ClientPolicy(seconds=40.0),
            key=key,
            sign=_sign,
            variable=variable,
            cap=cap,
            transport=transport,
        )

    @classmethod
    def refuse(cls) -> NoReturn:
        """Raises the `ConfigError` that asks for permission."""
        raise ConfigError(
            f"{cls.name} sends your pictures to {cls.host}, which nobody has allowed",
            f"allow it with {cls.name}?upload=true, or use an index on this disk",
        )

    @property
    def spent(self) -> int:
        return self._client.budget.spent

    async def search(self, image: Image.Image, k: int = 5) -> tuple[Hit, ...]:
        if k < 1:
            return ()
        data, upload = pack(image, self.host)
        self._client.budget.check()
        image_id = await self._client.call(
            "POST",
            f"https://{self.host}/image",
            _image_id,
            costs=False,
            form={"api_key": self._key.reveal()},
            files={"image": ("image.jpg", data, "image/jpeg")},
        )
        self.uploads.append(upload)
        tell(upload)
        params = {"engine": "google_lens", "type": "visual_matches", "image_id": image_id, "output": "json"}
        found = await self._client.call("GET", f"https://{self.host}/search", _matches, params=params)
        return await with_thumbnails(found[:k], self._fetcher)

    async def aclose(self) -> None:
        await self._client.aclose()


_in_query = InQuery("api_key")


def _sign(request: httpx.Request, key: str) -> httpx.Request:
    """Searches carry the key as a parameter; the upload documents it as a field of its form."""
    return _in_query(request, key) if request.method == "GET" else request


def _image_id(data: Json) -> str:
    found = text(data, "image_id")
    if not found:
        raise Unreadable("an answer without image_id")
    return found


def _matches(data: Json) -> list[tuple[Hit, str]]:
    """Hits and the addresses of their thumbnails."""
    if serpapi_is_empty(data, "visual_matches"):
        return []
    found = items(data, "visual_matches")
    thumbnails = {text(item, "link"): text(item, "thumbnail", "image") for item in found}
    hits = [Hit(text(item, "title"), text(item, "link"), source=text(item, "source")) for item in found]
    return [(hit, thumbnails[hit.url]) for hit in ranked(hits)]


def identity(terms: Terms) -> dict[str, Any]:
    """What of `terms` changes an answer, as JSON."""
    return {
        "k": terms.k,
        "freshness": terms.freshness,
        "domains": sorted(terms.domains),
        "exclude": sorted(terms.exclude),
    }


def tidy_query(query: str, most: int) -> str:
    """One line without control or invisible characters, cut at a word to `most` characters."""
    words = clean_line(query[: most * 8])
    if len(words) <= most:
        return words
    edge = words.rfind(" ", 0, most + 1)
    return words[: edge if edge > most // 2 else most]


def _today() -> date:
    return datetime.now(UTC).date()
