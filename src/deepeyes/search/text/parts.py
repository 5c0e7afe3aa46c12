"""Passages of documents, and what each is about: the unit of meaning that gets a vector.

A line of a fact sheet, "Religions: Roman Catholic 47%, Muslim 4% ...", is asked for by what its label
means, and hundreds of documents share the label; prose is asked for by what it says. So a passage's gist is
its label where the label recurs in the collection (in a document that begins with one, also the paragraphs
that follow it), and otherwise its own text without the words of the
title and without figures: a question is compared without the words that name its subject too
(`fusion`), and figures have no meaning to a sentence encoder. Equal gists share one vector, so a
collection of records costs hundreds of vectors instead of tens of thousands. What always holds: passages
lie in order in their document, every document has at least one, and all of it is a function of the
documents alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepeyes.search.base import Document
from deepeyes.search.text.words import fold, stem, words

PASSAGE_CHARS = 600
"""Longer paragraphs are cut at the ends of sentences."""
RECURS = 5
"""A label is one when at least so many documents have it; below, it is part of the prose."""

_LABEL = re.compile(r"[ \t]*([^\W\d_][^:\n]{1,59}): *\S")
_BLANK = re.compile(r"\n[ \t]*\n")
_WORD = re.compile(r"\w+")
_FIGURES = re.compile(r"\S*\d\S*")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？])")

Rows = NDArray[np.uint32]
"""[passages, 4]: document, start, end (characters), gist."""


@dataclass(frozen=True)
class Parts:
    rows: Rows
    gists: list[str]


def labels_of(text: str) -> set[str]:
    """Every label that opens a paragraph of `text`."""
    return {found[1] for start, end in _paragraphs(text) if (found := _LABEL.match(text, start, end))}


def recurring(documents: Iterable[Document]) -> frozenset[str]:
    """The labels that at least `RECURS` documents share."""
    counts = Counter(label for document in documents for label in labels_of(document.text))
    return frozenset(label for label, count in counts.items() if count >= RECURS)


def divide(documents: Iterable[Document], labels: frozenset[str]) -> Parts:
    """The passages of all documents, and their different gists in order of appearance."""
    numbers: dict[str, int] = {}
    rows: list[tuple[int, int, int, int]] = []
    for number, document in enumerate(documents):
        for start, end, gist in passages_of(document, labels):
            rows.append((number, start, end, numbers.setdefault(gist, len(numbers))))
    return Parts(np.array(rows, np.uint32).reshape(-1, 4), list(numbers))


def passages_of(document: Document, labels: frozenset[str]) -> Iterator[tuple[int, int, str]]:
    """(start, end, gist) of each passage."""
    text, found, label, record = document.text, False, "", False
    subject = {stem(word) for word in words(document.title)}
    for start, end in _paragraphs(text):
        opening = _LABEL.match(text, start, end)
        own = opening[1] if opening and opening[1] in labels else ""
        label, record = own or label, record or bool(own and not found)
        known = own or (label if record else "")
        pieces = [(start, end)] if known else _pieces(text, start, end)
        for low, high in pieces:
            found = True
            yield low, high, known or _without(text[low:high], subject)
    if not found:
        yield 0, len(text), document.title


def _without(text: str, subject: set[str]) -> str:
    """`text` without the words whose stems are in `subject`, and with "#" for figures; never empty."""
    plain = _FIGURES.sub("#", text)
    kept = _WORD.sub(lambda word: "" if stem(fold(word[0])) in subject else word[0], plain)
    return " ".join(kept.split()) if _WORD.search(kept) else " ".join(text.split())


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of what stands between blank lines; of every line if there are none."""
    gap = _BLANK if _BLANK.search(text) else re.compile("\n")
    start = 0
    for found in (*gap.finditer(text), None):
        end = found.start() if found else len(text)
        if text[start:end].strip():
            yield start, end
        start = found.end() if found else end


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A paragraph in pieces of at most `PASSAGE_CHARS`, cut after sentences where there are any."""
    while end - start > PASSAGE_CHARS:
        edges = [found.end() for found in _SENTENCE.finditer(text, start + 1, start + PASSAGE_CHARS)]
        blank = text.rfind(" ", start + 1, start + PASSAGE_CHARS)
        stop = edges[-1] if edges else blank if blank > start else start + PASSAGE_CHARS
        yield start, stop
        start = stop
    if text[start:end].strip():
        yield start, end
