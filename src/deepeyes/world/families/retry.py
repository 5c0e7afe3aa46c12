"""`retry`: searches that miss at first. The picture stands in a scene, so that the whole of it finds
something else, or the question's words are not those of the page; another window or other words find it.

What always holds: whether a search misses follows from the embedded world's index alone; the teacher goes
through the miss in half of the cases and straight to what finds in the others, so that a model knows both
ways and has yet to find out which is worth it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from deepeyes.world import phrases
from deepeyes.world.example import Drawn, Example, Family, Reply, ViewSize
from deepeyes.world.plan import NOT_IT, OTHERWISE, Ask, Cut, Find, play
from deepeyes.world.real import Real, picture_of
from deepeyes.world.scene import Scene, Thing, empty_scene, soften

from .integration import NOUNS as NOUNS_IN_SCENE
from .integration import paste_scaled
from .lookups import LOOKUPS, NOUNS, WORDINGS, draw_thing
from .search import SIDE, other_copy

WINDOW, WORDS = "other window", "other words"
FIRST = "first try"
"""Kinds: what finds it."""
SHARES = {"country": 6, "element": 3, "monument": 2, "planet": 1}
LONG_SIDE = (700, 1100)
IN_SCENE, MISSING = 0.45, 0.7
"""Shares of the pictures in a scene, and, of the others, of the questions whose words are not the page's."""
FILLED = (0.4, 0.55)
"""Of the width or the height of a scene: so much of it is the picture."""


@dataclass(frozen=True)
class Reworded:
    """A fact that is asked for in `asked`; `first` is the query in these words, and `then` the one in the
    page's words, empty where the first finds it.
    """

    kind: str
    fact: str
    asked: str
    first: str
    then: str = ""


REWORDED = (
    Reworded("country", "internet domain", "internet domain", "internet domain", "internet country code"),
    Reworded("country", "capital", "seat of government", "seat of government", "capital name"),
    Reworded("country", "unemployment", "jobless rate", "jobless rate", "unemployment rate"),
    Reworded("country", "inflation", "rise of prices", "rise of prices", "inflation rate consumer prices"),
    Reworded("country", "forest", "share of woodland", "woodland", "land use forest"),
    Reworded("country", "literacy", "share of readers", "share of readers", "literacy total population"),
    Reworded("country", "currency code", "code of the money", "money code", "currency"),
    Reworded("element", "discovered", "year of finding", "year of finding", "discovered by"),
    Reworded("country", "fertility rate", "number of children per woman", "children per woman"),
    Reworded("country", "adult obesity", "share of overweight adults", "overweight adults"),
    Reworded("country", "airports", "number of airfields", "airfields"),
    Reworded("element", "melting point", "temperature of melting in K", "temperature of melting"),
    Reworded("element", "atomic radius", "size of an atom in pm", "size of an atom"),
    Reworded("element", "density", "mass per volume", "mass per volume"),
)


def draw(rng: random.Random, split: str) -> Drawn:
    """A picture in a scene, or the picture alone and a question in other words than the page's."""
    return _in_scene(rng, split) if rng.random() < IN_SCENE else _in_words(rng, split)


def _in_scene(rng: random.Random, split: str) -> Drawn:
    while True:
        thing = draw_thing(rng, split, SHARES)
        lookups = [lookup for lookup in LOOKUPS[thing.kind] if lookup.fact in thing.facts]
        if not lookups:
            continue
        scene = empty_scene(rng, split, long_side=LONG_SIDE, shapes=False)
        target = _framed(rng, scene, thing)
        if target is not None:
            break
    lookup = rng.choice(lookups)
    question = phrases.ask(rng, WORDINGS, fact=lookup.asked, it=NOUNS_IN_SCENE[thing.kind])
    answer = thing.written(lookup.fact)
    steps = (
        Find("image_1", thing.name, misses=NOT_IT),
        Cut(target, "crop", large=True),
        Find("crop", thing.name),
        Ask(f"{lookup.query} {thing.name}", answer),
    )
    return Drawn(soften(rng, scene), WINDOW, question, answer, target, (), steps, (thing.id,))


def _framed(rng: random.Random, scene: Scene, thing: Real) -> Thing | None:
    """The thing's picture at a size at which its edges can be told, and the whole scene is not like it."""
    picture, width, height = picture_of(thing), scene.image.width, scene.image.height
    scale = min(width / picture.width, height / picture.height) * rng.uniform(*FILLED)
    return paste_scaled(rng, scene, thing, scale)


def _in_words(rng: random.Random, split: str) -> Drawn:
    missing = rng.random() < MISSING
    asked = rng.choice([one for one in REWORDED if bool(one.then) == missing])
    thing = draw_thing(rng, split, {asked.kind: 1}, (asked.fact,))
    image = other_copy(rng, picture_of(thing), rng.randint(*SIDE))
    question = phrases.ask(rng, WORDINGS, fact=asked.asked, it=NOUNS[thing.kind])
    answer = thing.written(asked.fact)
    first = Ask(f"{asked.first} {thing.name}", answer, misses=OTHERWISE if asked.then else "")
    then = (Ask(f"{asked.then} {thing.name}", answer),) if asked.then else ()
    steps = (Find("image_1", thing.name), first, *then)
    return Drawn(Scene(image), WORDS if then else FIRST, question, answer, None, (), steps, (thing.id,))


def teach(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """Through the miss, or, half of the time, past it."""
    if rng.random() < 0.5:
        straight = [step for step in example.steps if not (isinstance(step, Find | Ask) and step.misses)]
        example = replace(example, steps=tuple(straight))
    return play(rng, example, cells)


RETRY = Family(draw, teach, ("python", "image_search", "search"))
