"""The text the nano tokenizer is made from: every wording of the world and its teachers, in the dialect's own
frame, and what searches tell.

What always holds: the text is a function of the seed and the number of rounds.
"""

import random
from collections.abc import Iterator

from deepeyes.world import asking, phrases, teacher
from deepeyes.world.families import make_example, ordinary
from deepeyes.world.families.absent import NOTHING, SMALL
from deepeyes.world.outlines import OUTLINES
from deepeyes.world.palette import EVERY_COLOUR
from deepeyes.world.scene import ASPECTS, SHAPES
from deepeyes.world.strings import ALPHABET, draw_string
from deepeyes.world.words import READ, draw_line, spoken

from .reading_lessons import draw_reading

PLANNED = ("chart", "table", "geometry", "search", "integration", "word", "plot", "figure", "grid")
NAMED = 12
"""Rounds between names of colours and shapes all in a row, so that each is a token of its own."""


def corpus(seed: int = 0, rounds: int = 4000) -> Iterator[str]:
    """`rounds` little conversations' worth of text; every tenth with questions of the families that are
    solved by plan.
    """
    rng = random.Random(f"corpus/{seed}")
    for number in range(rounds):
        grid = (rng.randint(5, 9), rng.randint(5, 9))
        colour, shape = rng.choice(EVERY_COLOUR), rng.choice(SHAPES)
        named = phrases.name_of(rng, rng.choice((colour, None)))
        width = rng.randint(900, 1600)
        yield f"image_1 {width}x{round(width / rng.choice(ASPECTS))} as {grid[0] * 28}x{grid[1] * 28}\n"
        for wordings in (phrases.SAYS, phrases.INK, phrases.DOTS, phrases.WHERE):
            yield phrases.ask(rng, wordings, it=named)
        for wordings in (phrases.SHAPE_COLOUR, phrases.SHAPE_COUNT):
            yield phrases.ask(rng, wordings, shape=shape)
        yield teacher.look(rng, (rng.uniform(0, grid[0]), rng.uniform(0, grid[1])), grid)
        yield "Tools: python, search, image_search, open_page\nOutput:\nimage_2"
        yield from _ordinary(rng, colour)
        if number % NAMED == 0:
            yield " " + " ".join((*EVERY_COLOUR, *OUTLINES, *map(asking.plural, OUTLINES)))
        for text in (draw_string(rng, "train"), colour, rng.choice(ALPHABET), shape):
            yield teacher.answer(teacher.SEEN, text)
        yield teacher.answer(rng.choice(teacher.NOW_CLEAR), colour)
        yield teacher.answer(teacher.SEEN, spoken(draw_line(rng, "train")))
        yield "\n".join(READ)
        yield teacher.answer(teacher.SEEN, "4.6, 3.2")
        for _, asked, told in draw_reading(rng, "train")[:1]:
            yield from (part for turn in (asked, told) for part in turn.parts if isinstance(part, str))
        if number % 10 == 0:
            yield from _planned(rng, seed, number, grid)


def _ordinary(rng: random.Random, colour: str) -> Iterator[str]:
    """Questions on ordinary images, and what is answered."""
    sign, shape = f"the {colour} {rng.choice(ordinary.NOUNS)}", rng.choice(OUTLINES)
    for wordings in (asking.READ, asking.SIGN_COLOUR, asking.INK_COLOUR, asking.BAR_VALUE):
        yield asking.ask_freely(rng, wordings, it=sign)
    yield asking.ask_freely(rng, asking.SHAPE_COLOUR, shape=shape)
    yield asking.ask_freely(rng, asking.SHAPE_COUNT, shapes=asking.plural(shape))
    yield asking.ask_freely(rng, asking.SHAPE_KIND, colour=colour)
    yield asking.ask_freely(rng, asking.BAR_COMPARE, one="A", other="B")
    for wordings in (asking.READ_ALL, asking.BAR_MOST, asking.BAR_NUMBER, asking.UNTAUGHT):
        yield asking.ask_freely(rng, wordings)
    yield asking.ask_freely(rng, asking.TITLE)
    yield asking.ask_freely(rng, asking.AXIS_NAME, axis="x axis")
    yield asking.ask_freely(rng, asking.PARTS, parts=rng.choice(("bars", "lines", "slices")))
    yield asking.ask_freely(rng, asking.GREATEST, part=rng.choice(("bar", "slice")), most="largest")
    yield teacher.answer(NOTHING, asking.CANNOT_TELL)
    yield teacher.answer(SMALL, asking.CANNOT_TELL)
    yield teacher.answer(teacher.SEEN, ", ".join(f"{letter} at 3.4" for letter in "AB"))
    yield "Labels? Axis? Names? Headings?"


def _planned(rng: random.Random, seed: int, number: int, grid: tuple[int, int]) -> Iterator[str]:
    """A question of a family that is solved by plan, and its teacher's turns."""
    example = make_example(rng.choice(PLANNED), "train", seed, number)
    yield example.question
    yield from (reply.text for reply in teacher.solve(rng, example, lambda _width, _height: grid))
