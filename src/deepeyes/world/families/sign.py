"""`sign`: one sign with an ordinary word or code of one to eight characters on a photograph, small, medium or
large: the test of whether a model reads what people photograph. The other images of the kind are in `word`.
"""

from __future__ import annotations

import random

from deepeyes.world.asking import READ, READ_ALL, ask_freely
from deepeyes.world.backgrounds import draw_photograph
from deepeyes.world.example import Drawn, Family
from deepeyes.world.grounds import camera
from deepeyes.world.palette import EVERY_COLOUR
from deepeyes.world.placards import add_placard
from deepeyes.world.scene import Scene
from deepeyes.world.words import draw_line

from .ordinary import LONG_SIDES, NOUNS, draw_size
from .word import teach

LONGEST = 8
EMS = {"small": 0.055, "medium": 0.11, "large": 0.22}
"""Size of the letters, an em as a share of the image's shorter side; a long text is set smaller to fit."""
WIDEST = 0.8
"""Largest share of the width that a text takes."""


def draw(rng: random.Random, split: str) -> Drawn:
    """A photograph with one sign, and what it says."""
    while True:
        size = draw_size(rng, LONG_SIDES)
        scene = Scene(draw_photograph(rng, split, size))
        text = draw_line(rng, split, LONGEST, ordinary=True)
        kind = rng.choice(tuple(EMS))
        em = min(EMS[kind] * min(size), WIDEST * size[0] / (0.7 * len(text)))
        sign = add_placard(rng, scene, split, (text,), em=em, colour=rng.choice(EVERY_COLOUR))
        if sign is not None:
            named = rng.choice(("the sign", f"the {sign.colour} {rng.choice(NOUNS[:-1])}"))
            question = ask_freely(rng, READ_ALL) if rng.random() < 0.5 else ask_freely(rng, READ, it=named)
            scene.image = camera(rng, scene.image)
            return Drawn(scene, kind, question, text, sign)


SIGN = Family(draw, teach, ("python",))
