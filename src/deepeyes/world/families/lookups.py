"""What may be looked up about which real things, in which words, and how a query for it reads.

What always holds: a fact is asked about only where the page that states it says it in the words of `query`,
and it is no answer that the picture itself shows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from deepeyes.world.real import Real, pictured

WORDINGS = (
    "What is the {fact} of {it}?",
    "Tell me the {fact} of {it}.",
    "Give the {fact} of {it}.",
    "Find the {fact} of {it}.",
    "Look up the {fact} of {it}.",
    "Which {fact} does {it} have?",
    "I want to know the {fact} of {it}.",
    "Name the {fact} of {it}.",
    "Find out the {fact} of {it}.",
)


@dataclass(frozen=True)
class Lookup:
    """A fact of a kind of thing: its name in the pack, how it is asked for, and how it is searched for."""

    fact: str
    asked: str
    query: str


NOUNS = {
    "country": "the country with this flag",
    "monument": "this monument",
    "animal": "this animal",
    "object": "this object",
    "element": "this element",
    "planet": "this planet",
    "brand": "this brand",
}
LOOKUPS: dict[str, tuple[Lookup, ...]] = {
    "country": (
        Lookup("median age", "median age in years", "median age"),
        Lookup("birth rate", "birth rate", "birth rate"),
        Lookup("death rate", "death rate", "death rate"),
        Lookup("life expectancy", "life expectancy in years", "life expectancy at birth"),
        Lookup("fertility rate", "fertility rate", "total fertility rate"),
        Lookup("population", "population", "population total"),
        Lookup("coastline", "length of the coastline in km", "coastline"),
        Lookup("capital", "capital", "capital name"),
        Lookup("internet domain", "internet domain", "internet country code"),
    ),
    "element": (
        Lookup("melting point", "melting point in K", "melting point"),
        Lookup("boiling point", "boiling point in K", "boiling point"),
        Lookup("density", "density", "density"),
        Lookup("atomic radius", "atomic radius in pm", "atomic radius"),
        Lookup("discovered", "year of discovery", "discovered by"),
    ),
    "monument": (
        Lookup("country", "country", "country"),
        Lookup("completed", "year of completion", "completed"),
        Lookup("height", "height in m", "height"),
    ),
    "animal": (Lookup("kind of", "kind", "kind of"),),
    "object": (Lookup("kind of", "kind", "kind of"),),
    "planet": (
        Lookup("mean radius", "mean radius in km", "mean radius"),
        Lookup("orbital period", "orbital period in days", "orbital period"),
        Lookup("distance from the Sun", "distance from the Sun in million km", "distance from the Sun"),
    ),
    "brand": (
        Lookup("logo colour", "colour code", "logo colour code"),
        Lookup("logo source", "website of the logo", "logo was taken from"),
    ),
}
SHARES = {"country": 6, "element": 4, "monument": 2, "animal": 1, "object": 2, "planet": 1, "brand": 2}


def draw_thing(rng: random.Random, split: str, shares: dict[str, int], facts: tuple[str, ...] = ()) -> Real:
    """A pictured thing of a kind as often as `shares` say, which has all of `facts`."""
    while True:
        kind = rng.choices(tuple(shares), tuple(shares.values()))[0]
        things = [thing for thing in pictured(kind, split) if all(fact in thing.facts for fact in facts)]
        if things:
            return rng.choice(things)
