"""Lessons for the base model: one picture, several questions about it, answered at once and without tools.

Asking three or four things about each picture costs little more than asking one, because the picture is most
of the tokens. Tiny signs are asked about as well: where they are, which can be seen, and sometimes what they
say, which cannot, so that the model without tools gives its best guess in the right form.
"""

import random
from dataclasses import dataclass
from typing import NamedTuple

import torch
from PIL import Image

from deepeyes.models.nano.build import NanoSize
from deepeyes.models.nano.pixels import grid_of, to_view
from deepeyes.world import phrases
from deepeyes.world.example import ViewSize
from deepeyes.world.families import (
    ask_about_sign,
    draw_big_sign,
    draw_shape_question,
    draw_tiny_signs,
    of_kind,
)
from deepeyes.world.plan import Tally, seen
from deepeyes.world.scene import ASPECTS, Scene, Thing, empty_scene, soften
from deepeyes.world.teacher import SEEN, answer, place

from .batch import Turn
from .dense import VARIANTS, label_cells
from .reading import draw_line, draw_reading
from .sheets import draw_sheet, unlabelled

SHEET, PAGE = 0.16, 0.3
"""Shares of the lessons on charts, tables and figures, and of those in reading; the rest are on scenes."""

QUESTIONS = 3
"""Most lessons have so many: lessons of one length waste no time on padding."""


SIDES = (448, 448, 896)
"""Long sides of pictures with large signs: letters drawn larger and shown smaller look different."""

DOTS, DOTTED = 7, 0.35
"""Most dots on a large sign, as many as on those that are looked at in crops, and the share of signs with
dots, which take longer to count than strings to read.
"""

COUNTED = 0.9
"""Share of the pictures of shapes with up to five of a kind: to count them is what a model learns last."""

COPIED = 8
"""Names and numbers in a line that is to be copied."""


class Asked(NamedTuple):
    """A question of some kind, the answer, and what is thought before it."""

    kind: str
    question: str
    text: str
    thought: str = SEEN


@dataclass(frozen=True)
class Lesson:
    """A conversation; the kind of each of its answers; the labels of the picture's cells (cells, kinds)."""

    turns: tuple[Turn, ...]
    kinds: tuple[str, ...]
    cells: torch.Tensor


def draw_copy(rng: random.Random, size: NanoSize, split: str) -> Lesson:
    """A long line of names and numbers, to be said again. Nothing but this teaches to copy: where it is the
    only lesson a fresh model can do it after some 250 batches, among other lessons it does not after 1,000.
    """
    kind, asked, told = draw_line(rng, split, COPIED)
    return Lesson((asked, told), (kind,), unlabelled(0))


def draw_lesson(rng: random.Random, size: NanoSize, split: str) -> Lesson:
    """A lesson on a scene, on a sheet, or in reading."""
    choice = rng.random()
    if choice >= SHEET + PAGE:
        return _draw_scene(rng, size, split)
    if choice < SHEET:
        said, cells = draw_sheet(rng, size, split)
    else:
        said, cells = draw_reading(rng, split), unlabelled(0)
    turns = tuple(turn for _, asked, told in said for turn in (asked, told))
    return Lesson(turns, tuple(kind for kind, _, _ in said), cells)


