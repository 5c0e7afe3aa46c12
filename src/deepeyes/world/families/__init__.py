"""Task families: each draws a picture and asks one question about it, with the exact answer.

A family is a module of its own and a line in `FAMILIES`. What always holds: an example is a pure function of
(family, split, seed, index), and for the families over real things also of the pack's content (`wild` is a
list, whatever the seed); a family's module is imported when its first example is drawn.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pkgutil import resolve_name

from deepeyes.world.example import Drawn, Example, Family
from deepeyes.world.strings import SPLITS

from .signs import ask_about_sign, draw_big_sign, draw_content, draw_shape_question, draw_tiny_signs, of_kind

__all__ = [
    "FAMILIES",
    "Example",
    "Family",
    "ask_about_sign",
    "draw_big_sign",
    "draw_content",
    "draw_shape_question",
    "draw_tiny_signs",
    "family_named",
    "make_example",
    "make_examples",
    "most_of",
    "of_kind",
    "searched",
    "splits_of",
]

FAMILIES = {
    "tiny": "deepeyes.world.families.tiny:TINY",
    "direct": "deepeyes.world.families.direct:DIRECT",
    "perception": "deepeyes.world.families.perception:PERCEPTION",
    "chart": "deepeyes.world.families.chart:CHART",
    "table": "deepeyes.world.families.table:TABLE",
    "geometry": "deepeyes.world.families.geometry:GEOMETRY",
    "search": "deepeyes.world.families.search:SEARCH",
    "integration": "deepeyes.world.families.integration:INTEGRATION",
    "retry": "deepeyes.world.families.retry:RETRY",
    "chain": "deepeyes.world.families.chain:CHAIN",
    "word": "deepeyes.world.families.word:WORD",
    "sign": "deepeyes.world.families.sign:SIGN",
    "shape": "deepeyes.world.families.shape:SHAPE",
    "plot": "deepeyes.world.families.plot:PLOT",
    "figure": "deepeyes.world.families.figure:FIGURE",
    "absent": "deepeyes.world.families.absent:ABSENT",
    "legible": "deepeyes.world.families.legible:LEGIBLE",
    "wild": "deepeyes.world.families.wild:WILD",
}
"""Name to where the family is defined."""


def family_named(name: str) -> Family:
    """The family of that name. Raises `ValueError` for an unknown one."""
    if name not in FAMILIES:
        raise ValueError(f"unknown family {name!r}: use one of {', '.join(FAMILIES)}")
    family: Family = resolve_name(FAMILIES[name])
    return family


def make_example(family: str, split: str, seed: int, index: int) -> Example:
    """Example number `index` of `family` in `split` under `seed`; the same four values give the same example.

    Raises:
        ValueError: `family` or `split` is unknown.
    """
    its = family_named(family)
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: use one of {', '.join(SPLITS)}")
    if its.listed is None:
        drawn = its.draw(random.Random(f"{family}/{split}/{seed}/{index}"), split)
    else:
        drawn = _listed(family, split, index)
    name = f"{family}-{split}-{seed}-{index}"
    return Example(name, family, split, **vars(drawn), tools=its.tools, teach=its.teach)


def make_examples(family: str, split: str, seed: int, count: int) -> Iterator[Example]:
    """The first `count` examples, drawn one at a time as they are asked for; all where there are fewer."""
    return (make_example(family, split, seed, index) for index in range(most_of(family, count)))


def most_of(family: str, count: int) -> int:
    """How many examples `family` has where `count` are asked for."""
    listed = family_named(family).listed
    return count if listed is None else min(count, len(listed()))


def splits_of(family: str) -> tuple[str, ...]:
    """The splits that `family` has: one that is a list for measuring has the test split alone."""
    return SPLITS if family_named(family).listed is None else ("test",)


def _listed(family: str, split: str, index: int) -> Drawn:
    """Raises `ValueError` where the family is of no such split, or has not so many examples."""
    listed = family_named(family).listed
    examples = listed() if listed else ()
    if split != "test" or index >= len(examples):
        raise ValueError(f"{family} has {len(examples)} examples, all of the test split: ask for those")
    return examples[index]()


def searched(family: str) -> bool:
    """Whether `family` cannot be solved without searching."""
    return bool({"search", "image_search"} & set(family_named(family).tools))
