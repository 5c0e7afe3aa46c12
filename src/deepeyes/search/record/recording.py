"""Record and replay: the same question gets the same answer, here, on another machine, next year.

Training, tests and published scores must not depend on what the web says today, and a group of rollouts
that asks the same thing sixteen times should pay once. A recording is content-addressed: an answer is found
by the normalised words or the pixels that were asked about, the provider, what else was asked of it, and
the name of the snapshot.

| mode | recorded | not recorded |
|---|---|---|
| `live` | asked again, not written | asked, not written |
| `record` | asked again once per run, written | asked, written |
| `replay` | given | the model is told that it is not recorded; never the network |
| `replay-or-live` | given (finding nothing counts for `empty_seconds`) | asked, written |

What always holds: in `replay` nothing is opened, no key is read; a miss is a result with the flag
`NOT_RECORDED`, not an exception; failures are never recorded; equal questions at the same time, in one
process or many, are asked once.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar, cast

from PIL import Image

from deepeyes.core.errors import ConfigError
from deepeyes.core.images import ImageRef, image_ref, to_rgb
from deepeyes.search.base import Document, Hit, ImageSearch, PageReader, SearchUnavailable, TextSearch
from deepeyes.search.pages.reader import not_read
from deepeyes.search.record.cached_ask import CachedAsk, Codec, Recording
from deepeyes.search.record.cassette import Cassette, Kind

NOT_RECORDED = "not recorded"
"""Flag of the one result that a search gives which is not in the recording."""

_T = TypeVar("_T", TextSearch, ImageSearch, PageReader)
_A = TypeVar("_A")


class _Recorded(Generic[_T, _A]):
    """A `_T` that answers with `_A`s, through a recording. `live` is opened when it is first needed."""

    def __init__(
        self,
        recording: Recording,
        name: str,
        params: Mapping[str, Any],
        live: Callable[[], _T],
        codec: Codec[_A],
    ) -> None:
        self.name = name
        self.recording = recording
        self._make = live
        self._live: _T | None = None
        self._cached = CachedAsk(recording, name, params, codec)

    @property
    def misses(self) -> int:
        return self._cached.misses

    @property
    def asked(self) -> int:
        """Questions that went to the provider."""
        return self._cached.asked

    def open(self) -> _T:
        """The live one, opened; called at the start of a run it tells a missing key then. Raises
        `ConfigError`.
        """
        if self._live is None:
            self._live = self._make()
        return self._live

    async def aclose(self) -> None:
        await self._cached.aclose()
        if self._live is not None:
            await self._live.aclose()

    def _opened(self) -> _T:
        """The same in the middle of a run, where a missing key is a search that cannot be asked."""
        try:
            return self.open()
        except ConfigError as error:
            raise SearchUnavailable(error.message, error.remedy) from None


class _RecordedSearch(_Recorded[_T, tuple[Hit, ...]]):
    """If `params` hold a `k`, that many hits are asked for and kept, and a search gets at most the first `k`
    of them.
    """

    _kind: ClassVar[Kind]

    def __init__(
        self, recording: Recording, name: str, params: Mapping[str, Any], live: Callable[[], _T]
    ) -> None:
        super().__init__(recording, name, params, live, _hits_codec(self._kind, recording.cassette))
        self._most = int(params.get("k", 0))

    async def _hits(
        self, key: str, k: int, ask: Callable[[_T, int], Awaitable[tuple[Hit, ...]]]
    ) -> tuple[Hit, ...] | None:
        """The best `k` hits for what `key` names; None if they are not recorded."""
        most = self._most or k

        async def ask_live() -> tuple[Hit, ...]:
            return await ask(self._opened(), most)

        found = await self._cached.answer(key, ask_live, {"k": most})
        return None if found is None else found[:k]


class RecordedText(_RecordedSearch[TextSearch]):
    """A text search through a recording, keyed by the words."""

    _kind = "text"

    async def search(self, query: str, k: int = 5) -> tuple[Hit, ...]:
        words = normalise(query)
        if not words:
            return ()
        found = await self._hits(words, k, lambda live, most: live.search(query, most))
        return _missing("search") if found is None else found


class RecordedImages(_RecordedSearch[ImageSearch]):
    """An image search through a recording, keyed by the image's pixels."""

    _kind = "image"

    async def search(self, image: Image.Image, k: int = 5) -> tuple[Hit, ...]:
        key = await asyncio.to_thread(image_key, image)
        found = await self._hits(key, k, lambda live, most: live.search(image, most))
        return _missing("picture") if found is None else found


class RecordedReader(_Recorded[PageReader, tuple[Document | None]]):
    """A page reader through a recording."""

    def __init__(self, recording: Recording, name: str, live: Callable[[], PageReader]) -> None:
        super().__init__(recording, name, {}, live, _PAGES)

    async def read(self, url: str) -> Document | None:
        async def ask_live() -> tuple[Document | None]:
            return (await self._opened().read(url),)

        found = await self._cached.answer(url.strip(), ask_live)
        return not_read(url, "it is not in the recording") if found is None else found[0]


def normalise(query: str) -> str:
    """The words of a query: compatibility forms, case and spacing do not tell two apart."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", query).casefold())
    return " ".join(folded.encode("utf-8", "replace").decode("utf-8").split())


def image_key(image: Image.Image) -> str:
    """The name of an image in a recording: the hash of its RGB pixels."""
    return image_ref(to_rgb(image)).sha256


def _dump_hits(hits: tuple[Hit, ...], cassette: Cassette) -> list[dict[str, Any]]:
    """Hits as JSON, their thumbnails put beside the cassette."""
    return [
        {
            "title": hit.title,
            "url": hit.url,
            "snippet": hit.snippet,
            "date": hit.date,
            "source": hit.source,
            "score": hit.score,
            "flags": list(hit.flags),
            "image": None if hit.image is None else cassette.images.put(hit.image).model_dump(),
        }
        for hit in hits
    ]


def _load_hits(answer: Any, cassette: Cassette) -> tuple[Hit, ...]:
    """The reverse of `_dump_hits`. Raises `InputError` if a thumbnail is gone."""
    return tuple(
        Hit(
            str(item["title"]),
            str(item["url"]),
            str(item["snippet"]),
            str(item["date"]),
            str(item["source"]),
            float(item["score"]),
            None if item["image"] is None else cassette.images.get(ImageRef(**item["image"])),
            tuple(map(str, item["flags"])),
        )
        for item in cast("list[dict[str, Any]]", answer)
    )


def _hits_codec(kind: Kind, cassette: Cassette) -> Codec[tuple[Hit, ...]]:
    return Codec(
        kind,
        dump=lambda hits: _dump_hits(hits, cassette),
        load=lambda answer: _load_hits(answer, cassette),
        is_empty=lambda hits: not hits,
    )


def _dump_page(pages: tuple[Document | None]) -> Any:
    page = pages[0]
    if page is None:
        return None
    return {"url": page.url, "title": page.title, "text": page.text, "date": page.date, "source": page.source}


def _load_page(answer: Any) -> tuple[Document | None]:
    return (None if answer is None else Document(**answer),)


_PAGES: Codec[tuple[Document | None]] = Codec(
    "page", _dump_page, _load_page, is_empty=lambda pages: pages[0] is None
)


def _missing(what: str) -> tuple[Hit, ...]:
    say = (
        f"This {what} is not in the recording, so nothing is known about it. Try another, or answer without."
    )
    return (Hit("Not in the recording", "", say, flags=(NOT_RECORDED,)),)
