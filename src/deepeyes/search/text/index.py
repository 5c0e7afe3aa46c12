"""Text search over documents on this disk: keywords and meanings in one order, and the pages behind them.

    index = TextIndex.open(folder)          # built by `text.build.build`, or `deepeyes search index`
    hits = await index.search("which faiths are followed in France?", k=5)
    page = await index.read(hits[0].url)

What always holds: an index is read-only and safe for threads; any query gives an answer, an empty one
nothing; what is missing (tantivy, the encoder, the vectors) is made up for by the next best and said in
`notes`.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import numpy as np

from deepeyes.core.errors import StorageError, boundary
from deepeyes.core.extras import install
from deepeyes.core.text import tidy
from deepeyes.search.base import MAX_QUERY_CHARS, Document, Hit, SearchUnavailable
from deepeyes.search.memo import Memo
from deepeyes.search.text.build import REMEDY, Manifest, build_engine, read_manifest, url_key
from deepeyes.search.text.fusion import Scores, best, fused, lexical_scores, unexplained
from deepeyes.search.text.lexical import Lexical, Matches, has_tantivy, open_lexical
from deepeyes.search.text.snippets import coverage, snippet
from deepeyes.search.text.store import Store
from deepeyes.search.text.vectors import Encoder, Vectors, load_encoder, missing_parts
from deepeyes.search.text.words import FUNCTION_WORDS, has_latin, query_words, stem, words

BUILD_DENSE = "build it again where all that search needs is installed"
DEPTH = 200
"""How many documents each keyword list has."""
MAX_HITS = 100
WORDS = 0.5
"""What all words of a query in one passage weigh against its meaning, when a snippet is chosen."""


class TextIndex:
    """An open index; close it, or use it in a `with` block. Implements `TextSearch` and `PageReader`."""

    def __init__(
        self, folder: Path, manifest: Manifest, encoder: Encoder | None, dense: bool, chars: int
    ) -> None:
        self._chars = chars
        self._lock = threading.Lock()
        self._found = Memo[tuple[Hit, ...]]()
        self._scratch: TemporaryDirectory[str] | None = None
        self.manifest = manifest
        self.name = f"index:{manifest.content}"
        home = folder / manifest.content
        self._store = Store(home)
        self._lexical = self._open_lexical(home)
        self._encoder = encoder
        self._vectors: Vectors | None = None
        self._gists = self._starts = self._rows = np.zeros(0, np.int64)
        self.notes = self._missing()
        if dense and manifest.encoder and (encoder is not None or not missing_parts()):
            with boundary(
                SearchUnavailable, f"opening {home / 'vectors'}", REMEDY, expected=(OSError, ValueError)
            ):
                self._vectors = Vectors.open(home / "vectors")
                rows = np.load(home / "vectors" / "passages.npy", allow_pickle=False)
            self._rows = rows
            self._gists = np.ascontiguousarray(rows[:, 3])
            self._starts = np.searchsorted(rows[:, 0], np.arange(manifest.documents, dtype=np.uint32))

    @classmethod
    def open(
        cls, folder: Path, *, dense: bool = True, encoder: Encoder | None = None, snippet_chars: int = 300
    ) -> TextIndex:
        """The index in `folder`; with `dense` its vectors are used, if there are any.

        Raises `SearchUnavailable` if there is none, or one of another version.
        """
        return cls(folder, read_manifest(folder), encoder, dense, snippet_chars)

    @property
    def dense(self) -> bool:
        """Whether meanings are compared, not words alone."""
        return self._vectors is not None

    @property
    def engine(self) -> str:
        return self._lexical.name

    def __len__(self) -> int:
        return self.manifest.documents

    async def search(self, query: str, k: int = 5) -> tuple[Hit, ...]:
        return await asyncio.to_thread(self.find, query, k)

    async def read(self, url: str) -> Document | None:
        return await asyncio.to_thread(self.document, url)

    def document(self, url: str) -> Document | None:
        """The document of this address."""
        return self._store.find(url, url_key(url))

    def warm(self) -> None:
        """Load what the first search would load."""
        self.find("warm", 1)

    def find(self, query: str, k: int = 5) -> tuple[Hit, ...]:
        """`search`, for callers without an event loop."""
        query, k = tidy(query, MAX_QUERY_CHARS), max(0, min(k, MAX_HITS))
        wanted = query_words(query)
        if not wanted or not k:
            return ()
        return self._found.get((query, k), lambda: self._best(query, k, wanted))

    def _best(self, query: str, k: int, wanted: tuple[str, ...]) -> tuple[Hit, ...]:
        matches = self._lexical.search(query, DEPTH)
        similar = self._similarities(query, matches)
        if similar is None:
            scores = lexical_scores(matches, len(self))
        else:
            scores = fused(matches, np.maximum.reduceat(similar, self._starts))
        return tuple(self._hit(number, float(scores[number]), wanted, similar) for number in best(scores, k))

    def close(self) -> None:
        self._lexical.close()
        self._store.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    async def aclose(self) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _similarities(self, query: str, matches: Matches) -> Scores | None:
        """(passages,): the similarity in meaning of each passage to the query; None without vectors, and for
        a query in a script that the encoder cannot read.

        Where a title matched, its words are left out of the query first: all passages of that page are about
        it, and only the rest of the query tells them apart.
        """
        if self._vectors is None or not has_latin(query):
            return None
        asked = query
        if matches.title:
            title = self._store[matches.title[0][0]].title
            asked = unexplained(self._lexical.stems(query), self._lexical.stems(title))
        if not asked:
            return np.zeros(len(self._gists), np.float32)
        return self._vectors.similarities(self._encoding(asked))[self._gists]

    def _encoding(self, text: str) -> Any:
        if self._encoder is None:
            with self._lock:
                self._encoder = self._encoder or load_encoder()
        return self._encoder.encode([text])[0]

    def _hit(self, number: int, score: float, wanted: tuple[str, ...], similar: Scores | None) -> Hit:
        document = self._store[number]
        within = None if similar is None else self._passage(number, document, wanted, similar)
        if within is not None:  # what the whole page is about tells nothing of where in the passage to look
            idle = {*FUNCTION_WORDS, *map(stem, words(document.title))}
            wanted = tuple(word for word in wanted if not idle & {word, stem(word)})
        shown = snippet(document.text, wanted, self._chars, within=within)
        return Hit(document.title, document.url, shown, document.date, document.source, score)

    def _passage(
        self, number: int, document: Document, wanted: tuple[str, ...], similar: Scores
    ) -> tuple[int, int] | None:
        """(start, end) of the passage that meaning and words together point to; None if nothing does."""
        low = int(self._starts[number])
        high = int(self._starts[number + 1]) if number + 1 < len(self._starts) else len(similar)
        spans: list[tuple[int, int]] = self._rows[low:high, 1:3].tolist()
        shares = np.array(coverage(document.text, wanted, spans), np.float32)
        points = np.maximum(similar[low:high], 0.0) + WORDS * shares
        return spans[int(np.argmax(points))] if points.max() > 0 else None

    def _open_lexical(self, home: Path) -> Lexical:
        """The engine that is installed; its index is made now if another one was built."""
        engine = "tantivy" if has_tantivy() else "fts5"
        try:
            return open_lexical(engine, build_engine(self._store, home, engine))
        except (StorageError, OSError):  # a place that cannot be written, or a full one
            return self._in_scratch(engine)

    def _in_scratch(self, engine: str) -> Lexical:
        self._scratch = TemporaryDirectory(prefix="deepeyes-index-")
        return open_lexical(engine, build_engine(self._store, Path(self._scratch.name), engine))

    def _missing(self) -> tuple[str, ...]:
        notes: list[str] = []
        if self._lexical.name != "tantivy":
            notes.append(f"tantivy is not installed, SQLite searches instead: {install('search')}")
        if not self.manifest.encoder:
            notes.append(f"this index has no vectors, only words are compared: {BUILD_DENSE}")
        elif missing_parts() and self._encoder is None:
            lacking = ", ".join(missing_parts())
            notes.append(f"only words are compared ({lacking} missing): {install('search')}")
        return tuple(notes)


def parts_report() -> list[tuple[str, bool, str]]:
    """(part, whether it is here, remedy) for `deepeyes doctor`."""
    remedy = install("search")
    lacking = missing_parts()
    words = "" if has_tantivy() else f"{remedy} (until then SQLite searches)"
    meaning = (
        f"{remedy} (missing: {', '.join(lacking)}; until then only words are compared)" if lacking else ""
    )
    return [("keywords (tantivy)", not words, words), ("meanings (MiniLM)", not meaning, meaning)]
