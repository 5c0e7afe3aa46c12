"""`perception`: a large, cluttered picture with many small signs and shapes; what one says, in which colour
it is written, how many dots it carries, and what stands beside another.
"""

from __future__ import annotations

import random

from deepeyes.world import phrases
from deepeyes.world.example import Drawn, Family
from deepeyes.world.palette import COLOURS
from deepeyes.world.plan import Look, Point, play
from deepeyes.world.scene import SHAPES, Scene, Thing, add_shape, add_sign, empty_scene, soften
from deepeyes.world.strings import draw_string

LONG_SIDE = (1600, 2200)
"""Pixels: at the size a small model sees, a sign is ten pixels high."""
KINDS, WEIGHTS = ("text", "relation", "count", "attribute"), (4, 3, 2, 1)
SIDES = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}


def draw(rng: random.Random, split: str) -> Drawn:
    """A cluttered scene, and a question about one of its signs."""
    kind = rng.choices(KINDS, WEIGHTS)[0]
    while True:
        scene = empty_scene(rng, split, long_side=LONG_SIDE)
        side = rng.choice(tuple(SIDES))
        target, anchor = _asked(rng, split, scene, kind, side)
        if target is None:
            continue
        _clutter(rng, split, scene)
        noun = rng.choice(phrases.NOUNS)
        named, steps = f"the {target.colour} {noun}", ()
        if anchor is not None:
            named, step = _beside(noun, side, anchor)
            steps = (step,)
        question, answer = _question(rng, target, kind, named)
        steps = (*steps, Look(target, answer, beside=anchor))
        return Drawn(soften(rng, scene), kind, question, answer, target, steps=steps)


def _beside(noun: str, side: str, anchor: Thing) -> tuple[str, Point]:
    """What to call the sign beside another one, and what is said of that other one first."""
    other = f"{anchor.colour} {noun}"
    return f"the {noun} {side} the {other}", Point(anchor, f"The {other} is at {{place}}. I look {side} it.")


def _question(rng: random.Random, target: Thing, kind: str, named: str) -> tuple[str, str]:
    if kind == "count":
        return phrases.ask(rng, phrases.DOTS, it=named), str(target.dots)
    if kind == "attribute":
        return phrases.ask(rng, phrases.INK, it=named), target.ink
    return phrases.ask(rng, phrases.SAYS, it=named), target.text


def _asked(
    rng: random.Random, split: str, scene: Scene, kind: str, side: str
) -> tuple[Thing | None, Thing | None]:
    """The sign asked about and, for a relation, the one it stands beside."""
    text, dots = ("", rng.randint(2, 7)) if kind == "count" else (draw_string(rng, split), 0)
    if kind != "relation":
        return _sign(rng, scene, text, dots), None
    anchor = _sign(rng, scene, draw_string(rng, split), 0)
    if anchor is None:
        return None, None
    unit, (across, down) = scene.unit, SIDES[side]
    x, y = anchor.box[0] + across * 1.5 * unit, anchor.box[1] + down * 0.9 * unit
    inside = 4 <= x <= scene.image.width - 1.3 * unit and 4 <= y <= scene.image.height - 0.5 * unit
    return (_sign(rng, scene, text, dots, (x, y)) if inside else None), anchor


def _sign(
    rng: random.Random, scene: Scene, text: str, dots: int, at: tuple[float, float] | None = None
) -> Thing | None:
    height = scene.unit * rng.uniform(0.32, 0.40)
    return add_sign(rng, scene, height=height, gap=scene.unit * 0.9, text=text, dots=dots, at=at)


def _clutter(rng: random.Random, split: str, scene: Scene) -> None:
    """Other signs, each of a colour of its own, and small shapes, well away from what is asked about."""
    for _ in range(rng.randint(2, 5)):
        dotted = rng.random() < 0.25
        _sign(rng, scene, "" if dotted else draw_string(rng, split), rng.randint(2, 7) if dotted else 0)
    for _ in range(rng.randint(2, 6)):
        kind, colour = rng.choice(SHAPES), rng.choice(COLOURS)
        side = scene.unit * rng.uniform(0.2, 0.45)
        add_shape(rng, scene, kind, side=side, gap=scene.unit * 0.5, colour=colour)


PERCEPTION = Family(draw, play, ("python",))
