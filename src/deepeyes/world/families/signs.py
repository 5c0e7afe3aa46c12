"""Signs and shapes, and what may be asked about them: what `tiny`, `direct` and `perception` are made of.

Training draws its lessons from the same functions, so the order of their random draws is part of what they
promise.
"""

from __future__ import annotations

import random

from deepeyes.world import phrases
from deepeyes.world.palette import COLOURS
from deepeyes.world.scene import SHAPES, Scene, Thing, add_shape, add_sign, soften
from deepeyes.world.strings import draw_string


def draw_tiny_signs(rng: random.Random, split: str, scene: Scene, count: int) -> None:
    """Up to `count` signs, each about a third of a unit high, of different colours."""
    for _ in range(count):
        text, dots = draw_content(rng, split)
        add_sign(
            rng,
            scene,
            height=scene.unit * rng.uniform(0.32, 0.40),
            gap=scene.unit * 0.6,
            text=text,
            dots=dots,
        )


def draw_content(rng: random.Random, split: str, dots: int = 5, dotted: float = 0.2) -> tuple[str, int]:
    """What a sign carries: a string of `split` and no dots, or, of a share `dotted`, no string and one to
    `dots` dots.
    """
    return ("", rng.randint(1, dots)) if rng.random() < dotted else (draw_string(rng, split), 0)


def ask_about_sign(rng: random.Random, sign: Thing, named: str) -> tuple[str, str, str]:
    """Kind, question and answer for one sign."""
    if sign.dots:
        return "count", phrases.ask(rng, phrases.DOTS, it=named), str(sign.dots)
    if rng.random() < 0.25:
        return "colour", phrases.ask(rng, phrases.INK, it=named), sign.ink
    return "says", phrases.ask(rng, phrases.SAYS, it=named), sign.text


def draw_big_sign(
    rng: random.Random,
    split: str,
    scene: Scene,
    heights: tuple[float, float] = (1.6, 2.3),
    dots: int = 5,
    dotted: float = 0.2,
) -> Thing | None:
    """One sign, its height drawn from `heights` in units, lowered where the picture is too narrow for its
    string; a share `dotted` carries up to `dots` dots.
    """
    text, dots = draw_content(rng, split, dots, dotted)
    widest = scene.image.width * 0.92 / (0.62 * len(text) + 0.6 if text else 0.48 * dots + 0.6)
    height = min(scene.unit * rng.uniform(*heights), widest)
    return add_sign(rng, scene, height=height, gap=scene.unit * 0.1, text=text, dots=dots)


def draw_shape_question(
    rng: random.Random, scene: Scene, counted: float = 0.5
) -> tuple[str, str, str, tuple[Thing, ...]]:
    """Draw large shapes; kind, question and answer of a question about one kind of them, and those of it.
    Of a share `counted` it is asked how many there are.
    """
    asked, *others = rng.sample(SHAPES, 3)
    counting = rng.random() < counted
    number = rng.randint(1, 5) if counting else 1
    for kind in (*[asked] * number, *others[: rng.randint(0, 2 if number < 4 else 1)]):
        side = scene.unit * rng.uniform(1.0, 1.5)
        add_shape(rng, scene, kind, side=side, gap=scene.unit * 0.15, colour=rng.choice(COLOURS))
    targets = of_kind(scene, asked)
    soften(rng, scene)
    if counting:
        return "count", phrases.ask(rng, phrases.SHAPE_COUNT, shape=asked), str(len(targets)), targets
    return "colour", phrases.ask(rng, phrases.SHAPE_COLOUR, shape=asked), targets[0].colour, targets


def of_kind(scene: Scene, kind: str) -> tuple[Thing, ...]:
    """The scene's things of a kind."""
    return tuple(thing for thing in scene.things if thing.kind == kind)
