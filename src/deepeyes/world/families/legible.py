"""`legible`: one sign, anything from readable at once to unreadable without a look, and always the same
question: whether a model looks only when it has to.

Its teacher does not know when: half of its answers come after a look, whatever the size of the sign, so that
a learner has seen both and reinforcement learning decides. `kind` is the size.
"""

from __future__ import annotations

import random

from deepeyes.world import phrases
from deepeyes.world.example import Drawn, Example, Family, Reply, ViewSize
from deepeyes.world.scene import add_sign, empty_scene, soften
from deepeyes.world.strings import draw_string
from deepeyes.world.teacher import NOW_CLEAR, SEEN, answer, look, to_cells

from .word import window_for

HEIGHTS = {"small": (0.32, 0.42), "medium": (0.7, 1.1), "large": (1.6, 2.3)}
"""Of a sign, in units; of the first nobody can read a character at the size that the embedded model sees."""
LOOKS = 0.5
"""Share of the teacher's answers that come after a look."""


def draw(rng: random.Random, split: str) -> Drawn:
    """An image with one sign, and what it says."""
    kind = rng.choice(tuple(HEIGHTS))
    while True:
        scene, text = empty_scene(rng, split), draw_string(rng, split)
        widest = scene.image.width * 0.92 / (0.62 * len(text) + 0.6)
        height = min(scene.unit * rng.uniform(*HEIGHTS[kind]), widest)
        sign = add_sign(rng, scene, height=height, gap=0, text=text)
        if sign:
            break
    named = phrases.name_of(rng, sign.colour if rng.random() < 0.5 else None)
    return Drawn(soften(rng, scene), kind, phrases.ask(rng, phrases.SAYS, it=named), text, sign)


def teach(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """Answer at once, or after a look."""
    sign, size = example.target, example.scene.image.size
    if sign is None:
        raise ValueError(f"{example.id} asks about no single sign")
    if rng.random() >= LOOKS:
        return [Reply(answer(SEEN, example.answer))]
    grid = cells(*size)
    crop = look(rng, to_cells(sign.centre, size, grid), grid, window=window_for(sign, size, grid))
    return [Reply(crop), Reply(answer(rng.choice(NOW_CLEAR), example.answer))]


LEGIBLE = Family(draw, teach, ("python",))
