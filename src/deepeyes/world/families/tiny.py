"""`tiny`: one to four small signs in a large, busy picture; unreadable at the size a small model sees,
readable in a crop.
"""

from __future__ import annotations

import random

from deepeyes.world import phrases
from deepeyes.world.example import Drawn, Example, Family, Reply, ViewSize
from deepeyes.world.scene import empty_scene, soften
from deepeyes.world.teacher import NOW_CLEAR, answer, look_mended

from .signs import ask_about_sign, draw_tiny_signs


def draw(rng: random.Random, split: str) -> Drawn:
    """A picture with small signs, and a question about one of them."""
    while True:
        scene = empty_scene(rng, split)
        draw_tiny_signs(rng, split, scene, rng.randint(1, 4))
        if scene.things:
            break
    target = rng.choice(scene.things)
    named = phrases.name_of(rng, target.colour if len(scene.things) > 1 or rng.random() < 0.6 else None)
    return Drawn(soften(rng, scene), *ask_about_sign(rng, target, named), target)


def teach(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """Crop what is asked about, then say what it shows."""
    if example.target is None:
        raise ValueError(f"{example.id} asks about no single thing")
    last = Reply(answer(rng.choice(NOW_CLEAR), example.answer))
    return [*look_mended(rng, example.target, example.scene.image.size, cells), last]


TINY = Family(draw, teach, ("python",))
