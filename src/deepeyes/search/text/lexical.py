"""The two keyword engines: tantivy, and SQLite's FTS5 where tantivy is not installed.

Both keep titles and texts as separate fields and answer with two lists of (document number, score): how
much of the query the title covers and how much the text does. A score is BM25 over what a perfect match
would have, so it lies between 0 and about 1 and means the same for every query and either field. What
always holds: both are read-only once built and safe for threads; a query of a thousand different scripts is
bounded by `words`.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from deepeyes.core.errors import boundary
from deepeyes.core.files import replaced_file, replaced_folder
from deepeyes.search.base import SearchUnavailable
from deepeyes.search.text.words import fold, query_words, telling

Scored = list[tuple[int, float]]
Fields = Iterable[tuple[str, str]]
"""(title, text) of every document, in the order of their numbers."""

FIELDS = ("title", "text")
_K1 = 2.2
"""What the best possible occurrence of a word counts, times its rarity (BM25 with k1 = 1.2)."""
_THERE = 0.95
"""How much of a title's score does not depend on the title's length."""
_BROKEN = "delete the folder and build the index again with: deepeyes search index"
_WRITER_BYTES = 60_000_000


@dataclass(frozen=True)
class Matches:
    """Best first, by title and by text."""

    title: Scored
    text: Scored


class Lexical(Protocol):
    @property
    def name(self) -> str: ...

    def search(self, query: str, depth: int) -> Matches:
        """The `depth` best documents by title and by text."""
        ...

    def stems(self, text: str) -> list[tuple[str, str]]:
        """(word as written in `text`, folded; its stem) in order."""
        ...

    def close(self) -> None: ...


def has_tantivy() -> bool:
    return find_spec("tantivy") is not None


def rarity(documents: int, having: int) -> float:
    """The weight of a word that `having` of `documents` hold (BM25's inverse document frequency)."""
    return math.log(1 + (documents - having + 0.5) / (having + 0.5))


class Tantivy:
    """A tantivy index of numbered documents; their texts are kept elsewhere."""

    name = "tantivy"

    def __init__(self, folder: Path) -> None:
        import tantivy

        self._t = tantivy
        self._analyzer = _analyzer(tantivy)
        with boundary(SearchUnavailable, f"opening {folder}", _BROKEN, expected=(ValueError, OSError)):
            index = tantivy.Index.open(str(folder))
            index.register_tokenizer("words", _analyzer(tantivy))
        self._schema = index.schema
        self._searcher = index.searcher()
        self._count = self._searcher.num_docs

    @classmethod
    def build(cls, folder: Path, fields: Fields) -> None:
        """Write the index to the empty `folder`."""
        import tantivy

        schema = tantivy.SchemaBuilder().add_unsigned_field("number", fast=True)
        for name in FIELDS:
            schema = schema.add_text_field(name, tokenizer_name="words", index_option="freq")
        index = tantivy.Index(schema.build(), path=str(folder))
        index.register_tokenizer("words", _analyzer(tantivy))
        writer = index.writer(_WRITER_BYTES, 1)
        for number, (title, text) in enumerate(fields):
            document = tantivy.Document()
            document.add_unsigned("number", number)
            document.add_text("title", fold(title))
            document.add_text("text", fold(text))
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()

    def search(self, query: str, depth: int) -> Matches:
        wanted = " ".join(telling(query_words(query)))
        stems = list(dict.fromkeys(stem for _, stem in self.stems(wanted)))
        return Matches(*(self._field(name, stems, depth) for name in FIELDS))

    def stems(self, text: str) -> list[tuple[str, str]]:
        return [(word, stem) for word in fold(text).split() for stem in self._analyzer.analyze(word)]

    def close(self) -> None:
        return None

    def _field(self, name: str, stems: Sequence[str], depth: int) -> Scored:
        having = {stem: self._searcher.doc_freq(name, stem) for stem in stems}
        perfect = sum(_K1 * rarity(self._count, count) for count in having.values() if count)
        if not perfect:
            return []
        make, wanted = self._t.Query, list[Any]()
        for stem in (stem for stem in stems if having[stem]):
            term = make.term_query(self._schema, name, stem, "freq")
            wanted.append((self._t.Occur.Should, term))
            if name == "title":  # that it is there counts, the other words of the title hardly
                there = make.const_score_query(term, _THERE * _K1 * rarity(self._count, having[stem]))
                wanted[-1] = (self._t.Occur.Should, make.boost_query(term, 1 - _THERE))
                wanted.append((self._t.Occur.Should, there))
        hits = self._searcher.search(make.boolean_query(wanted), depth, count=False).hits
        numbers = self._searcher.fast_field_values("number", [address for _, address in hits])
        return [
            (int(number or 0), float(score) / perfect)
            for (score, _), number in zip(hits, numbers, strict=True)
        ]


class Fts5:
    """The same over SQLite, whose full-text index comes with Python."""

    name = "fts5"

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        with boundary(SearchUnavailable, f"opening {path}", _BROKEN, expected=sqlite3.Error):
            self._count = int(self._db().execute("SELECT count(*) FROM docs_docsize").fetchone()[0])

    @classmethod
    def build(cls, path: Path, fields: Fields) -> None:
        """Write the index to the file `path`."""
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute("PRAGMA journal_mode = OFF")
            db.execute(
                "CREATE VIRTUAL TABLE docs USING fts5(title, text, content='', "
                "tokenize=\"porter unicode61 remove_diacritics 2 categories 'L* N* Co So Sk Mn Mc'\")"
            )
            db.execute("CREATE VIRTUAL TABLE spread USING fts5vocab(docs, col)")
            rows = ((number, fold(title), fold(text)) for number, (title, text) in enumerate(fields, start=1))
            db.executemany("INSERT INTO docs(rowid, title, text) VALUES (?, ?, ?)", rows)
            db.execute("INSERT INTO docs(docs) VALUES ('optimize')")

    def search(self, query: str, depth: int) -> Matches:
        wanted = telling(query_words(query))
        return Matches(*(self._field(name, wanted, depth) for name in FIELDS)) if wanted else Matches([], [])

    def stems(self, text: str) -> list[tuple[str, str]]:
        from deepeyes.search.text.words import stem, words

        return [(word, stem(word)) for word in words(text)]

    def close(self) -> None:
        for db in self._opened:
            db.close()
        self._opened.clear()

    def _field(self, name: str, wanted: Sequence[str], depth: int) -> Scored:
        match = f"{name} : ({' OR '.join(self._quoted(word) for word in wanted)})"
        weights = "1.0, 0.0" if name == "title" else "0.0, 1.0"
        asked = (
            f"SELECT rowid, -bm25(docs, {weights}) AS s FROM docs WHERE docs MATCH ? ORDER BY s DESC LIMIT ?"
        )
        rows = self._db().execute(asked, (match, depth)).fetchall()
        perfect = sum(_K1 * rarity(self._count, self._having(name, word)) for word in wanted)
        return [(int(row) - 1, min(1.0, float(score) / perfect)) for row, score in rows]

    def _having(self, name: str, word: str) -> int:
        """In how many documents a field has the word, by FTS5's own count (it stems the word)."""
        asked = "SELECT count(*) FROM (SELECT 1 FROM docs WHERE docs MATCH ? LIMIT 5000)"
        return int(self._db().execute(asked, (f"{name} : {self._quoted(word)}",)).fetchone()[0])

    @staticmethod
    def _quoted(word: str) -> str:
        return '"' + word.replace('"', '""') + '"'

    def _db(self) -> sqlite3.Connection:
        """This thread's connection."""
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = sqlite3.connect(f"file:{self._path}?mode=ro&immutable=1", uri=True, check_same_thread=False)
            self._local.db = db
            self._opened.append(db)
        return db


def build_into(kind: str, target: Path, fields: Fields) -> None:
    """Build the engine `kind` so that `target` is there whole or not at all."""
    if kind == "tantivy":
        with replaced_folder(target) as part:
            Tantivy.build(part, fields)
    else:
        with replaced_file(target) as part:
            Fts5.build(part, fields)


def open_lexical(kind: str, target: Path) -> Lexical:
    return Tantivy(target) if kind == "tantivy" else Fts5(target)


# One character of a script without spaces, one emoji (a flag is two regional letters), or a run of other
# letters and digits. `fold` has put spaces around the first two already; this cuts the rest.
_RUNS = r"[\p{L}\p{M}\p{N}]+|\p{Extended_Pictographic}|\p{Regional_Indicator}+"


def _analyzer(tantivy: Any) -> Any:
    cut = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_RUNS))
    short = cut.filter(tantivy.Filter.remove_long(64)).filter(tantivy.Filter.ascii_fold())
    return short.filter(tantivy.Filter.stemmer("english")).build()
