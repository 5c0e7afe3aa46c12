"""Image search on this disk: which images of a gallery does this one show, whole or as a crop?

Three stages: the same pixels or nearly (hash, then pixels); the layout under some hundred placements against
the whole gallery; and the best of these fitted to the query and judged. No weights, no licence, no network:
numpy and Pillow alone.

What always holds: any image that Pillow can open is a query, and gives the best `k` the gallery has. A low
score says that nothing fits; a whole scene with a small object in it is such a query, so crop first. It finds
this image, not this kind of thing: another photo of the same cat is another image.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from deepeyes.core.errors import InputError, boundary
from deepeyes.core.images import image_ref, to_rgb
from deepeyes.search.base import GalleryImage, Hit
from deepeyes.search.image.arrays import Floats, Ints, halve, opponent, small_image
from deepeyes.search.image.fit import fit_of, likeness, refine
from deepeyes.search.image.hash import distances, perceptual_hashes
from deepeyes.search.image.layout import TEMPLATE, Query, layout_scores
from deepeyes.search.image.store import Stored, read_index, write_index
from deepeyes.search.memo import Memo

_LARGE = 640
"""Queries are brought down to less than twice this many pixels a side before anything else."""
_NEAR_BITS = 10
_NEAR_FIT = 0.985
_SHORTLIST = 48
_SECOND_CHANCES = 16
"""How many of the shortlist also start from their second best placement."""
_FINAL = 12
_SURE = 0.6
_DOUBTFUL = 0.4
_PLAIN = 2.0
"""Standard deviation of bytes below which a query shows nothing: it fits everything, so no fit is a proof."""
_UNPROVEN = 0.39
_UNFITTED = 0.59
"""The most that a picture scores which was not fitted: it may be alike, and is not said to be the same."""

_Ranking = list[tuple[int, float]]


class ImageIndex:
    """An `ImageSearch` over the images of one folder; may be used by many tasks and threads at once."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._by_digest: dict[str, list[int]] = {}
        self._found = Memo[tuple[Hit, ...]]()
        for number, digest in enumerate(stored.digests):
            self._by_digest.setdefault(digest, []).append(number)

    @classmethod
    def build(cls, pictures: Iterable[GalleryImage], folder: Path) -> ImageIndex:
        """Index `images` in `folder` and open it; replaces the index that was there as its last act.

        Killed, it leaves the old index; run again, it goes on where it was. Takes about 10 ms an image.
        Raises `InputError` (a url twice, an image that cannot be decoded) and `StorageError` (disk full).
        """
        write_index(pictures, folder)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> ImageIndex:
        """Raises `SearchUnavailable` for an index that is missing, damaged or of another version."""
        return cls(read_index(folder))

    @property
    def name(self) -> str:
        return "image-index"

    def __len__(self) -> int:
        return len(self._stored.records)

    async def search(self, image: Image.Image, k: int = 5) -> tuple[Hit, ...]:
        """The best `k` images, thumbnails included. Raises `InputError` for an image without pixels."""
        return await asyncio.to_thread(self.search_now, image, k)

    async def aclose(self) -> None:
        """Nothing is held open: files are opened when they are read."""

    def search_now(self, image: Image.Image, k: int = 5) -> tuple[Hit, ...]:
        """`search` for callers without an event loop; keeps one core busy."""
        if k < 1:
            raise InputError(f"cannot give the best {k} pictures", "ask for at least 1")
        if 0 in image.size:
            raise InputError("the picture to search has no pixels", "give one of at least 1 x 1")
        if not len(self):
            return ()
        with boundary(InputError, "reading the picture to search", "give a whole one", expected=Exception):
            key = (image_ref(to_rgb(image)).sha256, image.size, k)
        return self._found.get(key, lambda: self._best(image, k))

    def _best(self, image: Image.Image, k: int) -> tuple[Hit, ...]:
        return tuple(self._hit(number, score) for number, score in self._ranking(image, k))

    def _hit(self, number: int, score: float) -> Hit:
        record = self._stored.records[number]
        sure = "the same picture" if score >= _SURE else "alike" if score >= _DOUBTFUL else "a weak match"
        return Hit(
            title=record.title,
            url=record.page or record.url,
            snippet=sure,
            source=record.source,
            score=round(score, 4),
            image=record.thumbnail(),
        )

    def _ranking(self, image: Image.Image, k: int) -> _Ranking:
        """The best `k` images, best first, with scores that never rise."""
        small = _brought_down(image)
        query = Query.of(small, image.size)
        scores, chosen = layout_scores(self._stored.gallery, query)
        order = np.argsort(-scores[0], kind="stable")
        same = self._same(image, small)
        first = same or self._fitted(query, order, scores, chosen)
        taken = {number for number, _ in first}
        near = order[: k + len(taken)]
        rest = [(int(number), float(scores[0, number])) for number in near if int(number) not in taken]
        plain = small_image(small, TEMPLATE).std(axis=(0, 1)).max() < _PLAIN
        ceiling, out = (_UNPROVEN if plain and not same else 1.0), list[tuple[int, float]]()
        for place, (number, score) in enumerate([*first, *rest][:k]):
            if place >= len(first):  # a like layout alone: nobody looked whether colours and details fit
                ceiling = min(ceiling, _UNFITTED)
            ceiling = min(ceiling, max(score, 0.0))
            out.append((number, ceiling))
        return out

    def _same(self, image: Image.Image, small: Image.Image) -> _Ranking:
        """Images with these very pixels, then near duplicates (resized, compressed, a little brighter)."""
        exact = self._by_digest.get(image_ref(to_rgb(image)).sha256, []) if small.size == image.size else []
        template = small_image(small, TEMPLATE)
        far = distances(self._stored.hashes, perceptual_hashes(template[None])[0])
        near = np.flatnonzero(far <= _NEAR_BITS)
        alike = likeness(template, self._stored.gallery.templates[near])
        close = [(int(n), float(a)) for n, a in zip(near, alike, strict=True) if a >= _NEAR_FIT]
        close.sort(key=lambda pair: -pair[1])
        return [(n, 1.0) for n in exact] + [pair for pair in close if pair[0] not in exact]

    def _fitted(self, query: Query, order: Ints, scores: Floats, chosen: Ints) -> _Ranking:
        """The shortlist after its placements were fitted: first at half the size, the best of it at full."""
        short = order[:_SHORTLIST]
        again = short[np.argsort(-scores[1, short], kind="stable")][:_SECOND_CHANCES]
        tried = np.concatenate([short, again])
        places = query.placements[np.concatenate([chosen[0, short], chosen[1, again]])]
        templates = opponent(self._stored.gallery.templates[tried])
        half = halve(templates)
        places = refine(half, query.soft, places, steps=4)
        fits = fit_of(half, query.soft, places).score()
        best = np.argsort(-fits, kind="stable")
        _, firsts = np.unique(tried[best], return_index=True)
        best = best[np.sort(firsts)][:_FINAL]
        places = refine(templates[best], query.sharp, places[best], steps=3)
        fits = fit_of(templates[best], query.sharp, places).score()
        final = np.argsort(-fits, kind="stable")
        return [(int(tried[best[at]]), float(fits[at])) for at in final]


def _brought_down(image: Image.Image) -> Image.Image:
    """RGB and of bearable size, each side by itself: 100,000 x 2 keeps both its rows."""
    by = (max(1, image.width // _LARGE), max(1, image.height // _LARGE))
    # decoders raise anything on torn files, so this is broad; the block holds foreign calls only
    with boundary(InputError, "reading the picture to search", "give a whole one", expected=Exception):
        image.load()
        if by == (1, 1):
            return to_rgb(image)
        if image.mode in ("L", "RGB", "RGBA", "CMYK"):
            return to_rgb(image.reduce(by))
        return to_rgb(image).reduce(by)
