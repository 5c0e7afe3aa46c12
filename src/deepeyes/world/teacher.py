"""The teacher: what a model that knows where things are would write, turn by turn, in the dialect
`deepeyes_v2`.

It speaks of places in cells, the squares of the picture that one visual token stands for: "4.6" is the fifth
column, six tenths in. The code it writes turns cells into pixels of the full picture.

Some first looks are off on purpose, because a model's are: by a little, so that it learns to read what is not
in the middle of its crop, or so far that the sign is cut off, so that it learns to notice and to look again.
Such a look is `masked`: a model sees it but is not taught to write it.
"""

import random
from collections.abc import Sequence

from .example import Example, Reply, ViewSize
from .scene import Thing

__all__ = ["Reply", "ViewSize", "solve"]

WINDOW = (1.6, 1.1)
"""Width and height of the crop, in cells."""
WIDE = (2.4, 1.8)
"""The same of the crop in which a thing is seen whole before it is cut out."""
NEAR = "near"
"""The variable that keeps this crop."""

TOO_SMALL = (
    "It is too small to read. I zoom in.",
    "I need a closer look.",
    "Too small from here. I look closer.",
)
CUT_OFF = "It is not all in the crop. I look again."
CUT_OUT = "I cut it out."
NOW_CLEAR = ("Now it is clear.", "The crop shows it.", "Now I can see it.")
SEEN = "I can see it."
CROP = "image_1.crop((x - w, y - h, x + w, y + h))"


OFF = (0.2, 0.2)
"""Shares of the first looks that are a little off and that miss."""


