"""Where did the model look? Finds an image that its code returned inside the image it was cut from.

What always holds: a box is (left, top, right, bottom) in pixels of the full image and may hang over its
edge, as PIL crops may; an answer is exact for unscaled crops (every pixel is compared) and close for resized
ones (`RESIZED_SLACK` says how close); None means that the image is not a crop, or that it fits in more than
one place, and is never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepeyes.analysis.resized import find_resized

Box = tuple[int, int, int, int]
TOLERANCE = 2.0
"""Pixels by which a truth box may stick out of a crop and still count as inside."""
RESIZED_SLACK = 0.03
"""For resized crops the tolerance grows by this share of the crop's longer side, in full-image pixels."""
_PROBES = 100
_MAX_CANDIDATES = 200


@dataclass(frozen=True)
class Found:
    """A crop's place; `exact` is False where it was resized and the place is an estimate."""

    box: Box
    exact: bool = True

    @property
    def tolerance(self) -> float:
        sides = (self.box[2] - self.box[0], self.box[3] - self.box[1])
        return TOLERANCE if self.exact else TOLERANCE + RESIZED_SLACK * max(sides)


def find_crop(full: Image.Image, crop: Image.Image) -> Box | None:
    """The box of an unscaled crop, or None. Some 20 ms on 1600x1200."""
    return CropFinder(full).exact(crop)


def contains(box: Iterable[float], truth: Iterable[float], tolerance: float = TOLERANCE) -> bool:
    """Whether `truth` lies inside `box`, give or take `tolerance` pixels."""
    left, top, right, bottom = box
    x0, y0, x1, y1 = truth
    inside = left - tolerance <= x0 and top - tolerance <= y0
    return inside and x1 <= right + tolerance and y1 <= bottom + tolerance


class CropFinder:
    """One full image, prepared once, to look several crops up in."""

    def __init__(self, full: Image.Image) -> None:
        self._full = full
        self._pixels = _packed(full)

    def find(self, crop: Image.Image) -> Found | None:
        """The crop's place, exact if it was not resized."""
        box = self.exact(crop)
        if box is not None:
            return Found(box)
        near = find_resized(self._full, crop)
        return None if near is None else Found(near, exact=False)

    def exact(self, crop: Image.Image) -> Box | None:
        """The box whose pixels are those of `crop` (black beyond the image's edge), if there is one."""
        pixels = _packed(crop)
        inner, left, top = _without_black_rim(pixels)
        too_large = any(side > whole for side, whole in zip(inner.shape, self._pixels.shape, strict=True))
        if inner.size == 0 or too_large:
            return None
        places = [(x - left, y - top) for x, y in self._candidates(inner)]
        fits = [place for place in places if self._fits(pixels, *place)]
        if len(fits) != 1:
            return None
        x, y = fits[0]
        return x, y, x + crop.width, y + crop.height

    def _candidates(self, inner: NDArray[np.uint32]) -> list[tuple[int, int]]:
        """Top-left corners where a sample of the crop's pixels agrees; empty when too many do."""
        height, width = inner.shape
        rows = self._pixels.shape[0] - height + 1
        columns = self._pixels.shape[1] - width + 1
        # Pixels spread over the crop; the one whose colour is rarest in it goes first and does most work.
        grid = max(1, round(_PROBES**0.5))
        ys = np.unique(np.linspace(0, height - 1, grid).astype(int))
        xs = np.unique(np.linspace(0, width - 1, grid).astype(int))
        probes = [(int(y), int(x)) for y in ys for x in xs]
        sample = inner[ys][:, xs]
        probes.sort(key=lambda probe: int(np.count_nonzero(sample == inner[probe])))
        first_y, first_x = probes[0]
        window = self._pixels[first_y : first_y + rows, first_x : first_x + columns]
        y, x = np.nonzero(window == inner[first_y, first_x])
        for probe_y, probe_x in probes[1:]:
            if len(y) <= 1:
                break
            keep = self._pixels[y + probe_y, x + probe_x] == inner[probe_y, probe_x]
            y, x = y[keep], x[keep]
        if len(y) > _MAX_CANDIDATES:
            return []
        return list(zip(x.tolist(), y.tolist(), strict=True))

    def _fits(self, crop: NDArray[np.uint32], x: int, y: int) -> bool:
        """Every pixel: equal inside the image, black outside."""
        height, width = crop.shape
        full_height, full_width = self._pixels.shape
        x0, y0 = max(0, x), max(0, y)
        x1, y1 = min(full_width, x + width), min(full_height, y + height)
        if x0 >= x1 or y0 >= y1:
            return False
        part = crop[y0 - y : y1 - y, x0 - x : x1 - x]
        if not np.array_equal(part, self._pixels[y0:y1, x0:x1]):
            return False
        return np.count_nonzero(crop) == np.count_nonzero(part)


def _packed(image: Image.Image) -> NDArray[np.uint32]:
    """One number a pixel, (height, width); black is 0."""
    rgba = np.zeros((image.height, image.width, 4), dtype=np.uint8)
    rgba[..., :3] = np.asarray(image.convert("RGB"))
    return rgba.view(np.uint32)[..., 0]


def _without_black_rim(pixels: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], int, int]:
    """The part inside any black rows and columns at the edges, and how much was cut at left and top."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows) or not len(columns):
        return pixels[:0, :0], 0, 0
    top, left = int(rows[0]), int(columns[0])
    return pixels[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1], left, top
