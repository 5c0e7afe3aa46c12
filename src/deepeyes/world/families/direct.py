"""`direct`: large, obvious signs and shapes; no tool is needed, and calling one is a waste."""

from __future__ import annotations

import random

from deepeyes.world import phrases
from deepeyes.world.example import Drawn, Example, Family, Reply, ViewSize
from deepeyes.world.plan import Tally, play
from deepeyes.world.scene import empty_scene, soften
from deepeyes.world.teacher import SEEN, answer

from .signs import ask_about_sign, draw_big_sign, draw_shape_question


def draw(rng: random.Random, split: str) -> Drawn:
    """A large sign, or large shapes, and a question about them."""
    return _direct_sign(rng, split) if rng.random() < 0.6 else _direct_shapes(rng, split)


def _direct_sign(rng: random.Random, split: str) -> Drawn:
    while True:
        scene = empty_scene(rng, split)
        sign = draw_big_sign(rng, split, scene)
        if sign:
            break
    named = phrases.name_of(rng, sign.colour if rng.random() < 0.7 else None)
    return Drawn(soften(rng, scene), *ask_about_sign(rng, sign, named), sign)


def _direct_shapes(rng: random.Random, split: str) -> Drawn:
    scene = empty_scene(rng, split, shapes=False)
    kind, question, text, targets = draw_shape_question(rng, scene)
    if kind == "count":
        return Drawn(scene, kind, question, text, steps=(Tally(targets),))
    return Drawn(scene, kind, question, text, targets[0])


def teach(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """Answer at once; what is to be counted is counted column by column."""
    return play(rng, example, cells) if example.steps else [Reply(answer(SEEN, example.answer))]


DIRECT = Family(draw, teach)
