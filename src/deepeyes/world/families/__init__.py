"""Task families: each draws a picture and asks one question about it, with the exact answer.

A family is a module here and a line in `FAMILIES`. What always holds: an example is a pure function of
(family, split, seed, index), and for the families over real things also of the pack's content.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from deepeyes.world.example import Example, Family
from deepeyes.world.strings import SPLITS

from .chart import CHART
from .direct import DIRECT
from .geometry import GEOMETRY
from .integration import INTEGRATION
from .perception import PERCEPTION
from .search import SEARCH
from .signs import ask_about_sign, draw_big_sign, draw_content, draw_shape_question, draw_tiny_signs, of_kind
from .table import TABLE
from .tiny import TINY

__all__ = [
    "FAMILIES",
    "Example",
    "Family",
    "ask_about_sign",
    "draw_big_sign",
    "draw_content",
    "draw_shape_question",
    "draw_tiny_signs",
    "make_example",
    "make_examples",
    "of_kind",
    "searched",
]

FAMILIES: dict[str, Family] = {
    "tiny": TINY,
    "direct": DIRECT,
    "perception": PERCEPTION,
    "chart": CHART,
    "table": TABLE,
    "geometry": GEOMETRY,
    "search": SEARCH,
    "integration": INTEGRATION,
}


def make_example(family: str, split: str, seed: int, index: int) -> Example:
    """Example number `index` of `family` in `split` under `seed`; the same four values give the same example.

    Raises:
        ValueError: `family` or `split` is unknown.
    """
    if family not in FAMILIES:
        raise ValueError(f"unknown family {family!r}: use one of {', '.join(FAMILIES)}")
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: use one of {', '.join(SPLITS)}")
    rng = random.Random(f"{family}/{split}/{seed}/{index}")
    its = FAMILIES[family]
    drawn = its.draw(rng, split)
    name = f"{family}-{split}-{seed}-{index}"
    return Example(name, family, split, **vars(drawn), tools=its.tools, teach=its.teach)


def make_examples(family: str, split: str, seed: int, count: int) -> Iterator[Example]:
    """The first `count` examples, drawn one at a time as they are asked for."""
    return (make_example(family, split, seed, index) for index in range(count))


def searched(family: str) -> bool:
    """Whether `family` cannot be solved without searching."""
    return bool({"search", "image_search"} & set(FAMILIES[family].tools))
