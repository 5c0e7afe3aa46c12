"""Small arrays that images are compared by: colours, edges and samples under a placement. Pure numpy.

Coordinates: the unit square of an image or of the query, its centre at 0, x right, y down. A *placement* is
a (2, 3) matrix that takes the coordinates of an image to those of the query.

What always holds: colours are brightness plus two opponent channels, so that exposure and contrast only scale
and shift; what lies at the rim of the query counts little (it is background more often than not) and what
lies outside counts nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.floating[Any]]
Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.intp]

_RIM = 0.2
"""Share of the query's width over which the weight of a pixel rises from 0 to 1."""
_OPPONENT = np.array([[1 / 3, 1 / 3, 1 / 3], [0.6, 0.0, -0.6], [-0.3, 0.6, -0.3]], np.float32)


def small_image(image: Image.Image, side: int) -> Bytes:
    """(side, side, 3) of an RGB image, stretched to a square."""
    shrinks = min(image.size) >= 2 * side
    how = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.asarray(image.resize((side, side), how, reducing_gap=3.0), np.uint8)


def opponent(rgb: Bytes) -> Floats:
    """(..., 3) bytes to brightness 0..1 and two colour differences."""
    return (rgb.astype(np.float32) / 255) @ _OPPONENT.T


def sample(query: Floats, places: Floats, grid: Floats) -> tuple[Floats, Floats]:
    """((K, P, C) values, (K, P) weights) of a query (S, S, C) at `grid` (2, P) under `places` (K, 2, 3)."""
    side = query.shape[0]
    at = places[:, :, :2] @ grid + places[:, :, 2:]
    depth = np.clip((0.5 - np.abs(at)) / _RIM, 0, 1)
    pixel = np.clip((at + 0.5) * side - 0.5, 0, side - 1.001)
    whole = pixel.astype(np.int32)
    rest = pixel - np.floor(pixel)
    right, below = rest[:, 0, :, None], rest[:, 1, :, None]
    corner = whole[:, 1] * side + whole[:, 0]
    flat = query.reshape(side * side, -1)
    above = flat[corner] * (1 - right) + flat[corner + 1] * right
    under = flat[corner + side] * (1 - right) + flat[corner + side + 1] * right
    return above * (1 - below) + under * below, depth[:, 0] * depth[:, 1]


def unit_grid(side: int) -> Floats:
    """(2, side * side): the centres of an image's pixels, row by row."""
    line = np.linspace(-0.5 + 0.5 / side, 0.5 - 0.5 / side, side, dtype=np.float32)
    return np.stack([np.tile(line, side), np.repeat(line, side)])


def normal(values: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """(K, C, P) with brightness centred and all scaled to weighted length 1, and the (K, 1, 1) scale."""
    mean = np.einsum("kp,kp->k", values[:, 0], weight) / (weight.sum(1) + 1e-3)
    values = values.copy()
    values[:, 0] -= mean[:, None]
    scale = np.sqrt(np.einsum("kcp,kcp,kp->k", values, values, weight) + 0.01)[:, None, None]
    return values / scale, scale


def shrink(values: Floats, by: int) -> Floats:
    """(N, n, n, C) to means over squares of `by` pixels."""
    count, side, _, channels = values.shape
    return values.reshape(count, side // by, by, side // by, by, channels).mean((2, 4))


def halve(templates: Floats) -> Floats:
    """(K, n, n, C) at half the side."""
    return shrink(templates, 2)


def blur(values: Floats, times: int) -> Floats:
    """(n, n, C) through [1 2 1] in both directions, `times` over."""
    for _ in range(times):
        p = np.pad(values, ((1, 1), (0, 0), (0, 0)), "edge")
        p = np.pad(0.25 * (p[:-2] + p[2:]) + 0.5 * p[1:-1], ((0, 0), (1, 1), (0, 0)), "edge")
        values = 0.25 * (p[:, :-2] + p[:, 2:]) + 0.5 * p[:, 1:-1]
    return values


def slopes(values: Floats) -> tuple[Floats, Floats]:
    """Differences along the last axis (x) and the one before (y)."""
    rim = [(0, 0)] * (values.ndim - 2) + [(1, 1), (1, 1)]
    p = np.pad(values, rim, "edge")
    return (p[..., 1:-1, 2:] - p[..., 1:-1, :-2]) / 2, (p[..., 2:, 1:-1] - p[..., :-2, 1:-1]) / 2


def edges(brightness: Floats, radius: int, *, signed: bool = False) -> Floats:
    """Edges of (N, n, n), each divided by the energy of its neighbourhood, so that exposure does not matter.

    `signed`: (N, n, n, 2), the slope. Otherwise (N, n, n, 3), strength and doubled direction, which may be
    averaged over a cell without the two sides of a stroke cancelling.
    """
    gx, gy = slopes(brightness)
    energy = gx * gx + gy * gy
    around = _box(energy, radius) + 0.03**2
    if signed:
        around = np.sqrt(around)
        return np.stack([gx / around, gy / around], -1)
    strength = np.sqrt(energy / around)
    return np.stack([strength, (gx * gx - gy * gy) / around, 2 * gx * gy / around], -1)


def _box(values: Floats, radius: int) -> Floats:
    """(N, n, n): means over squares of 2 * radius + 1 pixels."""
    width = 2 * radius + 1
    for axis in (1, 2):
        rim = [(0, 0)] * 3
        rim[axis] = (radius + 1, radius)
        sums = np.cumsum(np.pad(values, rim, "edge"), axis, dtype=np.float32)
        values = (
            sums.take(range(width, sums.shape[axis]), axis) - sums.take(range(sums.shape[axis] - width), axis)
        ) / width
    return values
