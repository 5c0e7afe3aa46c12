"""Lessons on charts, tables and figures: where the numbers stand that a question is about, and what they say
when they are large or one looks closely.
"""

import random

from PIL import Image

from deepeyes.models.nano.build import NanoSize
from deepeyes.models.nano.pixels import grid_of, to_view
from deepeyes.world import phrases
from deepeyes.world.example import Drawn
from deepeyes.world.families import FAMILIES
from deepeyes.world.plan import Read
from deepeyes.world.scene import Thing
from deepeyes.world.teacher import SEEN, WINDOW, answer, decimal, to_cells

from .batch import Turn

SHEETS = ("chart", "table", "geometry")
CROPS = 3
"""Numbers of one sheet that are looked at."""
NUMBERS = ("Which numbers?", "Read the numbers.", "Which numbers matter?", "What are the numbers?")
PLACES = ("Where to look?", "Where are the numbers?", "Which places matter?", "Where must one look?")

Said = list[tuple[str, Turn, Turn]]
"""What was asked for, the question and the answer."""


def draw_sheet(rng: random.Random, size: NanoSize, split: str) -> Said:
    """A sheet and a question, and the places where its numbers are; or crops of it and what they say."""
    drawn = FAMILIES[rng.choice(SHEETS)].draw(rng, split)
    read = next(step for step in drawn.steps if isinstance(step, Read))
    return _whole(rng, drawn, read, size) if read.large or rng.random() < 0.6 else _crops(rng, drawn, size)


def _whole(rng: random.Random, drawn: Drawn, read: Read, size: NanoSize) -> Said:
    image = drawn.scene.image
    view = to_view(image, size)
    grid = grid_of(view)
    if read.large:
        kind, request, told = (
            "numbers",
            rng.choice(NUMBERS),
            " and ".join(thing.text for thing in read.things),
        )
    else:
        kind, request = "places", rng.choice(PLACES)
        spots = [to_cells(thing.centre, image.size, grid) for thing in read.things]
        told = " and ".join(f"{decimal(x, grid[0])}, {decimal(y, grid[1])}" for x, y in spots)
    asked = Turn("user", (view, told_size(1, image, view), f"{drawn.question} {request}"))
    blind = Turn("user", (drawn.question,))
    return [
        (kind, asked, Turn("assistant", (answer(SEEN, told),))),
        ("blind", blind, Turn("assistant", (answer(SEEN, drawn.answer),))),
    ]


def _crops(rng: random.Random, drawn: Drawn, size: NanoSize) -> Said:
    said: Said = []
    things = [thing for thing in drawn.scene.things if thing.text]
    for number, thing in enumerate(rng.sample(things, min(CROPS, len(things))), start=1):
        crop = crop_around(rng, drawn.scene.image, thing, size)
        view = to_view(crop, size)
        question = phrases.ask(rng, phrases.SAYS, it="the number")
        asked = Turn("user", (view, told_size(number, crop, view), question))
        said.append(("number", asked, Turn("assistant", (answer(SEEN, thing.text),))))
    return said


def crop_around(rng: random.Random, image: Image.Image, thing: Thing, size: NanoSize) -> Image.Image:
    """The window of the teacher's looks around `thing`, a little off, all of it within."""
    grid = grid_of(to_view(image, size))
    u, v = image.width / grid[0], image.height / grid[1]
    width, height = WINDOW[0] * u, WINDOW[1] * v
    left, top, right, bottom = thing.box
    x = rng.uniform(right - width, left) if right - left < width else (left + right - width) / 2
    y = rng.uniform(bottom - height, top) if bottom - top < height else (top + bottom - height) / 2
    middle = thing.centre[0] - width / 2, thing.centre[1] - height / 2
    x, y = (x + 2 * middle[0]) / 3, (y + 2 * middle[1]) / 3
    return image.crop((round(x), round(y), round(x + width), round(y + height)))


def told_size(number: int, image: Image.Image, view: Image.Image) -> str:
    """The line that the brief dialect puts under a picture."""
    return f"image_{number} {image.width}x{image.height} as {view.width}x{view.height}\n"
