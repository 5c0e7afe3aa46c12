"""The first look: the layout of a query against the whole gallery, under some hundred placements.

A crop that an agent makes shows most of an image, a little turned, stretched and too bright, with a rim of
background. No fixed vector survives that well, so the query is sampled as if an image lay in it in each of
the likely ways, and every sample is compared with every image in a few matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from deepeyes.search.image.arrays import (
    Bytes,
    Floats,
    Ints,
    blur,
    edges,
    opponent,
    sample,
    shrink,
    small_image,
    unit_grid,
)

TEMPLATE = 32
"""Side of the small image kept for each gallery image."""
CELLS = 8
"""Side of the layout that is compared."""
CHANNELS = 6
"""Of a layout: three of colour, three of edges."""
QUERY = 40
"""Side of the query: an image that fills most of a crop then has about the template's scale."""

_EDGES = 0.35
"""Weight of edges beside colour in the layout score."""
_TURNS = (-7.0, 0.0, 7.0)
_SHIFTS = ((1.0, (0.0,)), (1.15, (-0.07, 0.07)), (1.38, (-0.18, -0.06, 0.06, 0.18)))
"""Sizes of the image relative to the crop, and where its centre may lie at that size."""
_MAX_ASPECT = 4.0
_CHUNK = 8192


@dataclass(frozen=True)
class Gallery:
    """What is compared: `templates` (N, 32, 32, 3) bytes and `layouts` (N, 6, 64)."""

    templates: Bytes
    layouts: Floats

    def __len__(self) -> int:
        return len(self.templates)


def layouts(templates: Bytes) -> Floats:
    """(N, 32, 32, 3) bytes to (N, 6, 64): the means of colour and edges in 8 x 8 cells."""
    colour = opponent(templates)
    every = np.concatenate([colour, edges(colour[..., 0], radius=3)], -1)
    cells = shrink(every, TEMPLATE // CELLS).reshape(len(templates), CELLS * CELLS, CHANNELS)
    return np.ascontiguousarray(np.moveaxis(cells, -1, 1))


@dataclass(frozen=True)
class Query:
    """A query at 40 x 40 pixels, sharp and blurred, and the placements to try on it."""

    sharp: Floats
    """(40, 40, 3) opponent colours."""
    soft: Floats
    """The same, a little blurred."""
    layout: Floats
    """(40, 40, 6) colour and edges, blurred to about the size of a layout cell."""
    placements: Floats

    @classmethod
    def of(cls, image: Image.Image, size: tuple[int, int] | None = None) -> Query:
        """Of an RGB image; `size` is the true width and height where `image` was squeezed before."""
        sharp = opponent(small_image(image, QUERY))
        marks = edges(sharp[None, ..., 0], radius=4)[0]
        layout = blur(np.concatenate([sharp, marks], -1), 4)
        return cls(sharp, blur(sharp, 1), layout, placements(*(size or image.size)))


def placements(width: int, height: int) -> Floats:
    """(P, 2, 3): the ways in which an image may lie in a crop of this size.

    The crop is taken to be the bounding box of the turned image, give or take the margins of `_SHIFTS`; the
    image may reach beyond it on any side.
    """
    aspect = min(max(width / height, 1 / _MAX_ASPECT), _MAX_ASPECT)
    w, h = aspect**0.5, aspect**-0.5
    out: list[Floats] = []
    for degrees in _TURNS:
        angle = np.deg2rad(degrees)
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        spread = cos * cos - sin * sin
        inner_w = min(max((w * cos - h * abs(sin)) / spread, 0.6 * w), w)
        inner_h = min(max((h * cos - w * abs(sin)) / spread, 0.6 * h), h)
        turn = np.array([[cos / w, sin / w], [-sin / h, cos / h]])
        for i, (scale_x, shifts_x) in enumerate(_SHIFTS):
            for j, (scale_y, shifts_y) in enumerate(_SHIFTS):
                if abs(i - j) > 1:
                    continue  # a crop cuts both sides by about the same share
                stretch = turn @ np.diag([inner_w * scale_x, inner_h * scale_y])
                for x in shifts_x:
                    for y in shifts_y:
                        shift = turn @ np.array([[inner_w * x], [inner_h * y]])
                        out.append(np.concatenate([stretch, shift], 1).astype(np.float32))
    return np.stack(out)


def layout_scores(gallery: Gallery, query: Query, best: int = 2) -> tuple[Floats, Ints]:
    """((best, N) scores, (best, N) placements): the best placements of every image, best first.

    A score is the correlation of layouts under the placement, about -1 to 1.
    """
    values, weight = sample(query.layout, query.placements, unit_grid(CELLS))
    total = weight.sum(1, keepdims=True) + 1e-3
    trust = np.minimum(1, total / (0.6 * total.max())) ** 0.25
    scores = np.empty((best, len(gallery)), np.float32)
    chosen = np.empty((best, len(gallery)), np.intp)
    for start in range(0, len(gallery), _CHUNK):
        part = gallery.layouts[start : start + _CHUNK]
        both = _correlations(values[..., :3], weight, total, part[:, :3], floor=0.005)
        both *= 1 - _EDGES
        both += _EDGES * _correlations(values[..., 3:], weight, total, part[:, 3:], floor=0.3)
        both *= trust
        for row in range(best):
            top = both.argmax(0)[None]
            chosen[row, start : start + _CHUNK] = top[0]
            scores[row, start : start + _CHUNK] = np.take_along_axis(both, top, 0)[0]
            np.put_along_axis(both, top, -2, 0)
    return scores, chosen


def _correlations(values: Floats, weight: Floats, total: Floats, images: Floats, floor: float) -> Floats:
    """(P, N) weighted correlations of (P, cells, C) samples with (N, C, cells) layouts.

    Only the first channel has its mean taken off: the others are differences, where zero means something.
    """
    first = values[..., :1]
    mean = np.einsum("pc,pc->p", first[..., 0], weight)[:, None] / total
    centred = np.concatenate([first - mean[..., None], values[..., 1:]], -1)
    weighted = np.moveaxis(centred * weight[..., None], -1, 1)
    norm = np.sqrt(np.einsum("pck,pkc->p", weighted, centred) + floor)
    flat = images.reshape(len(images), -1)
    product = (weighted.reshape(len(values), -1) / norm[:, None]) @ flat.T
    energy = weight @ (images * images).sum(1).T
    sums = weight @ images[:, 0].T
    sums *= sums
    sums /= total
    energy -= sums
    np.maximum(energy, 0, out=energy)
    energy += floor
    return product / np.sqrt(energy, out=energy)
