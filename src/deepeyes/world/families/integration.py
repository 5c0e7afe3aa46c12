"""`integration`: a small picture of a real thing in a large scene, and a question that takes everything:
look -> cut out -> image search -> one or two facts -> computation.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from deepeyes.world import phrases
from deepeyes.world.example import Drawn, Family
from deepeyes.world.plan import Ask, Compute, Cut, Find, compute, play
from deepeyes.world.real import Real, picture_of
from deepeyes.world.scene import Scene, Thing, empty_scene, free_place, soften

from .lookups import WORDINGS, draw_thing
from .search import other_copy
from .signs import draw_tiny_signs

LONG_SIDE = (1400, 1900)
ROOM = (1.5, 1.02)
"""Width and height, in units, that the picture fills in one of the two: about what one crop shows."""
NOUNS = {
    "country": "the country whose flag is in the picture",
    "element": "the element in the picture",
    "monument": "the monument in the picture",
    "planet": "the planet in the picture",
}


@dataclass(frozen=True)
class Sum:
    """What is computed from the facts of a thing: how it is asked for and searched for, and the formula."""

    kind: str
    facts: tuple[str, ...]
    asked: str
    query: str
    expression: str
    value: Callable[..., float]


SUMS = (
    Sum(
        "country",
        ("birth rate", "death rate"),
        "birth rate minus death rate",
        "population growth birth rate death rate",
        "round(a - b, 2)",
        lambda a, b: round(a - b, 2),
    ),
    Sum(
        "country",
        ("coastline",),
        "length of the coastline in miles (1 mile is 1.609 km)",
        "coastline",
        "round(a / 1.609, 2)",
        lambda a: round(a / 1.609, 2),
    ),
    Sum(
        "country",
        ("highest elevation", "lowest elevation"),
        "difference between highest and lowest elevation in m",
        "highest point lowest point elevation",
        "a - b",
        lambda a, b: a - b,
    ),
    Sum(
        "country",
        ("land area", "water area"),
        "land area minus water area in km2",
        "area total land water",
        "round(a - b, 2)",
        lambda a, b: round(a - b, 2),
    ),
    Sum(
        "country",
        ("median age",),
        "median age in months",
        "median age",
        "round(a * 12, 2)",
        lambda a: round(a * 12, 2),
    ),
    Sum(
        "element",
        ("melting point", "boiling point"),
        "boiling point minus melting point in K",
        "density melting point boiling point",
        "round(b - a, 2)",
        lambda a, b: round(b - a, 2),
    ),
    Sum(
        "element",
        ("melting point",),
        "melting point in degrees Celsius",
        "melting point",
        "round(a - 273.15, 2)",
        lambda a: round(a - 273.15, 2),
    ),
    Sum(
        "monument",
        ("height",),
        "height in feet (1 m is 3.281 feet)",
        "height",
        "round(a * 3.281, 2)",
        lambda a: round(a * 3.281, 2),
    ),
    Sum("monument", ("completed",), "age in the year 2030", "completed", "2030 - a", lambda a: 2030 - a),
    Sum(
        *("planet", ("mean radius",), "mean diameter in km", "mean radius", "round(2 * a, 2)"),
        lambda a: round(2 * a, 2),
    ),
)
SHARES = {"country": 6, "element": 3, "monument": 2, "planet": 1}


def draw(rng: random.Random, split: str) -> Drawn:
    """A scene with a small picture and some signs, and a question about what the picture shows."""
    while True:
        thing = draw_thing(rng, split, SHARES)
        sums = sums_of(thing)
        if not sums:
            continue
        scene = empty_scene(rng, split, long_side=LONG_SIDE)
        target = paste_thing(rng, scene, thing)
        if target is not None:
            break
    draw_tiny_signs(rng, split, scene, rng.randint(0, 3))
    asked = rng.choice(sums)
    question = phrases.ask(rng, WORDINGS, fact=asked.asked, it=NOUNS[thing.kind])
    answer, found = look_up_and_compute(thing, asked)
    steps = (Cut(target, "crop"), Find("crop", thing.name), *found)
    return Drawn(soften(rng, scene), thing.kind, question, answer, target, (), steps, (thing.id,))


def sums_of(thing: Real) -> list[Sum]:
    """What can be computed from the facts of a thing."""
    return [each for each in SUMS if each.kind == thing.kind and _fits(thing, each)]


def look_up_and_compute(thing: Real, asked: Sum) -> tuple[str, tuple[Ask, Compute]]:
    """The answer, and the steps to it from the thing's name."""
    numbers = [thing.written(fact) for fact in asked.facts]
    answer = str(asked.value(*(_number(text) for text in numbers)))
    ask = Ask(f"{asked.query} {thing.name}", " and ".join(numbers), asked.query)
    return answer, (ask, compute(numbers, asked.expression))


def _fits(thing: Real, asked: Sum) -> bool:
    """Whether all the facts are there and are numbers, and the answer is none of them."""
    if not all(fact in thing.facts for fact in asked.facts):
        return False
    try:
        numbers = [_number(thing.written(fact)) for fact in asked.facts]
    except ValueError:
        return False
    return asked.value(*numbers) not in (*numbers, 0)


def _number(text: str) -> float:
    """As Python reads it: 7 is whole, 7.5 is not."""
    return float(text) if "." in text else int(text)


def paste_thing(rng: random.Random, scene: Scene, thing: Real) -> Thing | None:
    """A small copy of the thing's picture in a free place; None where there is none."""
    picture = picture_of(thing)
    scale = min(ROOM[0] * scene.unit / picture.width, ROOM[1] * scene.unit / picture.height)
    return paste_scaled(rng, scene, thing, scale * rng.uniform(0.88, 1))


def paste_scaled(rng: random.Random, scene: Scene, thing: Real, scale: float) -> Thing | None:
    """A copy of the thing's picture, `scale` times its size, in a free place; None where there is none."""
    picture = picture_of(thing)
    copy = other_copy(rng, picture, round(max(picture.size) * scale))
    place = free_place(rng, scene, copy.width, copy.height, 0)
    if place is None:
        return None
    x, y = round(place[0]), round(place[1])
    scene.image.paste(copy, (x, y))
    target = Thing("picture", "", (x, y, x + copy.width, y + copy.height), text=thing.name)
    scene.things.append(target)
    return target


INTEGRATION = Family(draw, play, ("python", "image_search", "search"))
