"""`word`: ordinary signs with words and codes, large and small, on anything; small ones are read in a
crop.
"""

from __future__ import annotations

import random

from deepeyes.world.example import Drawn, Example, Family, Reply, ViewSize
from deepeyes.world.scene import Thing
from deepeyes.world.teacher import NOW_CLEAR, SEEN, answer, look, to_cells
from deepeyes.world.words import spoken

from .ordinary import LONG_SIDES, about_signs, draw_signs

SHARE = (0.08, 0.85)
"""Shares of the image's width that the longest line of a sign takes."""
LEGIBLE = 0.34
"""Height of a character in cells from which on it is read without a look."""
WINDOWS = ((1.6, 1.1), (2.4, 1.6), (3.6, 2.2), (5.0, 3.0), (7.0, 4.0))
"""Widths and heights of a crop, in cells: the smallest that holds the sign with room to spare is taken."""
ROOM = 1.25


def draw(rng: random.Random, split: str) -> Drawn:
    """An image with signs, and a question about one of them."""
    while True:
        scene = draw_signs(rng, split, LONG_SIDES, SHARE)
        questions = about_signs(rng, scene)
        if questions:
            asked = rng.choice([q for q in questions if q.kind == "says"] * 3 + questions)
            return Drawn(scene, asked.kind, asked.question, asked.answer, asked.target)


def teach(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """Read it, in a crop where it is small."""
    sign = example.target
    if sign is None:
        raise ValueError(f"{example.id} asks about no single sign")
    told = example.answer if example.kind == "colour" else spoken(example.answer)
    size = example.scene.image.size
    grid = cells(*size)
    if legible(sign, size, grid) or sign.colour == example.answer:
        return [Reply(answer(SEEN, told))]
    crop = look(rng, to_cells(sign.centre, size, grid), grid, window=window_for(sign, size, grid))
    return [Reply(crop), Reply(answer(rng.choice(NOW_CLEAR), told))]


def legible(sign: Thing, size: tuple[int, int], grid: tuple[int, int]) -> bool:
    """Whether the characters of `sign` can be read in an image of `size` seen in `grid` cells."""
    heights = [(box[3] - box[1]) / size[1] * grid[1] for _, box in sign.glyphs]
    return sum(heights) / len(heights) > LEGIBLE


def window_for(sign: Thing, size: tuple[int, int], grid: tuple[int, int]) -> tuple[float, float]:
    """The crop in which `sign` is looked at, in cells."""
    wide = (sign.box[2] - sign.box[0]) / size[0] * grid[0] * ROOM
    high = (sign.box[3] - sign.box[1]) / size[1] * grid[1] * ROOM
    return next((window for window in WINDOWS if wide <= window[0] and high <= window[1]), WINDOWS[-1])


WORD = Family(draw, teach, ("python",))
