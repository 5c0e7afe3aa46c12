"""The outlines of countries from Natural Earth's TopoJSON: rings of degrees, distant parts left out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

Point = tuple[float, float]
Ring = list[Point]

_NEAR = 0.6
"""A part belongs to the picture if its gap to the largest is below this share of the largest's extent."""


def read_topojson(data: bytes, layer: str = "countries") -> Iterator[tuple[str, str, list[Ring]]]:
    """Numeric ISO code (may be empty), name and outer rings of each feature of a quantised TopoJSON file."""
    topology: Any = json.loads(data)
    (scale_x, scale_y), (move_x, move_y) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs: list[Ring] = []
    for deltas in topology["arcs"]:
        x = y = 0
        arc: Ring = []
        for step_x, step_y in deltas:
            x, y = x + step_x, y + step_y
            arc.append((x * scale_x + move_x, y * scale_y + move_y))
        arcs.append(arc)
    for shape in topology["objects"][layer]["geometries"]:
        parts = {"Polygon": [shape.get("arcs")], "MultiPolygon": shape.get("arcs")}.get(shape["type"], [])
        rings = [_unwrapped(_join(arcs, part[0])) for part in parts]
        yield str(shape.get("id", "")), str(shape["properties"]["name"]), rings


def _join(arcs: list[Ring], numbers: list[int]) -> Ring:
    """The ring made of arcs; a negative number ~n means arc n from its end. Arcs share their end points."""
    ring: Ring = []
    for number in numbers:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        ring.extend(arc[1:] if ring else arc)
    return ring


def _unwrapped(ring: Ring) -> Ring:
    """The ring without jumps at the antimeridian: longitudes may leave -180..180 instead."""
    turn = 0.0
    found = [ring[0]]
    for (before, _), (x, y) in pairwise(ring):
        turn -= 360.0 * round((x - before) / 360)
        found.append((x + turn, y))
    return found


def main_part(rings: list[Ring]) -> list[Ring]:
    """The largest ring and those near it, all on one side of the antimeridian."""
    largest = max(rings, key=_area)
    left, bottom, right, top = _box(largest)
    middle = (left + right) / 2
    squeeze = max(math.cos(math.radians((bottom + top) / 2)), 0.05)
    extent = max((right - left) * squeeze, top - bottom)
    kept = [largest]
    for ring in rings:
        if ring is largest:
            continue
        centre = sum(x for x, _ in ring) / len(ring)
        turn = 360.0 * round((middle - centre) / 360)
        moved = [(x + turn, y) for x, y in ring]
        box = _box(moved)
        gap_x = max(box[0] - right, left - box[2], 0) * squeeze
        gap_y = max(box[1] - top, bottom - box[3], 0)
        if math.hypot(gap_x, gap_y) < _NEAR * extent:
            kept.append(moved)
    return kept


def drawn_share(rings: list[Ring]) -> float:
    """The share of the square around the rings that they cover, 0 to 1: small for scattered islands."""
    boxes = [_box(ring) for ring in rings]
    bottom, top = min(box[1] for box in boxes), max(box[3] for box in boxes)
    squeeze = max(math.cos(math.radians((bottom + top) / 2)), 0.05)
    width = (max(box[2] for box in boxes) - min(box[0] for box in boxes)) * squeeze
    side = max(width, top - bottom)
    return sum(_area(ring) for ring in rings) / side**2 if side else 0.0


def _area(ring: Ring) -> float:
    """Area in square degrees at the ring's latitude."""
    twice = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))
    middle = sum(y for _, y in ring) / len(ring)
    return abs(twice) / 2 * max(math.cos(math.radians(middle)), 0.05)


def _box(ring: Ring) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    return min(xs), min(ys), max(xs), max(ys)
