"""Ordinary signs and shapes, and what may be asked about them: what `word`, `shape` and `absent` are made
of.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from deepeyes.world.asking import (
    CANNOT_TELL,
    INK_COLOUR,
    READ,
    READ_ALL,
    SHAPE_COLOUR,
    SHAPE_COUNT,
    SHAPE_KIND,
    SIGN_COLOUR,
    UNTAUGHT,
    ask_freely,
    plural,
)
from deepeyes.world.grounds import camera, draw_ground
from deepeyes.world.outlines import OUTLINES, add_outline
from deepeyes.world.palette import EVERY_COLOUR
from deepeyes.world.placards import add_placard
from deepeyes.world.scene import ASPECTS, Scene, Thing
from deepeyes.world.words import draw_line

NOUNS = ("sign", "label", "plate", "board", "sticker", "text")
LINES = (1, 1, 1, 1, 2, 2, 3)
SIGNS = (1, 1, 1, 2, 3)
"""How many signs there are, drawn from evenly."""
LONG_SIDES = (640, 1400)
MOST = 6
"""Most shapes of a kind."""


class Question(NamedTuple):
    """Kind, question and answer, and the thing asked about (None where it is several, or none)."""

    kind: str
    question: str
    answer: str
    target: Thing | None = None
    targets: tuple[Thing, ...] = ()


def draw_signs(
    rng: random.Random, split: str, long_side: tuple[int, int], share: tuple[float, float]
) -> Scene:
    """One to three signs of different colours whose longest line takes a share of the width within
    `share`.
    """
    while True:
        scene = Scene(draw_ground(rng, split, draw_size(rng, long_side)))
        colours = rng.sample(EVERY_COLOUR, 3)
        bare = rng.randrange(3) if rng.random() < 0.4 else -1
        for place in range(rng.choice(SIGNS)):
            lines = tuple(draw_line(rng, split) for _ in range(rng.choice(LINES)))
            widest = max(map(len, lines))
            em = min(
                rng.uniform(*share) * scene.image.width / (0.6 * widest),
                0.3 * scene.image.height / len(lines),
            )
            colour = "" if place == bare else colours[place]
            add_placard(rng, scene, split, lines, em=em, colour=colour, gap=0.2 * em)
        if scene.things:
            scene.image = camera(rng, scene.image)
            return scene


def draw_shapes(rng: random.Random, split: str, long_side: tuple[int, int]) -> Scene:
    """One to six shapes of one kind, and fewer of others, on any ground."""
    scene = Scene(draw_ground(rng, split, draw_size(rng, long_side), plain=rng.random() < 0.7))
    asked, *others = rng.sample(OUTLINES, 3)
    number = rng.choice((1, 1, 2, 3, 4, 5, 6))
    side = scene.unit * rng.uniform(0.7, 1.5) * (1 if number < 4 else 0.8)
    one = rng.choice(EVERY_COLOUR) if rng.random() < 0.3 else ""
    solid = rng.random() < 0.8
    for kind in (*[asked] * number, *others[: rng.randint(0, 2)]):
        colour = one or rng.choice(EVERY_COLOUR)
        size = side * rng.uniform(0.8, 1.2)
        add_outline(rng, scene, kind, side=size, gap=0.12 * scene.unit, colour=colour, solid=solid)
    scene.image = camera(rng, scene.image)
    return scene


def draw_size(rng: random.Random, long_side: tuple[int, int]) -> tuple[int, int]:
    """Width and height of an image in one of the usual aspect ratios."""
    side, aspect = rng.randint(*long_side), rng.choice(ASPECTS)
    return (side, round(side / aspect)) if aspect >= 1 else (round(side * aspect), side)


def called(rng: random.Random, scene: Scene, sign: Thing) -> str | None:
    """What to call a sign: by its colour, or where it is alone without; None for a text among others."""
    if len(scene.things) == 1 and rng.random() < 0.5:
        return f"the {rng.choice(NOUNS)}"
    return f"the {sign.colour} {rng.choice(NOUNS[:-1])}" if sign.colour else None


def about_signs(rng: random.Random, scene: Scene) -> list[Question]:
    """Every question that `scene` answers: what each sign says, its colour, its ink."""
    asked: list[Question] = []
    for sign in scene.things:
        named = called(rng, scene, sign)
        if len(scene.things) == 1 and (named is None or rng.random() < 0.5):
            asked.append(Question("says", ask_freely(rng, READ_ALL), sign.text, sign))
        elif named:
            asked.append(Question("says", ask_freely(rng, READ, it=named), sign.text, sign))
        if named:
            asked.append(Question("colour", ask_freely(rng, INK_COLOUR, it=named), sign.ink, sign))
        if sign.colour and len(scene.things) == 1:
            named = f"the {rng.choice(NOUNS[:-1])}"
            asked.append(Question("colour", ask_freely(rng, SIGN_COLOUR, it=named), sign.colour, sign))
    return asked


def about_shapes(rng: random.Random, scene: Scene) -> list[Question]:
    """Every question that `scene` answers: how many there are, and the colour of a single one."""
    asked: list[Question] = []
    kinds = [thing.kind for thing in scene.things]
    colours = [thing.colour for thing in scene.things]
    for kind in sorted(set(kinds)):
        things = tuple(thing for thing in scene.things if thing.kind == kind)
        question = ask_freely(rng, SHAPE_COUNT, shapes=plural(kind))
        asked.append(Question("count", question, str(len(things)), None, things))
        if len(things) == 1:
            question = ask_freely(rng, SHAPE_COLOUR, shape=kind)
            asked.append(Question("colour", question, things[0].colour, things[0]))
    for thing in scene.things:
        if colours.count(thing.colour) == 1:
            asked.append(
                Question("shape", ask_freely(rng, SHAPE_KIND, colour=thing.colour), thing.kind, thing)
            )
    return asked


def about_nothing(rng: random.Random, scene: Scene) -> Question:
    """A question that `scene` does not answer: about a sign or a shape that is not there, or about what is
    never drawn.
    """
    colours = [name for name in EVERY_COLOUR if all(name not in (t.colour, t.ink) for t in scene.things)]
    kinds = [kind for kind in OUTLINES if all(thing.kind != kind for thing in scene.things)]
    it = f"the {rng.choice(colours)} {rng.choice(NOUNS[:-1])}"
    match rng.randrange(6):
        case 0 | 1:
            question = ask_freely(rng, READ, it=it)
        case 2:
            question = ask_freely(rng, INK_COLOUR, it=it)
        case 3:
            question = ask_freely(rng, SHAPE_COLOUR, shape=rng.choice(kinds))
        case _:
            question = ask_freely(rng, UNTAUGHT)
    return Question("absent", question, CANNOT_TELL)
