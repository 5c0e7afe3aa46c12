"""`geometry`: coloured figures with their lengths and angles written on them; lengths, angles and areas are
to be computed.

Figures are drawn to no scale that could be measured: the numbers are what counts. In one half of the pictures
they are large, else they are read in crops.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from deepeyes.world import phrases
from deepeyes.world.example import Drawn, Family
from deepeyes.world.palette import COLOURS
from deepeyes.world.plan import Read, compute, play
from deepeyes.world.scene import Thing
from deepeyes.world.sheet import INK, LARGE, NUMBER, Sheet, tint
from deepeyes.world.strings import split_of

Point = tuple[float, float]
PI = 3.1416

WORDINGS = (
    "What is the {asked} of the {it}?",
    "Compute the {asked} of the {it}.",
    "Find the {asked} of the {it}.",
    "How large is the {asked} of the {it}?",
    "Give the {asked} of the {it}.",
    "Tell me the {asked} of the {it}.",
    "Work out the {asked} of the {it}.",
    "How much is the {asked} of the {it}?",
    "I need the {asked} of the {it}.",
)


@dataclass(frozen=True)
class Figure:
    """A figure in a square from 0 to 1, y downwards: its corners and where its numbers stand (none: a
    circle), and `draws`, which gives numbers that such a figure can have.
    """

    name: str
    corners: tuple[Point, ...]
    labels: tuple[Point, ...]
    draws: Callable[[random.Random], tuple[int, ...]]
    sign: str = ""
    """Written after each number: a degree sign for angles."""
    lines: tuple[tuple[Point, Point], ...] = ()


@dataclass(frozen=True)
class Question:
    """What may be asked of a figure, with the formula in the names a, b, c and its value."""

    figure: Figure
    asked: str
    expression: str
    value: Callable[..., float]


def _sides(number: int, low: int = 11, high: int = 99) -> Callable[[random.Random], tuple[int, ...]]:
    return lambda rng: tuple(rng.sample(range(low, high), number))


def _bases(rng: random.Random) -> tuple[int, ...]:
    long, short, height = sorted(rng.sample(range(11, 90), 3), reverse=True)
    return (long, short, height) if rng.random() < 0.5 else (long, height, short)


def _angles(rng: random.Random) -> tuple[int, ...]:
    return rng.randint(21, 79), rng.randint(21, 79)


def _four_angles(rng: random.Random) -> tuple[int, ...]:
    return rng.randint(65, 110), rng.randint(65, 110), rng.randint(65, 110)


RECTANGLE = Figure(
    "rectangle", ((0, 0.22), (1, 0.22), (1, 0.95), (0, 0.95)), ((0.5, 0.06), (0.78, 0.58)), _sides(2)
)
RIGHT = Figure("right triangle", ((0, 0.05), (0, 0.78), (1, 0.78)), ((0.17, 0.55), (0.55, 0.93)), _sides(2))
SLANTED = Figure(
    "parallelogram",
    ((0.25, 0.22), (1, 0.22), (0.75, 0.95), (0, 0.95)),
    ((0.62, 0.06), (0.45, 0.6)),
    _sides(2),
    lines=(((0.27, 0.22), (0.27, 0.95)),),
)
TRAPEZOID = Figure(
    "trapezoid",
    ((0.25, 0.2), (0.75, 0.2), (1, 0.8), (0, 0.8)),
    ((0.5, 0.95), (0.5, 0.05), (0.5, 0.5)),
    _bases,
    lines=(((0.31, 0.2), (0.31, 0.8)),),
)
CIRCLE = Figure("circle", (), ((0.5, 0.3),), _sides(1), lines=(((0.5, 0.5), (1, 0.5)),))
TRIANGLE = Figure(
    "triangle", ((0, 0.95), (1, 0.95), (0.5, 0.05)), ((0.25, 0.8), (0.75, 0.8)), _angles, sign="\u00b0"
)
FOUR = Figure(
    "quadrilateral",
    ((0, 0.05), (1, 0), (0.9, 1), (0.05, 0.95)),
    ((0.2, 0.2), (0.78, 0.18), (0.72, 0.82)),
    _four_angles,
    sign="\u00b0",
)

QUESTIONS = (
    Question(RECTANGLE, "area", "a * b", lambda a, b: a * b),
    Question(RECTANGLE, "perimeter", "2 * (a + b)", lambda a, b: 2 * (a + b)),
    Question(RECTANGLE, "diagonal", "round((a * a + b * b) ** 0.5, 2)", lambda a, b: _root(a * a + b * b)),
    Question(RIGHT, "area", "a * b / 2", lambda a, b: a * b / 2),
    Question(RIGHT, "longest side", "round((a * a + b * b) ** 0.5, 2)", lambda a, b: _root(a * a + b * b)),
    Question(SLANTED, "area", "a * b", lambda a, b: a * b),
    Question(TRAPEZOID, "area", "(a + b) / 2 * c", lambda a, b, c: (a + b) / 2 * c),
    Question(CIRCLE, "area", "round(3.1416 * a * a, 2)", lambda a: round(PI * a * a, 2)),
    Question(CIRCLE, "circumference", "round(2 * 3.1416 * a, 2)", lambda a: round(2 * PI * a, 2)),
    Question(TRIANGLE, "third angle", "180 - a - b", lambda a, b: 180 - a - b),
    Question(FOUR, "fourth angle", "360 - a - b - c", lambda a, b, c: 360 - a - b - c),
)


def _root(square: float) -> float:
    return round(math.sqrt(square), 2)


def draw(rng: random.Random, split: str) -> Drawn:
    """One or two figures, and a question about one of them."""
    question = rng.choice(QUESTIONS)
    figures = [question.figure]
    large = rng.random() < 0.5
    if not large and rng.random() < 0.5:
        figures.append(rng.choice([q.figure for q in QUESTIONS if q.figure is not question.figure]))
    colours = rng.sample([name for name in COLOURS if name != "white"], len(figures))
    sheet = Sheet(rng)
    things: list[Thing] = []
    asked: list[Thing] = []
    places = rng.sample(range(2), len(figures))
    for figure, colour, place in zip(figures, colours, places, strict=True):
        drawn = _put(rng, sheet, figure, colour, place if len(figures) > 1 else None, split, large=large)
        asked = asked or drawn
        things += drawn
    numbers = [int(thing.text) for thing in asked]
    named = f"{colours[0]} {question.figure.name}"
    words = phrases.ask(rng, WORDINGS, asked=question.asked, it=named)
    if question.figure is CIRCLE:
        words += f" Use {PI} for pi."
    answer = str(question.value(*numbers))
    sums = compute([thing.text for thing in asked], question.expression)
    target = asked[0] if len(asked) == 1 else None
    steps = (Read(tuple(asked), large), sums)
    return Drawn(sheet.scene(things), question.asked, words, answer, target, steps=steps)


def _put(
    rng: random.Random,
    sheet: Sheet,
    figure: Figure,
    colour: str,
    half: int | None,
    split: str,
    *,
    large: bool,
) -> list[Thing]:
    """Draw a figure into the left (0) or right (1) half of the sheet, or the middle; the numbers on it."""
    room = (
        sheet.width * (0.75 if large else 0.45 if half is not None else 0.6),
        sheet.height * (0.68 if large else 0.82),
    )
    wide, high = room[0] * rng.uniform(0.8, 1), room[1] * rng.uniform(0.7, 1)
    if figure is CIRCLE:
        wide = high = min(wide, high)
    centre = {None: 0.5, 0: 0.25, 1: 0.75}[half] * sheet.width
    left, top = centre - wide / 2, (sheet.height - high) * rng.uniform(0.3, 0.7)
    if half is None:
        left += sheet.width * rng.uniform(-0.15, 0.15) * (0.5 if large else 1)

    def at(point: Point) -> Point:
        return left + point[0] * wide, top + point[1] * high

    fill = tint(rng, colour)
    if figure.corners:
        sheet.polygon([at(corner) for corner in figure.corners], fill)
    else:
        sheet.circle(at((0.5, 0.5)), wide / 2, fill)
    for one, other in figure.lines:
        sheet.line(at(one), at(other), "white" if colour == "black" else INK)
    numbers = _numbers(rng, figure, split)
    plate = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "0.3", "linewidth": 1.5}
    things: list[Thing] = []
    for number, label in zip(numbers, figure.labels, strict=True):
        written = sheet.write(f"{number}{figure.sign}", at(label), LARGE if large else NUMBER, bbox=plate)
        text = str(number)
        things.append(replace(written, colour=colour, text=text, glyphs=written.glyphs[: len(text)]))
    return things


def _numbers(rng: random.Random, figure: Figure, split: str) -> tuple[int, ...]:
    """Numbers for the figure that no other split shows together on it."""
    while True:
        numbers = figure.draws(rng)
        if split_of(f"{figure.name} {numbers}") == split:
            return numbers


GEOMETRY = Family(draw, play, ("python",), alone=True)
