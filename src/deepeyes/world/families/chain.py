"""`chain`: questions that need one, two or three tools. The pictures are those of `search` and `integration`;
only the question tells how far to go.

What always holds: all three tools are at hand whatever is asked, and the kind says how many it takes; of the
same picture it may be asked what a sign on it says (look), what its name is (find), a fact (look it up) or a
sum (compute).
"""

from __future__ import annotations

import random

from deepeyes.world import phrases
from deepeyes.world.example import Drawn, Family
from deepeyes.world.plan import Ask, Cut, Find, Look, Step, play
from deepeyes.world.real import Real, picture_of
from deepeyes.world.scene import Scene, Thing, empty_scene, soften

from .integration import LONG_SIDE, look_up_and_compute, paste_thing, sums_of
from .integration import NOUNS as NOUNS_IN_SCENE
from .lookups import LOOKUPS, NOUNS, WORDINGS, Lookup, draw_thing
from .search import SIDE, other_copy
from .signs import draw_tiny_signs

ONE, TWO, THREE = "one tool", "two tools", "three tools"
KINDS = (ONE, TWO, THREE)
SHARES = {"country": 6, "element": 3, "monument": 2, "planet": 1}


def draw(rng: random.Random, split: str) -> Drawn:
    """A picture of a thing, alone or small in a scene with signs, and a question that takes as many tools as
    its kind says.
    """
    kind = rng.choice(KINDS)
    return _small(rng, split, kind) if rng.random() < 0.5 else _alone(rng, split, kind)


def _small(rng: random.Random, split: str, kind: str) -> Drawn:
    """Look; look and find; look, find and look it up."""
    while True:
        thing, lookup = _thing(rng, split)
        scene = empty_scene(rng, split, long_side=LONG_SIDE)
        target = paste_thing(rng, scene, thing)
        draw_tiny_signs(rng, split, scene, rng.randint(1, 3))
        signs = [sign for sign in scene.things if any(map(str.isalpha, sign.text)) and sign is not target]
        if target is not None and signs:
            break
    if kind == ONE:
        sign = rng.choice(signs)
        question = phrases.ask(rng, phrases.SAYS, it=phrases.name_of(rng, sign.colour))
        return Drawn(soften(rng, scene), kind, question, sign.text, sign, (), (Look(sign, sign.text),))
    it = NOUNS_IN_SCENE[thing.kind]
    steps: tuple[Step, ...] = (Cut(target, "crop"), Find("crop", thing.name))
    if kind == TWO:
        return _drawn(rng, soften(rng, scene), kind, "name", it, thing.name, steps, thing, target)
    answer = thing.written(lookup.fact)
    steps = (*steps, Ask(f"{lookup.query} {thing.name}", answer, lookup.query))
    return _drawn(rng, soften(rng, scene), kind, lookup.asked, it, answer, steps, thing, target)


def _alone(rng: random.Random, split: str, kind: str) -> Drawn:
    """Find; find and look it up; find, look it up and compute."""
    while True:
        thing, lookup = _thing(rng, split)
        sums = sums_of(thing)
        if sums or kind != THREE:
            break
    scene = Scene(other_copy(rng, picture_of(thing), rng.randint(*SIDE)))
    it, find = NOUNS[thing.kind], Find("image_1", thing.name)
    if kind == ONE:
        return _drawn(rng, scene, kind, "name", it, thing.name, (find,), thing)
    if kind == TWO:
        answer = thing.written(lookup.fact)
        steps = (find, Ask(f"{lookup.query} {thing.name}", answer, lookup.query))
        return _drawn(rng, scene, kind, lookup.asked, it, answer, steps, thing)
    asked = rng.choice(sums)
    answer, found = look_up_and_compute(thing, asked)
    return _drawn(rng, scene, kind, asked.asked, it, answer, (find, *found), thing)


def _thing(rng: random.Random, split: str) -> tuple[Real, Lookup]:
    while True:
        thing = draw_thing(rng, split, SHARES)
        lookups = [lookup for lookup in LOOKUPS[thing.kind] if lookup.fact in thing.facts]
        if lookups:
            return thing, rng.choice(lookups)


def _drawn(
    rng: random.Random,
    scene: Scene,
    kind: str,
    fact: str,
    it: str,
    answer: str,
    steps: tuple[Step, ...],
    thing: Real,
    target: Thing | None = None,
) -> Drawn:
    question = phrases.ask(rng, WORDINGS, fact=fact, it=it)
    return Drawn(scene, kind, question, answer, target, (), steps, (thing.id,))


CHAIN = Family(draw, play, ("python", "image_search", "search"))