def solve(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """The replies of the teacher of the example's family, in order."""
    if example.teach is None:
        raise ValueError(f"{example.id} has no teacher")
    return example.teach(rng, example, cells)


def look_mended(
    rng: random.Random,
    target: Thing,
    size: tuple[int, int],
    cells: ViewSize,
    *,
    thought: str = "",
    shown: int = 2,
    beside: Thing | None = None,
) -> list[Reply]:
    """One turn that crops `target` out of image_1, which is of `size`; or, as often as `OFF` says, a first
    look that is a little off, or one that misses and a second one that mends it.

    The first crop comes back as image number `shown`. With something `beside` it, the place is written as
    that thing's and the way from there.
    """
    grid = cells(*size)
    start = to_cells(beside.centre, size, grid) if beside else None
    place = to_cells(target.centre, size, grid)
    choice = rng.random()
    missing = choice < OFF[1]
    first = off(rng, target, size, grid, WINDOW, missing=missing) if choice < sum(OFF) else None
    if first is None:
        return [Reply(look(rng, place, grid, thought, start=start))]
    opening = Reply(look(rng, first, grid, thought, start=start), masked=True)
    if not missing:
        return [opening]
    shape, seen = _within(place, first, WINDOW, size, grid, cells)
    return [opening, Reply(look_again(seen, shape, shown))]


def cut_out(
    rng: random.Random,
    target: Thing,
    size: tuple[int, int],
    cells: ViewSize,
    name: str,
    thought: str = "",
) -> list[Reply]:
    """A turn that looks at `target` and what lies around it, and one that cuts it out of that crop along its
    edges, into the variable `name`: what is searched for must be the thing alone, and from afar its edges
    cannot be told so exactly. Half of the first looks are a little off.
    """
    grid = cells(*size)
    place = to_cells(target.centre, size, grid)
    first = off(rng, target, size, grid, WIDE, missing=False) if rng.random() < 0.5 else None
    opening = Reply(look(rng, first or place, grid, thought, WIDE, name=NEAR), masked=first is not None)
    # What is written of the look's place is what the code computes with.
    x, y = (float(decimal(p, n)) for p, n in zip(first or place, grid, strict=True))
    corners = [to_cells(corner, size, grid) for corner in (target.box[:2], target.box[2:])]
    (shape, start), (_, end) = (_within(corner, (x, y), WIDE, size, grid, cells) for corner in corners)
    left, top, right, bottom = (decimal(p, n) for p, n in zip((*start, *end), shape * 2, strict=True))
    cut = (
        f"<think>{CUT_OUT}</think>\n<code>\n```python\n"
        f"u, v = {NEAR}.width / {shape[0]}, {NEAR}.height / {shape[1]}\n"
        f"{name} = {NEAR}.crop(({left} * u, {top} * v, {right} * u, {bottom} * v))\n{name}\n```\n</code>"
    )
    return [opening, Reply(cut)]


def cut_at_once(
    rng: random.Random,
    target: Thing,
    size: tuple[int, int],
    cells: ViewSize,
    name: str,
    thought: str = "",
) -> list[Reply]:
    """A turn that cuts `target` out of image_1 along its edges, into the variable `name`."""
    grid = cells(*size)
    corners = [to_cells(corner, size, grid) for corner in (target.box[:2], target.box[2:])]
    left, top, right, bottom = (
        decimal(p, n) for p, n in zip((*corners[0], *corners[1]), grid * 2, strict=True)
    )
    said = f"{thought} {CUT_OUT}".strip()
    cut = (
        f"<think>{said}</think>\n<code>\n```python\n"
        f"u, v = image_1.width / {grid[0]}, image_1.height / {grid[1]}\n"
        f"{name} = image_1.crop(({left} * u, {top} * v, {right} * u, {bottom} * v))\n{name}\n```\n</code>"
    )
    return [Reply(cut)]


def _within(
    place: tuple[float, float],
    at: tuple[float, float],
    window: tuple[float, float],
    size: tuple[int, int],
    grid: tuple[int, int],
    cells: ViewSize,
) -> tuple[tuple[int, int], tuple[float, float]]:
    """In how many cells the crop of a `window` round `at` is seen, and where in those a `place` of the whole
    picture is.
    """
    shape = cells(round(window[0] * size[0] / grid[0]), round(window[1] * size[1] / grid[1]))
    x, y = ((p - a + w / 2) / w * n for p, a, w, n in zip(place, at, window, shape, strict=True))
    return shape, (x, y)


def off(
    rng: random.Random,
    target: Thing,
    size: tuple[int, int],
    grid: tuple[int, int],
    window: tuple[float, float] = WINDOW,
    *,
    missing: bool,
) -> tuple[float, float] | None:
    """A place near `target` whose window holds all of it or, `missing`, only a part of it.

    None if two hundred tries find none.
    """
    place = to_cells(target.centre, size, grid)
    left, top = to_cells(target.box[:2], size, grid)
    right, bottom = to_cells(target.box[2:], size, grid)
    for _ in range(200):
        x, y = round(place[0] + rng.uniform(-0.9, 0.9), 1), round(place[1] + rng.uniform(-0.75, 0.75), 1)
        if not (0.1 <= x <= grid[0] - 0.1 and 0.1 <= y <= grid[1] - 0.1):
            continue
        wide = min(right, x + window[0] / 2) - max(left, x - window[0] / 2)
        high = min(bottom, y + window[1] / 2) - max(top, y - window[1] / 2)
        seen = max(wide, 0) * max(high, 0) / ((right - left) * (bottom - top))
        if (0.15 < seen < 0.97) if missing else seen >= 0.999:
            return x, y
    return None


def to_cells(point: tuple[float, float], size: tuple[int, int], grid: tuple[int, int]) -> tuple[float, float]:
    """A point in pixels of a picture of `size` (width, height), in cells of `grid`."""
    return point[0] / size[0] * grid[0], point[1] / size[1] * grid[1]


def decimal(value: float, cells: int) -> str:
    """A place along one side as it is written, to a tenth of a cell."""
    return f"{min(max(value, 0.1), cells - 0.1):.1f}"


def place(thing: Thing, size: tuple[int, int], grid: tuple[int, int]) -> str:
    """Where the middle of `thing` is in a picture of `size`, in cells of `grid`, as it is written."""
    x, y = to_cells(thing.centre, size, grid)
    return f"{decimal(x, grid[0])}, {decimal(y, grid[1])}"


def look(
    rng: random.Random,
    place: tuple[float, float],
    grid: tuple[int, int],
    thought: str = "",
    window: tuple[float, float] = WINDOW,
    start: tuple[float, float] | None = None,
    name: str = "",
) -> str:
    """A turn that crops a `window` round `place` out of the full picture, and keeps it as `name` if given;
    with a `start`, the place is written as the sum of that and a step.
    """
    x, y = decimal(place[0], grid[0]), decimal(place[1], grid[1])
    if start:
        x, y = (_stepped(*sides) for sides in zip(start, (x, y), grid, strict=True))
    half_width, half_height = f"{window[0] / 2:g}", f"{window[1] / 2:g}"
    crop = f"{name} = {CROP}\n{name}" if name else CROP
    return (
        f"<think>{thought or rng.choice(TOO_SMALL)}</think>\n<code>\n```python\n"
        f"u, v = image_1.width / {grid[0]}, image_1.height / {grid[1]}\n"
        f"x, y = {x} * u, {y} * v\n"
        f"w, h = {half_width} * u, {half_height} * v\n"
        f"{crop}\n```\n</code>"
    )


def _stepped(start: float, place: str, cells: int) -> str:
    """A place along one side as it is written from another one."""
    first = decimal(start, cells)
    step = float(place) - float(first)
    return f"({first} {'-' if step < 0 else '+'} {abs(step):.1f})"


def survey(rng: random.Random, places: Sequence[tuple[float, float]], grid: tuple[int, int]) -> str:
    """A turn that crops a window round each of `places` out of the full picture, all in one cell."""
    spots = ", ".join(f"({decimal(x, grid[0])}, {decimal(y, grid[1])})" for x, y in places)
    half_width, half_height = f"{WINDOW[0] / 2:g}", f"{WINDOW[1] / 2:g}"
    return (
        f"<think>{rng.choice(TOO_SMALL)}</think>\n<code>\n```python\n"
        f"u, v = image_1.width / {grid[0]}, image_1.height / {grid[1]}\n"
        f"w, h = {half_width} * u, {half_height} * v\n"
        f"for x, y in ({spots}):\n"
        f"    display(image_1.crop((x * u - w, y * v - h, x * u + w, y * v + h)))\n```\n</code>"
    )


def look_again(place: tuple[float, float], grid: tuple[int, int], shown: int = 2) -> str:
    """A turn that moves the window to `place`, in cells of the crop that the look before it returned as image
    number `shown`.
    """
    x, y = decimal(place[0], grid[0]), decimal(place[1], grid[1])
    return (
        f"<think>{CUT_OFF}</think>\n<code>\n```python\n"
        f"u, v = image_{shown}.width / {grid[0]}, image_{shown}.height / {grid[1]}\n"
        f"x, y = x - w + {x} * u, y - h + {y} * v\n"
        f"{CROP}\n```\n</code>"
    )


def answer(thought: str, text: str) -> str:
    """A turn that answers."""
    return f"<think>{thought}</think>\n<answer>{text}</answer>"
