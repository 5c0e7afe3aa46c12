"""How images and questions are compared: perceptual hashes, and the words and letters they share.

What always holds: two images are alike when their hashes differ in at most `distance` bits; `SimilarImages`
finds all of them and not only most (of `distance + 1` pieces of the hash at least one must be equal); two
texts are alike by the Jaccard index of their letter 5-grams, computed exactly; MinHash only proposes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable
from itertools import pairwise
from typing import Any

from PIL import Image

from deepeyes.core.errors import InputError, boundary
from deepeyes.core.extras import needs

HASH_SIDE = 16
"""The hash has this number squared of bits: 64 would take two scenes before one background for the same."""
_GRAM = 5


def fingerprint(image: Image.Image) -> str:
    """The perceptual hash of an image, in hexadecimal."""
    with boundary(InputError, "comparing images", needs("data"), expected=ImportError):
        import imagehash  # pyright: ignore[reportMissingImports]
    return str(imagehash.phash(image, hash_size=HASH_SIDE))


class SimilarImages:
    """Images by hash, found again by near hashes."""

    def __init__(self, distance: int) -> None:
        self._distance = distance
        self._bands: list[dict[int, list[tuple[int, int]]]] = [{} for _ in range(distance + 1)]
        self._owners: list[Hashable] = []

    def add(self, fingerprint: str, owner: Hashable) -> None:
        value = int(fingerprint, 16)
        for band, piece in zip(self._bands, self._pieces(value), strict=True):
            band.setdefault(piece, []).append((value, len(self._owners)))
        self._owners.append(owner)

    def find(self, fingerprint: str) -> list[Any]:
        """Owners of all images within the distance, in the order they were added, once each."""
        value = int(fingerprint, 16)
        found: set[int] = set()
        for band, piece in zip(self._bands, self._pieces(value), strict=True):
            near = band.get(piece, ())
            found |= {place for other, place in near if (value ^ other).bit_count() <= self._distance}
        return list(dict.fromkeys(self._owners[place] for place in sorted(found)))

    def _pieces(self, value: int) -> Iterable[int]:
        bits, count = HASH_SIDE**2, self._distance + 1
        edges = [place * bits // count for place in range(count + 1)]
        return [(value >> low) & ((1 << (high - low)) - 1) for low, high in pairwise(edges)]


def plain_text(text: str) -> str:
    """Lower case, without accents, punctuation and extra spaces."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", letters))


def grams(text: str) -> frozenset[str]:
    """The letter 5-grams of the plain text (the text itself if it is shorter)."""
    plain = plain_text(text)
    return frozenset(plain[at : at + _GRAM] for at in range(max(1, len(plain) - _GRAM + 1)))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared over all: 1 for equal sets, 0 for disjoint ones."""
    union = len(one | other)
    return len(one & other) / union if union else 1.0


class SimilarTexts:
    """Texts by MinHash, found again by near texts."""

    def __init__(self, similarity: float) -> None:
        with boundary(InputError, "comparing texts", needs("data"), expected=ImportError):
            import datasketch  # pyright: ignore[reportMissingImports]
        self._library: Any = datasketch
        self._similarity = similarity
        # A lower bar than asked for: MinHash only estimates, and the exact index decides afterwards.
        self._index: Any = datasketch.MinHashLSH(threshold=max(0.1, similarity - 0.15), num_perm=128)
        self._grams: list[tuple[frozenset[str], Hashable]] = []

    def add(self, text: str, owner: Hashable) -> None:
        shingles = grams(text)
        self._index.insert(len(self._grams), self._minhash(shingles))
        self._grams.append((shingles, owner))

    def find(self, text: str) -> list[Any]:
        """Owners of texts at least as alike as asked for, in the order they were added, once each."""
        shingles = grams(text)
        places = sorted(self._index.query(self._minhash(shingles)))
        alike = [place for place in places if jaccard(self._grams[place][0], shingles) >= self._similarity]
        return list(dict.fromkeys(self._grams[place][1] for place in alike))

    def _minhash(self, shingles: frozenset[str]) -> Any:
        sketch: Any = self._library.MinHash(num_perm=128, seed=1)
        sketch.update_batch([gram.encode() for gram in sorted(shingles)])
        return sketch
