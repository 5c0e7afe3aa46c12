"""`search`: a picture of a real thing (a flag, a logo, a monument, an animal, an element ...) and a question
that only its page answers: picture -> image search -> page -> fact.
"""

from __future__ import annotations

import random

from PIL import Image, ImageEnhance

from deepeyes.world import phrases
from deepeyes.world.example import Drawn, Family
from deepeyes.world.plan import Ask, Find, play
from deepeyes.world.real import picture_of
from deepeyes.world.scene import Scene

from .lookups import LOOKUPS, NOUNS, SHARES, WORDINGS, draw_thing

SIDE = (420, 640)
"""Long side of the picture in pixels."""


def draw(rng: random.Random, split: str) -> Drawn:
    """A photograph-like copy of a thing's picture, and a question about one of its facts."""
    while True:
        thing = draw_thing(rng, split, SHARES)
        lookups = [lookup for lookup in LOOKUPS[thing.kind] if lookup.fact in thing.facts]
        if lookups:
            break
    lookup = rng.choice(lookups)
    image = other_copy(rng, picture_of(thing), rng.randint(*SIDE))
    question = phrases.ask(rng, WORDINGS, fact=lookup.asked, it=NOUNS[thing.kind])
    answer = thing.written(lookup.fact)
    steps = (Find("image_1", thing.name), Ask(f"{lookup.query} {thing.name}", answer, lookup.query))
    return Drawn(Scene(image), thing.kind, question, answer, None, (), steps, (thing.id,))


def other_copy(rng: random.Random, image: Image.Image, side: int) -> Image.Image:
    """The picture in another size and light, a little cut at its edges."""
    x, y = image.width * 0.03, image.height * 0.03
    left, top = rng.uniform(0, x), rng.uniform(0, y)
    box = (left, top, image.width - rng.uniform(0, x), image.height - rng.uniform(0, y))
    scale = side / max(image.size)
    size = max(round(image.width * scale), 56), max(round(image.height * scale), 56)
    image = image.resize(size, Image.Resampling.BICUBIC, box=box)
    image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.9, 1.1))
    return ImageEnhance.Contrast(image).enhance(rng.uniform(0.9, 1.1))


SEARCH = Family(draw, play, ("image_search", "search"))
