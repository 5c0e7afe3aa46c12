"""`absent`: questions that the image does not answer, or that nobody taught; the answer is that one cannot
tell.
"""

from __future__ import annotations

import random

from deepeyes.world.asking import BAR_VALUE, CANNOT_TELL, UNTAUGHT, ask_freely
from deepeyes.world.example import Drawn, Example, Family, Reply, ViewSize
from deepeyes.world.grounds import camera, draw_ground
from deepeyes.world.plots import draw_plot
from deepeyes.world.scene import Scene
from deepeyes.world.teacher import answer
from deepeyes.world.words import draw_line

from .ordinary import LONG_SIDES, about_nothing, draw_shapes, draw_signs, draw_size

NOTHING = "That is not in the picture."
SMALL = "It is too small to read."
SHARES = (0.08, 0.85)


def draw(rng: random.Random, split: str) -> Drawn:
    """An image of any kind, and a question that it does not answer."""
    choice = rng.random()
    if choice < 0.4:
        scene = draw_signs(rng, split, LONG_SIDES, SHARES)
    elif choice < 0.65:
        scene = draw_shapes(rng, split, LONG_SIDES)
    elif choice < 0.85:
        scene = Scene(camera(rng, draw_ground(rng, split, draw_size(rng, LONG_SIDES))))
    else:
        plot = draw_plot(rng, split)
        labels = {bar.name for bar in plot.bars}
        other = draw_line(rng, split, 8)
        absent = other not in labels and rng.random() < 0.6
        question = ask_freely(rng, BAR_VALUE, it=other) if absent else ask_freely(rng, UNTAUGHT)
        return Drawn(plot.scene, "absent", question, CANNOT_TELL)
    asked = about_nothing(rng, scene)
    return Drawn(scene, asked.kind, asked.question, asked.answer)


def teach(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """Say so."""
    return [Reply(answer(NOTHING, CANNOT_TELL))]


ABSENT = Family(draw, teach, alone=True)
