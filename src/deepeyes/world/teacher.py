"""The teacher: what a model that knows where things are would write, turn by turn, in the dialect
`deepeyes_v2`.

It speaks of places in cells, the squares of the picture that one visual token stands for: "4.6" is the fifth
column, six tenths in. The code it writes turns cells into pixels of the full picture.
"""

import random

from .families import Example

WINDOW = (1.6, 1.1)
"""Width and height of the crop, in cells."""

TOO_SMALL = (
    "It is too small to read. I zoom in.",
    "I need a closer look.",
    "Too small from here. I look closer.",
)
NOW_CLEAR = ("Now it is clear.", "The crop shows it.", "Now I can see it.")
SEEN = "I can see it."


def solve(rng: random.Random, example: Example, grid: tuple[int, int]) -> list[str]:
    """The teacher's replies in order; `grid` is the picture's (columns, rows) of cells as the model sees
    it.
    """
    if example.family != "tiny":
        return [answer(SEEN, example.answer)]
    return [look(rng, place_in_cells(example, grid), grid), answer(rng.choice(NOW_CLEAR), example.answer)]


def place_in_cells(example: Example, grid: tuple[int, int]) -> tuple[float, float]:
    """Centre of the thing asked about, in cells."""
    if example.target is None:
        raise ValueError(f"{example.id} asks about no single thing")
    return to_cells(example.target.centre, example.scene.image.size, grid)


def to_cells(point: tuple[float, float], size: tuple[int, int], grid: tuple[int, int]) -> tuple[float, float]:
    """A point in pixels of a picture of `size` (width, height), in cells of `grid`."""
    return point[0] / size[0] * grid[0], point[1] / size[1] * grid[1]


def decimal(value: float, cells: int) -> str:
    """A place along one side as it is written: one digit, a point, one digit."""
    return f"{min(max(value, 0.1), cells - 0.1, 9.9):.1f}"


def look(rng: random.Random, place: tuple[float, float], grid: tuple[int, int]) -> str:
    """A turn that crops a window round `place` out of the full picture."""
    x, y = decimal(place[0], grid[0]), decimal(place[1], grid[1])
    half_width, half_height = f"{WINDOW[0] / 2:g}", f"{WINDOW[1] / 2:g}"
    return (
        f"<think>{rng.choice(TOO_SMALL)}</think>\n<code>\n```python\n"
        f"u, v = image_1.width / {grid[0]}, image_1.height / {grid[1]}\n"
        f"x, y = {x} * u, {y} * v\n"
        f"w, h = {half_width} * u, {half_height} * v\n"
        "image_1.crop((x - w, y - h, x + w, y + h))\n```\n</code>"
    )


def answer(thought: str, text: str) -> str:
    """A turn that answers."""
    return f"<think>{thought}</think>\n<answer>{text}</answer>"
