"""Lessons on charts, tables and figures: where the numbers stand that a question is about, and what they say
when one looks closely.
"""

import random

from PIL import Image

from deepeyes.models.nano.build import NanoSize
from deepeyes.models.nano.pixels import grid_of, to_view
from deepeyes.world import phrases
from deepeyes.world.example import Drawn
from deepeyes.world.families import FAMILIES
from deepeyes.world.plan import Look
from deepeyes.world.scene import Thing
from deepeyes.world.teacher import SEEN, WINDOW, answer, decimal, to_cells

from .batch import Turn

SHEETS = ("chart", "table", "geometry")
CROPS = 3
"""Numbers of one sheet that are looked at."""
PLACES = ("Where to look?", "Where are the numbers?", "Which places matter?", "Where must one look?")

Said = list[tuple[str, Turn, Turn]]
"""What was asked for, the question and the answer."""


def draw_sheet(rng: random.Random, size: NanoSize, split: str) -> Said:
    """A sheet and a question, and the places where its numbers are; or crops of it and what they say."""
    drawn = FAMILIES[rng.choice(SHEETS)].draw(rng, split)
    return _places(rng, drawn, size) if rng.random() < 0.6 else _numbers(rng, drawn, size)


def _places(rng: random.Random, drawn: Drawn, size: NanoSize) -> Said:
    image = drawn.scene.image
    view = to_view(image, size)
    grid = grid_of(view)
    spots = [to_cells(step.thing.centre, image.size, grid) for step in drawn.steps if isinstance(step, Look)]
    told = " and ".join(f"{decimal(x, grid[0])}, {decimal(y, grid[1])}" for x, y in spots)
    asked = Turn("user", (view, told_size(1, image, view), f"{drawn.question} {rng.choice(PLACES)}"))
    blind = Turn("user", (drawn.question,))
    return [
        ("places", asked, Turn("assistant", (answer(SEEN, told),))),
        ("blind", blind, Turn("assistant", (answer(SEEN, drawn.answer),))),
    ]


def _numbers(rng: random.Random, drawn: Drawn, size: NanoSize) -> Said:
    said: Said = []
    things = [thing for thing in drawn.scene.things if thing.text]
    for number, thing in enumerate(rng.sample(things, min(CROPS, len(things))), start=1):
        crop = crop_around(rng, drawn.scene.image, thing, size)
        view = to_view(crop, size)
        question = phrases.ask(rng, phrases.SAYS, it="the number")
        asked = Turn("user", (view, told_size(number, crop, view), question))
        said.append(("number", asked, Turn("assistant", (answer(SEEN, thing.text.rstrip("\u00b0")),))))
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
