"""Does a hit give away a benchmark? Questions by their word sequences, answers beside them, images by hash.

What always holds: a verdict is a function of the hit and the benchmark alone, and says which item and how
much of it was seen; an ordinary page that happens to hold the answer is not flagged, only one that holds
the question's words in their order, or nearly all of them together with the answer. The guard asks it for
every hit; `contamination` asks it for a finished run. (Whether two *questions* are alike, for training data,
is another matter: `data/decontaminate.py`.)
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from deepeyes.core.images import ImageStore
from deepeyes.core.trace import Trace
from deepeyes.search.guard.cleaning import clean
from deepeyes.search.image.hash import Bytes, distances, perceptual_hashes

NGRAM = 8
"""Words in a row that two texts rarely share by chance."""
SHARED = 0.5
"""Share of a question's word sequences that makes a hit suspicious."""
TOGETHER = 0.8
"""Share of a question's words that, beside its answer, makes a hit suspicious."""
NEAR = 8
"""Bits of 64 in which the hashes of the same image may differ."""

_FLAT = 2.0
"""Standard deviation of greys, of 255, below which an image shows nothing."""
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")
_COMMON = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "by", "did", "do", "does", "for", "from", "had", "has"),
        *("have", "how", "if", "in", "into", "is", "it", "its", "of", "on", "or", "that", "the", "their"),
        *("there", "these", "this", "to", "was", "were", "what", "when", "where", "which", "who", "whose"),
        *("why", "will", "with"),
    )
)
SEARCHING = ("search", "image_search", "open_page")
"""Tools whose results come from outside."""
_FEWEST = 4
"""A question with fewer words than this cannot be told from ordinary text."""


@dataclass(frozen=True)
class BenchmarkQuestion:
    """One question of a benchmark."""

    id: str
    question: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """What of which item was seen."""

    item: str
    how: str
    """`question`, `question and answer` or `image`."""
    overlap: float


class Benchmark:
    """The questions and images that hits are compared with."""

    def __init__(
        self, items: Iterable[BenchmarkQuestion] = (), images: Iterable[tuple[str, Image.Image]] = ()
    ) -> None:
        self._items: list[tuple[BenchmarkQuestion, frozenset[tuple[str, ...]], frozenset[str]]] = []
        self._by_gram: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._by_word: dict[str, list[int]] = defaultdict(list)
        for item in items:
            self._add(item)
        hashes = [(name, image_hash(image)) for name, image in images]
        self._images = [name for name, value in hashes if value is not None]
        self._hashes = np.array([value for _, value in hashes if value is not None], np.uint8).reshape(-1, 8)

    def __len__(self) -> int:
        return len(self._items) + len(self._images)

    def in_text(self, text: str) -> Match | None:
        """The item that `text` gives away most of, if any."""
        if not self._items:
            return None
        tokens = _tokens(text)
        return max(self._matches(tokens), key=lambda match: match.overlap, default=None)

    def in_image(self, image: Image.Image) -> Match | None:
        """The benchmark's image that `image` shows, scaled or compressed anew, if any."""
        if not self._images or (value := image_hash(image)) is None:
            return None
        apart = distances(self._hashes, value)
        nearest = int(apart.argmin())
        if apart[nearest] > NEAR:
            return None
        return Match(self._images[nearest], "picture", 1.0 - float(apart[nearest]) / 64)

    def _add(self, item: BenchmarkQuestion) -> None:
        tokens = _tokens(item.question)
        if len(tokens) < _FEWEST:
            return
        index = len(self._items)
        grams = frozenset(_grams(tokens))
        words = frozenset(tokens) - _COMMON or frozenset(tokens)
        self._items.append((item, grams, words))
        for gram in grams:
            self._by_gram[gram].append(index)
        for word in sorted(words, key=lambda word: (-len(word), word))[:3]:  # long words are rare ones
            self._by_word[word].append(index)

    def _matches(self, tokens: Sequence[str]) -> list[Match]:
        matches: list[Match] = []
        seen: dict[int, int] = defaultdict(int)
        sizes = {len(gram) for gram in self._by_gram}
        for gram in {gram for size in sizes for gram in _grams(tokens, size)}:
            for index in self._by_gram.get(gram, ()):
                seen[index] += 1
        for index, count in seen.items():
            item, grams, _ = self._items[index]
            if count / len(grams) >= SHARED:
                matches.append(Match(item.id, "question", count / len(grams)))
        words = frozenset(tokens)
        line = f" {' '.join(tokens)} "
        for index in {index for word in words for index in self._by_word.get(word, ())}:
            item, _, wanted = self._items[index]
            share = len(wanted & words) / len(wanted)
            if len(wanted) >= _FEWEST - 1 and share >= TOGETHER and any(_says(line, a) for a in item.answers):
                matches.append(Match(item.id, "question and answer", share))
        return matches


@dataclass(frozen=True)
class Contamination:
    """How much of a run saw a benchmark's questions or images in what its tools found."""

    episodes: int
    searched: int
    """Episodes that got something from a searching tool."""
    seen: dict[str, tuple[Match, ...]] = field(default_factory=dict[str, tuple[Match, ...]])
    """What was given away, by the id of the trace; a score without these traces is the clean one."""

    @property
    def share(self) -> float:
        """Contaminated episodes of all, 0 to 1."""
        return len(self.seen) / self.episodes if self.episodes else 0.0

    @property
    def items(self) -> tuple[str, ...]:
        """The benchmark's items that were seen, sorted."""
        return tuple(sorted({match.item for found in self.seen.values() for match in found}))


def contamination(
    traces: Iterable[Trace], benchmark: Benchmark, images: ImageStore | None = None
) -> Contamination:
    """Read what searching tools returned in `traces`; with `images`, the store of the run, also images.

    What a model asked is no finding: a line that repeats the query is left out. Raises
    `InputError` if an image is not in `images`.
    """
    episodes = searched = 0
    seen: dict[str, tuple[Match, ...]] = {}
    for trace in traces:
        found = [turn.observation for turn in trace.tool_turns if turn.observation]
        found = [each for each in found if each.tool in SEARCHING and each.status == "ok"]
        episodes, searched = episodes + 1, searched + bool(found)
        matches = [benchmark.in_text(_results(each.text)) for each in found]
        if images is not None:
            matches += [benchmark.in_image(images.get(part.ref)) for each in found for part in each.images]
        if kept := tuple(dict.fromkeys(match for match in matches if match is not None)):
            seen[trace.id] = kept
    return Contamination(episodes, searched, seen)


def _results(told: str) -> str:
    """What a search found, without a line before the first hit: it may repeat what was asked."""
    first, _, rest = told.partition("\n")
    return told if first.startswith("1. ") else rest


def image_hash(image: Image.Image) -> Bytes | None:
    """(8,) bytes of perceptual hash; None for an image without any structure, whose bits mean nothing."""
    small = np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.LANCZOS))
    return None if small.mean(-1).std() < _FLAT else perceptual_hashes(small[None])[0]


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(clean(text).casefold())


def _grams(tokens: Sequence[str], size: int = NGRAM) -> list[tuple[str, ...]]:
    """Word sequences of `size`; a shorter text is one sequence."""
    size = min(size, len(tokens))
    return [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)] if size else []


def _says(line: str, answer: str) -> bool:
    tokens = _tokens(answer)
    return bool(tokens) and f" {' '.join(tokens)} " in line
