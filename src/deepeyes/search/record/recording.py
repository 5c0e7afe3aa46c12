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
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar, cast

from PIL import Image

from deepeyes.core.errors import ConfigError
from deepeyes.core.images import ImageRef, image_ref, to_rgb
from deepeyes.search.base import Document, Hit, ImageSearch, PageReader, SearchUnavailable, TextSearch
from deepeyes.search.closing import close
from deepeyes.search.pages.reader import not_read
from deepeyes.search.record.keeping import Codec, Keeper, Mode, Recording
from deepeyes.search.record.tape import Kind, Tape

NOT_RECORDED = "not recorded"
"""Flag of the one result that a search gives which is not in the recording."""

_T = TypeVar("_T")


class RecordedText:
    """A text search through a recording. `live` is opened when it is first needed.

    If `params` hold a `k`, that many hits are asked for and kept, and a search gets at most the first `k`
    of them.
    """

    def __init__(
        self, recording: Recording, name: str, params: Mapping[str, Any], live: Callable[[], TextSearch]
    ) -> None:
        self.name = name
        self.recording = recording
        self._live = _Lazy(live)
        self._most = int(params.get("k", 0))
        self._keeper = Keeper(recording, name, params, _hits_codec("text", recording.tape))

    def open(self) -> None:
        """Open the live search now, so that a missing key is told at the start of a run."""
        self._live.open()

    @property
    def misses(self) -> int:
        return self._keeper.misses

    @property
    def asked(self) -> int:
        """Questions that went to the provider."""
        return self._keeper.asked

    async def search(self, query: str, k: int = 5) -> tuple[Hit, ...]:
        words = normalise(query)
        if not words:
            return ()
        most = self._most or k

        async def ask() -> tuple[Hit, ...]:
            return await self._live.get().search(query, most)

        found = await self._keeper.answer(words, ask, {"k": most})
        return _missing("search") if found is None else found[:k]

    async def aclose(self) -> None:
        await self._keeper.aclose()
        await self._live.aclose()


class RecordedImages:
    """An image search through a recording, keyed by the picture's pixels."""

    def __init__(
        self, recording: Recording, name: str, params: Mapping[str, Any], live: Callable[[], ImageSearch]
    ) -> None:
        self.name = name
        self.recording = recording
        self._live = _Lazy(live)
        self._most = int(params.get("k", 0))
        self._keeper = Keeper(recording, name, params, _hits_codec("image", recording.tape))

    def open(self) -> None:
        """Open the live search now, so that a missing key is told at the start of a run."""
        self._live.open()

    @property
    def misses(self) -> int:
        return self._keeper.misses

    @property
    def asked(self) -> int:
        return self._keeper.asked

    async def search(self, image: Image.Image, k: int = 5) -> tuple[Hit, ...]:
        most = self._most or k

        async def ask() -> tuple[Hit, ...]:
            return await self._live.get().search(image, most)

        found = await self._keeper.answer(await asyncio.to_thread(picture_key, image), ask, {"k": most})
        return _missing("picture") if found is None else found[:k]

    async def aclose(self) -> None:
        await self._keeper.aclose()
        await self._live.aclose()


class RecordedReader:
    """A page reader through a recording."""

    def __init__(self, recording: Recording, name: str, live: Callable[[], PageReader]) -> None:
        self.name = name
        self.recording = recording
        self._live = _Lazy(live)
        self._keeper = Keeper(recording, name, {}, _PAGES)

    @property
    def misses(self) -> int:
        return self._keeper.misses

    async def read(self, url: str) -> Document | None:
        async def ask() -> tuple[Document | None]:
            return (await self._live.get().read(url),)

        found = await self._keeper.answer(url.strip(), ask)
        return not_read(url, "it is not in the recording") if found is None else found[0]

    async def aclose(self) -> None:
        await self._keeper.aclose()
        await self._live.aclose()


def normalise(query: str) -> str:
    """The words of a query: compatibility forms, case and spacing do not tell two apart."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", query).casefold())
    return " ".join(folded.encode("utf-8", "replace").decode("utf-8").split())


def picture_key(image: Image.Image) -> str:
    """The name of a picture in a recording: the hash of its RGB pixels."""
    return image_ref(to_rgb(image)).sha256


def dump_hits(hits: tuple[Hit, ...], tape: Tape) -> list[dict[str, Any]]:
    """Hits as JSON, their thumbnails put beside the tape."""
    return [
        {
            "title": hit.title,
            "url": hit.url,
            "snippet": hit.snippet,
            "date": hit.date,
            "source": hit.source,
            "score": hit.score,
            "flags": list(hit.flags),
            "image": None if hit.image is None else tape.images.put(hit.image).model_dump(),
        }
        for hit in hits
    ]


def load_hits(answer: Any, tape: Tape) -> tuple[Hit, ...]:
    """The reverse of `dump_hits`. Raises `InputError` if a thumbnail is gone."""
    return tuple(
        Hit(
            str(item["title"]),
            str(item["url"]),
            str(item["snippet"]),
            str(item["date"]),
            str(item["source"]),
            float(item["score"]),
            None if item["image"] is None else tape.images.get(ImageRef(**item["image"])),
            tuple(map(str, item["flags"])),
        )
        for item in cast("list[dict[str, Any]]", answer)
    )


def _hits_codec(kind: Kind, tape: Tape) -> Codec[tuple[Hit, ...]]:
    return Codec(
        kind,
        dump=lambda hits: dump_hits(hits, tape),
        load=lambda answer: load_hits(answer, tape),
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


class _Lazy(Generic[_T]):
    """Something that is opened when it is first needed."""

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make = make
        self._made: _T | None = None

    def open(self) -> _T:
        """Raises `ConfigError`."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def get(self) -> _T:
        """The same in the middle of a run, where a missing key is a search that cannot be asked."""
        try:
            return self.open()
        except ConfigError as error:
            raise SearchUnavailable(error.message, error.remedy) from None

    async def aclose(self) -> None:
        await close(self._made)


def with_mode(recording: Recording, mode: Mode) -> Recording:
    """The same recording in another mode, as a new run."""
    return replace(recording, mode=mode, opened=time.time())
