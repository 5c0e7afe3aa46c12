"""Lessons on scenes: signs to read, tiny signs to find, shapes to count, answered at once and without tools.

Asking three things about each image costs little more than asking one, because the image is most of the
tokens. Tiny signs are asked about as well: where they are, which can be seen, and sometimes what they say,
which cannot: without tools one cannot tell. What always holds: an answer follows from what is drawn, and the
labels say what stands in every cell.
"""

import random
from typing import NamedTuple

import torch
from PIL import Image

from deepeyes.models.nano.pixels import grid_of, to_view
from deepeyes.models.nano.size import NanoSize
from deepeyes.world import phrases
from deepeyes.world.asking import CANNOT_TELL
from deepeyes.world.example import ViewSize
from deepeyes.world.families import (
    ask_about_sign,
    draw_big_sign,
    draw_shape_question,
    draw_tiny_signs,
    of_kind,
)
from deepeyes.world.families.absent import SMALL
from deepeyes.world.plan import Tally, seen
from deepeyes.world.scene import ASPECTS, Scene, Thing, empty_scene, soften
from deepeyes.world.teacher import SEEN, answer, place

from .batch import ChatMessage, Exchange
from .dense import SIDE, VARIANTS, WIDE_SIDE, label_cells

SIGN_SHARE, TINY_SHARE = 0.3, 0.12
"""Shares of the scenes with large signs and with tiny ones; the rest are on shapes, which take longest to
learn to count.
"""

QUESTIONS = 3
"""Most lessons have so many: lessons of one length waste no time on padding."""

SIDES = (SIDE, SIDE, 2 * SIDE)
"""Long sides of images with large signs, drawn from evenly: letters drawn larger and shown smaller look
different.
"""

HEIGHTS = (1.5, 2.3)
"""Heights of large signs, in units."""

SIGNS = (1, 1, 2, 3, 4, 5)
"""How many signs, large or tiny, drawn from evenly: alone, a sign need not be named by its colour."""

NAMED_ALONE = 0.6
"""Share of the questions that name a sign by its colour although there is no other."""

BLIND = 0.3
"""Share of the tiny signs of which it is asked what they say."""

FULL_SIDES = (1100, 1600)
"""Long sides of the images that the agent is asked about: lessons tell sizes as if they were such."""

DOTS, DOTTED = 7, 0.35
"""Most dots on a large sign, as many as on those that are looked at in crops, and the share of signs with
dots, which take longer to count than strings to read.
"""

COUNTED = 0.9
"""Share of the images of shapes with up to five of a kind: to count them is what a model learns last."""


class Asked(NamedTuple):
    """A question of some kind, the answer, and what is thought before it."""

    kind: str
    question: str
    text: str
    thought: str = SEEN


def draw_scene(rng: random.Random, size: NanoSize, split: str) -> tuple[list[Exchange], torch.Tensor]:
    """Signs to read, tiny signs to find, or shapes, and the labels of the image's cells (cells, kinds).
    "small" is what is asked about a sign too small to read: of that one cannot tell.
    """
    aspect = rng.choice(ASPECTS)
    choice = rng.random()
    more: list[Asked] = []
    if choice < SIGN_SHARE:
        side = rng.choice(SIDES)
        scene = empty_scene(rng, split, long_side=(side, side), aspect=aspect, variants=VARIANTS)
        for _ in range(rng.choice(SIGNS)):
            draw_big_sign(rng, split, scene, HEIGHTS, DOTS, DOTTED)
        about = [(sign, _about(rng, scene, sign)) for sign in scene.things]
        questions = [asked for _, asked in about]
        more = [_where(rng, scene, sign, size) for sign in scene.things]
        more += [_besides(rng, scene, sign, asked.kind) for sign, asked in about if sign.text]
    elif choice < SIGN_SHARE + TINY_SHARE:
        scene = empty_scene(rng, split, long_side=(WIDE_SIDE, WIDE_SIDE), aspect=aspect, variants=VARIANTS)
        draw_tiny_signs(rng, split, scene, rng.choice(SIGNS))
        questions = [_where(rng, scene, sign, size) for sign in scene.things]
        blind = [sign for sign in scene.things if rng.random() < BLIND]
        more = [Asked("small", _about(rng, scene, sign).question, CANNOT_TELL, SMALL) for sign in blind]
    else:
        scene = empty_scene(
            rng, split, long_side=(SIDE, SIDE), aspect=aspect, shapes=False, variants=VARIANTS
        )
        draw_shape_question(rng, scene, COUNTED)
        questions, more = _about_shapes(rng, scene, size)
    rng.shuffle(questions)
    rng.shuffle(more)
    view = to_view(soften(rng, scene).image, size)
    said: list[Exchange] = []
    for asked in [*questions, *more][:QUESTIONS]:
        header = () if said else (view, header_line(rng, scene, view.size))
        told = ChatMessage("assistant", (answer(asked.thought, asked.text),))
        said.append(Exchange(asked.kind, ChatMessage("user", (*header, asked.question)), told))
    return said, label_cells(scene, grid_of(view))


def header_line(rng: random.Random, scene: Scene, shown: tuple[int, int]) -> str:
    """The line that the brief dialect puts under an image, with the size the image would have had at full
    size.
    """
    scale = rng.randint(*FULL_SIDES) / max(scene.image.size)
    width, height = round(scene.image.width * scale), round(scene.image.height * scale)
    return f"image_1 {width}x{height} as {shown[0]}x{shown[1]}\n"


def _name(rng: random.Random, scene: Scene, sign: Thing) -> str:
    by_colour = len(scene.things) > 1 or rng.random() < NAMED_ALONE
    return phrases.name_of(rng, sign.colour if by_colour else None)


def _about(rng: random.Random, scene: Scene, sign: Thing) -> Asked:
    named = _name(rng, scene, sign)
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
    named = _name(rng, scene, sign)
    if asked == "says":
        return Asked("colour", phrases.ask(rng, phrases.INK, it=named), sign.ink)
    return Asked("says", phrases.ask(rng, phrases.SAYS, it=named), sign.text)


def _where(rng: random.Random, scene: Scene, sign: Thing, size: NanoSize) -> Asked:
    named = _name(rng, scene, sign)
    shown = scene.image.size
    return Asked(
        "where", phrases.ask(rng, phrases.WHERE, it=named), place(sign, shown, cells_of(size)(*shown))
    )


def cells_of(size: NanoSize) -> ViewSize:
    """In how many cells the model sees an image of a given width and height."""
    return lambda width, height: grid_of(to_view(Image.new("1", (width, height)), size))
