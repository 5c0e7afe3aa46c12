"""Lessons on charts, tables and figures: where the numbers stand that a question is about, and what they say
when they are large or one looks closely; and on scenes with an image in them: where it is.

What always holds: only what can be read at the size the model sees is asked for at once; of the
rest ("blind") one cannot tell without tools.
"""

import random

import torch
from PIL import Image

from deepeyes.models.nano.pixels import grid_of, to_view
from deepeyes.models.nano.size import NanoSize
from deepeyes.world import phrases
from deepeyes.world.asking import CANNOT_TELL
from deepeyes.world.example import Drawn
from deepeyes.world.families import family_named
from deepeyes.world.families.absent import SMALL
from deepeyes.world.plan import Cut, Read, seen
from deepeyes.world.scene import Thing
from deepeyes.world.teacher import SEEN, WINDOW, answer, place

from .batch import IGNORE, ChatMessage, Exchange
from .dense import LABELS, SHEETS, label_sheet

SCENE_SHARE = 0.15
"""Share of the scenes with an image in them."""
OFTEN = (2, 4, 3)
"""How often a sheet is of each of `SHEETS`: in tables it takes longest to learn to find a number."""
CROP_SHARE = 0.35
"""Share of the sheets with small numbers that are shown in crops, as after a look."""
BLIND = 0.2
"""Share of the sheets whose last question asks for the answer itself, which one cannot tell without tools."""
TO_COMPUTE = "I cannot compute it without tools."
ASKED = 3
"""Questions about one sheet."""
NUMBERS = ("Which numbers?", "Read the numbers.", "Which numbers matter?", "What are the numbers?")
PLACES = ("Where to look?", "Where are the numbers?", "Which places matter?", "Where must one look?")


def unlabelled(cells: int) -> torch.Tensor:
    """Labels (cells, kinds) of images that nobody labelled."""
    return torch.full((cells, len(LABELS)), IGNORE)


def draw_sheet(rng: random.Random, size: NanoSize, split: str) -> tuple[list[Exchange], torch.Tensor]:
    """A sheet, what its numbers say or where they are, and the labels of its cells; or crops of it and what
    they say, or a scene with an image in it, without labels.
    """
    if rng.random() < SCENE_SHARE:
        drawn = family_named("integration").draw(rng, split)
        view = to_view(drawn.scene.image, size)
        target = next(step.thing for step in drawn.steps if isinstance(step, Cut))
        columns, rows = grid_of(view)
        return _whole(rng, drawn, Read((target,)), view), unlabelled(columns * rows)
    drawn = family_named(rng.choices(SHEETS, OFTEN)[0]).draw(rng, split)
    read = next(step for step in drawn.steps if isinstance(step, Read))
    if not read.large and rng.random() < CROP_SHARE:
        return _crops(rng, drawn, size)
    view = to_view(drawn.scene.image, size)
    return _whole(rng, drawn, read, view), label_sheet(drawn.scene, grid_of(view))


def _whole(rng: random.Random, drawn: Drawn, read: Read, view: Image.Image) -> list[Exchange]:
    """The numbers that the sheet's own question is about, those of single things, and now and then the answer
    itself.
    """
    image, grid = drawn.scene.image, grid_of(view)

    def read_at(*things: Thing) -> tuple[str, str]:
        thought = seen(Read(things, large=True), image.size, lambda _width, _height: grid)
        return " and ".join(thing.text for thing in things), thought

    def places(*things: Thing) -> tuple[str, str]:
        return " and ".join(place(thing, image.size, grid) for thing in things), SEEN

    kinds = (
        ("numbers", NUMBERS, "number", phrases.SAYS)
        if read.large
        else ("places", PLACES, "where", phrases.WHERE)
    )
    tell = read_at if read.large else places
    questions = [(kinds[0], f"{drawn.question} {rng.choice(kinds[1])}", *tell(*read.things))]
    for thing in drawn.scene.things:
        if thing.name:
            questions.append((kinds[2], phrases.ask(rng, kinds[3], it=thing.name), *tell(thing)))
    rng.shuffle(questions)
    questions = questions[:ASKED]
    if rng.random() < BLIND:
        questions[-1] = ("blind", drawn.question, CANNOT_TELL, TO_COMPUTE if len(read.things) > 1 else SMALL)
    said: list[Exchange] = []
    for kind, question, text, thought in questions:
        header = () if said else (view, told_size(1, image, view))
        asked = ChatMessage("user", (*header, question))
        said.append(Exchange(kind, asked, ChatMessage("assistant", (answer(thought, text),))))
    return said


def _crops(rng: random.Random, drawn: Drawn, size: NanoSize) -> tuple[list[Exchange], torch.Tensor]:
    said: list[Exchange] = []
    cells = 0
    things = [thing for thing in drawn.scene.things if thing.text]
    for number, thing in enumerate(rng.sample(things, min(ASKED, len(things))), start=1):
        crop = crop_around(rng, drawn.scene.image, thing, size)
        view = to_view(crop, size)
        question = phrases.ask(rng, phrases.SAYS, it="the number")
        asked = ChatMessage("user", (view, told_size(number, crop, view), question))
        said.append(Exchange("crop", asked, ChatMessage("assistant", (answer(SEEN, thing.text),))))
        cells += grid_of(view)[0] * grid_of(view)[1]
    return said, unlabelled(cells)


def crop_around(rng: random.Random, image: Image.Image, thing: Thing, size: NanoSize) -> Image.Image:
    """The window of the teacher's looks around `thing`, a little off, all of it within: two thirds of the way
    from a random window that holds it to the one it stands in the middle of.
    """
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
    """The line that the brief dialect puts under an image."""
    return f"image_{number} {image.width}x{image.height} as {view.width}x{view.height}\n"
