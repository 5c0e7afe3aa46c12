"""Plain shapes as people draw them: filled or in outline, turned a little, on any ground.

What always holds: a shape can be told from its ground, and its kind and colour are what it is called.
"""

import math
import random

from PIL import Image, ImageDraw

from .palette import EVERY_COLOUR, shade
from .scene import Scene, Thing, free_place

OUTLINES = (
    "circle",
    "square",
    "triangle",
    "star",
    "rectangle",
    "oval",
    "diamond",
    "heart",
    "hexagon",
    "cross",
)
_LEAST = 60
"""Least distance in RGB (0..441) between a shape and what lies behind it."""


def add_outline(
    rng: random.Random, scene: Scene, kind: str, *, side: float, gap: float, colour: str, solid: bool
) -> Thing | None:
    """Draw a shape of `side` pixels, filled if `solid`; None where no room is left, or none where it
    shows.
    """
    for _ in range(4):
        place = free_place(rng, scene, side, side, gap)
        if place is None:
            return None
        x, y = round(place[0]), round(place[1])
        fill = shade(rng, colour)
        behind = scene.image.crop((x, y, x + round(side), y + round(side))).resize(
            (1, 1), Image.Resampling.BOX
        )
        if math.dist(fill, behind.getpixel((0, 0))) > _LEAST:  # type: ignore[arg-type]
            break
        colour = rng.choice(EVERY_COLOUR)
    else:
        return None
    scale = 3
    mask = Image.new("L", (round(side) * scale, round(side) * scale), 0)
    draw = ImageDraw.Draw(mask)
    turn = rng.gauss(0, 0.08) if kind not in ("circle", "oval") else 0.0
    points = [
        (mask.width * (0.5 + 0.48 * (u * math.cos(turn) - v * math.sin(turn))),
         mask.width * (0.5 + 0.48 * (u * math.sin(turn) + v * math.cos(turn))))
        for u, v in _corners(rng, kind)
    ]  # fmt: skip
    if solid:
        draw.polygon(points, fill=255)
    else:
        width = max(3, round(mask.width * rng.uniform(0.06, 0.12)))
        draw.line([*points, points[0], points[1]], fill=255, width=width, joint="curve")
    mask = mask.resize((round(side), round(side)), Image.Resampling.BOX)
    if solid and rng.random() < 0.3:
        edge = (20, 20, 20) if colour != "black" else (235, 235, 235)
        scene.image.paste(edge, (x, y), mask)
        inner = mask.resize((max(1, round(side * 0.9)), max(1, round(side * 0.9))), Image.Resampling.BILINEAR)
        off = (mask.width - inner.width) // 2
        scene.image.paste(fill, (x + off, y + off), inner)
    else:
        scene.image.paste(fill, (x, y), mask)
    box = mask.getbbox() or (0, 0, mask.width, mask.height)
    thing = Thing(kind, colour, (x + box[0], y + box[1], x + box[2], y + box[3]))
    scene.things.append(thing)
    return thing


def _corners(rng: random.Random, kind: str) -> list[tuple[float, float]]:
    """The shape's edge as points within the unit circle's square (-1..1)."""
    match kind:
        case "circle":
            return _round(1, 1)
        case "oval":
            return (
                _round(1, rng.uniform(0.5, 0.7)) if rng.random() < 0.7 else _round(rng.uniform(0.5, 0.7), 1)
            )
        case "square":
            return [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]
        case "rectangle":
            long, short = 0.98, rng.uniform(0.4, 0.62)
            u, v = (long, short) if rng.random() < 0.7 else (short, long)
            return [(-u, -v), (u, -v), (u, v), (-u, v)]
        case "triangle":
            return _regular(3)
        case "hexagon":
            return _regular(6)
        case "diamond":
            return [(0, -1), (rng.uniform(0.55, 0.75), 0), (0, 1), (-0.65, 0)]
        case "star":
            spokes = _regular(10)
            return [(u * r, v * r) for (u, v), r in zip(spokes, (1, rng.uniform(0.4, 0.5)) * 5, strict=True)]
        case "heart":
            turns = (2 * math.pi * step / 40 for step in range(40))
            return [
                (
                    math.sin(t) ** 3,
                    -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 17,
                )
                for t in turns
            ]
        case _:
            a = rng.uniform(0.26, 0.36)
            b = 0.97
            return [
                (-a, -b),
                (a, -b),
                (a, -a),
                (b, -a),
                (b, a),
                (a, a),
                (a, b),
                (-a, b),
                (-a, a),
                (-b, a),
                (-b, -a),
                (-a, -a),
            ]


def _round(u: float, v: float) -> list[tuple[float, float]]:
    return [
        (u * math.cos(2 * math.pi * step / 48), v * math.sin(2 * math.pi * step / 48)) for step in range(48)
    ]


def _regular(corners: int) -> list[tuple[float, float]]:
    angles = (2 * math.pi * corner / corners - math.pi / 2 for corner in range(corners))
    return [(math.cos(angle), math.sin(angle)) for angle in angles]
