"""The fallback for crops that were enlarged or shrunk before they were shown: correlation over a few scales.

Works on small grey copies, so it costs about a tenth of a second and is only asked when no exact place was
found. It knows isotropic scales from a quarter to ten; a stretched or rotated crop is not found, and says so.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[int, int, int, int]
Grey = NDArray[np.float32]

SCALES = (0.25, 1 / 3, 0.5, 2 / 3, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""Shown size over size in the full image; 1 is for crops that were drawn on."""
_COARSE_SIDE = 360
_COARSE_SCORE = 0.6
_SCORE = 0.95
"""Correlation below which a match is not believed."""


def find_resized(full: Image.Image, crop: Image.Image) -> Box | None:
    """About where `crop` lies in `full`, or None."""
    best: tuple[float, Box] | None = None
    shrink = min(1.0, _COARSE_SIDE / max(full.size))
    small = _grey(full, (round(full.width * shrink), round(full.height * shrink)))
    spectrum = np.fft.rfft2(small)
    for scale in SCALES:
        sides = crop.width / scale * shrink, crop.height / scale * shrink
        size = round(sides[0]), round(sides[1])
        if min(size) < 6 or size[0] > small.shape[1] or size[1] > small.shape[0]:
            continue
        score, x, y = _best(small, _grey(crop, size), spectrum)
        if best is None or score > best[0]:
            left, top = x / shrink, y / shrink
            best = score, _box(left, top, crop.width / scale, crop.height / scale)
    if best is None or best[0] < _COARSE_SCORE:
        return None
    return _refined(full, crop, best[1])


def _refined(full: Image.Image, crop: Image.Image, near: Box) -> Box | None:
    """The best place around `near`, at a finer resolution, with the scale free by a tenth."""
    width, height = near[2] - near[0], near[3] - near[1]
    margin = max(8, max(width, height) // 4)
    area = (
        max(0, near[0] - margin),
        max(0, near[1] - margin),
        min(full.width, near[2] + margin),
        min(full.height, near[3] + margin),
    )
    part = full.crop(area)
    shrink = min(1.0, _COARSE_SIDE / max(part.size))
    small = _grey(part, (round(part.width * shrink), round(part.height * shrink)))
    spectrum = np.fft.rfft2(small)
    best: tuple[float, Box] | None = None
    for stretch in np.linspace(0.9, 1.1, 21).tolist():
        size = round(width * stretch * shrink), round(height * stretch * shrink)
        if min(size) < 4 or size[0] > small.shape[1] or size[1] > small.shape[0]:
            continue
        score, x, y = _best(small, _grey(crop, size), spectrum)
        if best is None or score > best[0]:
            left, top = area[0] + x / shrink, area[1] + y / shrink
            best = score, _box(left, top, width * stretch, height * stretch)
    return None if best is None or best[0] < _SCORE else best[1]


def _best(picture: Grey, part: Grey, spectrum: NDArray[np.complexfloating]) -> tuple[float, int, int]:
    """Highest normalised correlation of `part` in `image`, and its top-left corner (x, y)."""
    height, width = part.shape
    part = part - part.mean()
    norm = math.sqrt(float((part**2).sum()))
    if norm < 1e-3:
        return -1.0, 0, 0
    product = np.fft.irfft2(spectrum * np.conj(np.fft.rfft2(part, picture.shape)), picture.shape)
    rows, columns = picture.shape[0] - height + 1, picture.shape[1] - width + 1
    sums, squares = _window_sums(picture, width, height), _window_sums(picture**2, width, height)
    deviation = np.sqrt(np.maximum(squares - sums**2 / (width * height), 1e-3))
    scores = product[:rows, :columns] / (deviation * norm)
    place = int(np.argmax(scores))
    y, x = divmod(place, columns)
    return float(scores[y, x]), x, y


def _window_sums(values: Grey, width: int, height: int) -> NDArray[np.float64]:
    """Sum over every window of that size, by a summed-area table."""
    table = np.zeros((values.shape[0] + 1, values.shape[1] + 1), dtype=np.float64)
    table[1:, 1:] = values.astype(np.float64).cumsum(0).cumsum(1)
    above, below = table[:-height], table[height:]
    return below[:, width:] - above[:, width:] - below[:, :-width] + above[:, :-width]


def _grey(image: Image.Image, size: tuple[int, int]) -> Grey:
    return np.asarray(image.convert("L").resize(size, Image.Resampling.BOX), dtype=np.float32) / np.float32(
        255
    )


def _box(left: float, top: float, width: float, height: float) -> Box:
    return round(left), round(top), round(left + width), round(top + height)
