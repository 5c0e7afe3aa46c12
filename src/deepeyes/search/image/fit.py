"""The second look: a few images moved until they fit the query, and how well they then fit.

What always holds: a placement comes back no worse than it went in; every function is total for finite input
(flat images score 0, never NaN).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepeyes.search.image.arrays import Bytes, Floats, edges, normal, opponent, sample, slopes, unit_grid


def refine(templates: Floats, query: Floats, start: Floats, steps: int) -> Floats:
    """(K, 2, 3): placements `start` moved so that `templates` (K, n, n, 3) fit the query (S, S, 3).

    Gauss-Newton on the six numbers of a placement, inverse compositional, exposure taken out at every step,
    and pixels that fit badly (background, a hand in front) given less weight.
    """
    count, side = templates.shape[:2]
    grid = unit_grid(side)
    wanted = np.ascontiguousarray(np.moveaxis(templates, -1, 1)).reshape(count, 3, -1)
    across, down = (side * part.reshape(count, 3, -1) for part in slopes(np.moveaxis(templates, -1, 1)))
    basis = np.stack([grid[0], grid[1], np.ones(side * side, np.float32)], 1)
    squares = (basis[:, :, None] * basis[:, None, :]).reshape(-1, 9)
    damping = np.diag(np.array([0.3, 0.3, 1, 0.3, 0.3, 1], np.float32))
    now, best, best_fit = start, start.copy(), np.full(count, -2, np.float32)
    robust = np.ones((count, side * side), np.float32)
    for step in range(steps + 1):
        values, weight = sample(query, now, grid)
        seen = np.moveaxis(values, -1, 1)
        fit = _plain_fit(seen, wanted, weight) * np.minimum(1, weight.mean(1) / 0.5) ** 0.25
        better = fit > best_fit
        best_fit = np.where(better, fit, best_fit)
        best[better] = now[better]
        if step == steps:
            break
        mix = weight * robust
        (a, _), (b, scale) = normal(seen, mix), normal(wanted, mix)
        rest = a - np.einsum("kcp,kcp,kp->k", a, b, mix)[:, None, None] * b
        error = np.einsum("kcp,kcp->kp", rest, rest)
        spread = (error * weight).sum(1, keepdims=True) / (weight.sum(1, keepdims=True) + 1e-3)
        robust = 1 / (1 + error / (spread + 1e-9))
        mix = weight * robust
        gx, gy = across / scale, down / scale
        curve = np.empty((count, 6, 6), np.float32)
        curve[:, :3, :3] = (_along(gx, gx, mix) @ squares).reshape(-1, 3, 3)
        curve[:, :3, 3:] = curve[:, 3:, :3] = (_along(gx, gy, mix) @ squares).reshape(-1, 3, 3)
        curve[:, 3:, 3:] = (_along(gy, gy, mix) @ squares).reshape(-1, 3, 3)
        slope = np.concatenate([_along(gx, rest, mix) @ basis, _along(gy, rest, mix) @ basis], 1)
        size: Floats = np.einsum("kii->k", curve)
        curve = curve + (0.1 * size / 6 + 1e-3)[:, None, None] * damping
        solved = np.linalg.solve(curve.astype(np.float64), slope.astype(np.float64)[..., None])
        move = np.clip(solved, -0.08, 0.08).astype(np.float32).reshape(-1, 2, 3)
        linear = now[:, :, :2] @ np.linalg.inv(np.eye(2, dtype=np.float32) + move[:, :, :2])
        now = np.concatenate([linear, now[:, :, 2:] - linear @ move[:, :, 2:]], 2)
    return best


@dataclass(frozen=True)
class Fit:
    """How images lie on the query, each (K,)."""

    colour: Floats
    """Correlation of colours."""
    edges: Floats
    """Correlation of edges, each weighed against its neighbourhood, so that fine marks count."""
    gain: Floats
    """Natural logarithm of the query's contrast over the image's."""
    seen: Floats
    """Share of the image that lies well inside the query."""

    def score(self) -> Floats:
        """One number, about 0 to 1; an image must fit in colour, in detail and in contrast."""
        strange = np.maximum(np.abs(self.gain) - 0.5, 0)
        joint = 0.5 * self.colour + 0.5 * self.edges - 0.5 * strange
        return joint * np.minimum(1, self.seen / 0.5) ** 0.25


def fit_of(templates: Floats, query: Floats, places: Floats) -> Fit:
    """How well `templates` (K, n, n, 3) fit the query (S, S, 3) at their placements (K, 2, 3)."""
    count, side = templates.shape[:2]
    values, weight = sample(query, places, unit_grid(side))
    seen = np.moveaxis(values, -1, 1)
    wanted = np.moveaxis(templates, -1, 1).reshape(count, 3, -1)
    (a, scale_a), (b, scale_b) = normal(seen, weight), normal(wanted, weight)
    colour = np.einsum("kcp,kcp,kp->k", a, b, weight)
    inside = (weight > 0).astype(np.float32)
    edge_a = edges((seen[:, 0] * inside).reshape(-1, side, side), 2, signed=True).reshape(count, -1, 2)
    edge_b = edges((wanted[:, 0] * inside).reshape(-1, side, side), 2, signed=True).reshape(count, -1, 2)
    product = np.einsum("kpc,kpc,kp->k", edge_a, edge_b, weight)
    power = np.einsum("kpc,kp->k", edge_a**2, weight) + 2, np.einsum("kpc,kp->k", edge_b**2, weight) + 2
    gain = np.log((scale_a + 0.3) / (scale_b + 0.3))[:, 0, 0]
    return Fit(colour, product / np.sqrt(power[0] * power[1]), gain, weight.mean(1))


def likeness(one: Bytes, templates: Bytes) -> Floats:
    """(K,) correlations of (n, n, 3) with (K, n, n, 3), pixel on pixel; 1 is the same but for exposure."""
    flat = np.moveaxis(opponent(np.concatenate([one[None], templates])), -1, 1).reshape(
        len(templates) + 1, 3, -1
    )
    even, _ = normal(flat, np.ones_like(flat[:, 0]))
    return np.einsum("cp,kcp->k", even[0], even[1:])


def _plain_fit(seen: Floats, wanted: Floats, weight: Floats) -> Floats:
    (a, _), (b, _) = normal(seen, weight), normal(wanted, weight)
    return np.einsum("kcp,kcp,kp->k", a, b, weight)


def _along(a: Floats, b: Floats, weight: Floats) -> Floats:
    return np.einsum("kcp,kcp->kp", a, b) * weight
