"""`shape`: plain shapes on paper, colours or photographs; how many, of which colour, of which kind."""

from __future__ import annotations

import random

from deepeyes.world.example import Drawn, Example, Family, Reply, ViewSize
from deepeyes.world.plan import Tally, play
from deepeyes.world.teacher import SEEN, answer

from .ordinary import LONG_SIDES, about_shapes, draw_shapes


def draw(rng: random.Random, split: str) -> Drawn:
    """An image with shapes, and a question about them."""
    while True:
        scene = draw_shapes(rng, split, LONG_SIDES)
        questions = about_shapes(rng, scene)
        if questions:
            kind = rng.choice(sorted({question.kind for question in questions}))
            asked = rng.choice([question for question in questions if question.kind == kind])
            steps = (Tally(asked.targets),) if kind == "count" else ()
            return Drawn(scene, kind, asked.question, asked.answer, asked.target, steps=steps)


def teach(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """Answer at once; what is to be counted is counted column by column."""
    return play(rng, example, cells) if example.steps else [Reply(answer(SEEN, example.answer))]


SHAPE = Family(draw, teach)