def _draw_scene(rng: random.Random, size: NanoSize, split: str) -> Lesson:
    """Signs to read, tiny signs to find, or shapes. "blind" is what is asked about a sign too small to
    read.
    """
    aspect = rng.choice(ASPECTS)
    choice = rng.random()
    more: list[Asked] = []
    if choice < 0.3:
        side = rng.choice(SIDES)
        scene = empty_scene(rng, split, long_side=(side, side), aspect=aspect, variants=VARIANTS)
        for _ in range(rng.choice((1, 1, 2, 3, 4, 5))):
            draw_big_sign(rng, split, scene, (1.5, 2.3), DOTS, DOTTED)
        about = [(sign, _about(rng, scene, sign)) for sign in scene.things]
        questions = [asked for _, asked in about]
        more = [_where(rng, scene, sign, size) for sign in scene.things]
        more += [_besides(rng, scene, sign, asked.kind) for sign, asked in about if sign.text]
    elif choice < 0.42:
        scene = empty_scene(rng, split, long_side=(672, 672), aspect=aspect, variants=VARIANTS)
        draw_tiny_signs(rng, split, scene, rng.choice((1, 1, 2, 3, 4, 5)))
        questions = [_where(rng, scene, sign, size) for sign in scene.things]
        blind = [sign for sign in scene.things if rng.random() < 0.3]
        more = [_about(rng, scene, sign)._replace(kind="blind") for sign in blind]
    else:
        scene = empty_scene(rng, split, long_side=(448, 448), aspect=aspect, shapes=False, variants=VARIANTS)
        draw_shape_question(rng, scene, COUNTED)
        questions, more = _about_shapes(rng, scene, size)
    rng.shuffle(questions)
    rng.shuffle(more)
    questions = [*questions, *more][:QUESTIONS]
    view = to_view(soften(rng, scene).image, size)
    turns: list[Turn] = []
    for asked in questions:
        header = () if turns else (view, header_line(rng, scene, view.size))
        told = answer(asked.thought, asked.text)
        turns += [Turn("user", (*header, asked.question)), Turn("assistant", (told,))]
    return Lesson(tuple(turns), tuple(asked.kind for asked in questions), label_cells(scene, grid_of(view)))


def header_line(rng: random.Random, scene: Scene, shown: tuple[int, int]) -> str:
    """The line that the brief dialect puts under a picture, with the size the picture would have had at full
    size.
    """
    scale = rng.randint(1100, 1600) / max(scene.image.size)
    width, height = round(scene.image.width * scale), round(scene.image.height * scale)
    return f"image_1 {width}x{height} as {shown[0]}x{shown[1]}\n"


def _about(rng: random.Random, scene: Scene, sign: Thing) -> Asked:
    named = phrases.name_of(rng, sign.colour if len(scene.things) > 1 or rng.random() < 0.6 else None)
    return Asked(*ask_about_sign(rng, sign, named))


def _about_shapes(rng: random.Random, scene: Scene, size: NanoSize) -> tuple[list[Asked], list[Asked]]:
    """How many there are of each kind of shape that there are several of; and what is easier: of which kinds
    there is one, and its colour.
    """
    several: list[Asked] = []
    alone: list[Asked] = []
    for kind in sorted({thing.kind for thing in scene.things}):
        things = of_kind(scene, kind)
        question = phrases.ask(rng, phrases.SHAPE_COUNT, shape=kind)
        tally = seen(Tally(things), scene.image.size, cells_of(size))
        (several if len(things) > 1 else alone).append(Asked("count", question, str(len(things)), tally))
        if len(things) == 1:
            asked = phrases.ask(rng, phrases.SHAPE_COLOUR, shape=kind)
            alone.append(Asked("colour", asked, things[0].colour))
    return several, alone


def _besides(rng: random.Random, scene: Scene, sign: Thing, asked: str) -> Asked:
    """What was not asked yet about a sign with text: its string, or the colour of its writing."""
    named = phrases.name_of(rng, sign.colour if len(scene.things) > 1 or rng.random() < 0.6 else None)
    if asked == "says":
        return Asked("colour", phrases.ask(rng, phrases.INK, it=named), sign.ink)
    return Asked("says", phrases.ask(rng, phrases.SAYS, it=named), sign.text)


def _where(rng: random.Random, scene: Scene, sign: Thing, size: NanoSize) -> Asked:
    named = phrases.name_of(rng, sign.colour if len(scene.things) > 1 or rng.random() < 0.6 else None)
    shown = scene.image.size
    return Asked(
        "where", phrases.ask(rng, phrases.WHERE, it=named), place(sign, shown, cells_of(size)(*shown))
    )


def cells_of(size: NanoSize) -> ViewSize:
    """In how many cells the model sees a picture."""
    return lambda width, height: grid_of(to_view(Image.new("1", (width, height)), size))
