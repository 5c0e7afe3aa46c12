"""Small tables of real facts: what charts and tables show, and what is asked about two or three numbers.

What always holds: all things of a table belong to the example's split; all numbers of a column are whole,
different from each other, and have two or three digits, or two where they are large.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from deepeyes.world import phrases
from deepeyes.world.plan import Compute, compute
from deepeyes.world.real import Real, listed

LOWEST, HIGHEST, HIGHEST_LARGE = 10, 999, 99


@dataclass(frozen=True)
class Column:
    """A fact as it is shown: its heading with the unit, and what one shown unit stands for."""

    fact: str
    heading: str
    scale: float = 1.0


COLUMNS: dict[str, tuple[Column, ...]] = {
    "country": (
        Column("median age", "Median age (years)"),
        Column("life expectancy", "Life expectancy (years)"),
        Column("urban population", "Urban population (%)"),
        Column("internet users", "Internet users (%)"),
        Column("forest", "Forest (% of land)"),
        Column("agricultural land", "Farm land (% of land)"),
        Column("birth rate", "Births (per 1000)"),
        Column("airports", "Airports"),
        Column("population", "Population (million)", 1e6),
        Column("area", "Area (1000 km2)", 1e3),
    ),
    "element": (
        Column("atomic number", "Protons"),
        Column("atomic weight", "Weight (u)"),
        Column("atomic radius", "Radius (pm)"),
        Column("melting point", "Melts at (10 K)", 10),
        Column("boiling point", "Boils at (10 K)", 10),
    ),
    "city": (Column("population", "People (10000)", 1e4),),
}
COMPUTED, LARGE_SHARE = 0.8, 0.6
"""Shares of the questions that ask for a computation, and of those whose numbers can be read from afar."""
SHORT = 10
"""Characters of the longest name in a chart or table."""


@dataclass(frozen=True)
class Facts:
    """A table: a row a thing, a column a fact; `values[row][column]` are whole numbers."""

    things: tuple[Real, ...]
    columns: tuple[Column, ...]
    values: tuple[tuple[int, ...], ...]


def draw_facts(rng: random.Random, split: str, rows: int, columns: int, *, large: bool) -> Facts:
    """A table of `rows` things and `columns` facts that all of them have; its numbers are short where they
    are to be `large`.
    """
    highest = HIGHEST_LARGE if large else HIGHEST
    while True:
        kind = rng.choices(("country", "element", "city"), (6, 2, 2 if columns == 1 else 0))[0]
        chosen = tuple(rng.sample(COLUMNS[kind], columns))
        things = [thing for thing in listed(kind, split) if len(thing.name) <= SHORT]
        rng.shuffle(things)
        kept: list[tuple[Real, tuple[int, ...]]] = []
        for thing in things:
            values = _values(thing, chosen, highest)
            taken = _columns(kept, columns)
            if values and all(value not in column for value, column in zip(values, taken, strict=True)):
                kept.append((thing, values))
            if len(kept) == rows:
                return Facts(tuple(t for t, _ in kept), chosen, tuple(v for _, v in kept))


def _values(thing: Real, columns: tuple[Column, ...], highest: int) -> tuple[int, ...] | None:
    shown: list[int] = []
    for column in columns:
        value = thing.facts.get(column.fact)
        if isinstance(value, str) or value is None or not LOWEST <= round(value / column.scale) <= highest:
            return None
        shown.append(round(value / column.scale))
    return tuple(shown)


def _columns(kept: list[tuple[Real, tuple[int, ...]]], columns: int) -> list[set[int]]:
    return [{values[place] for _, values in kept} for place in range(columns)]


SUM, MORE, LESS, MEAN, PERCENT = (
    (
        "What is the sum of {it}?",
        "Add {it}.",
        "What do {it} add up to?",
        "How much is {it} together?",
        "Give the sum of {it}.",
        "Tell me the sum of {it}.",
        "Find the sum of {it}.",
        "What is the total of {it}?",
        "Compute the sum of {it}.",
    ),
    (
        "How much more is {one} than {other}?",
        "By how much is {one} more than {other}?",
        "What is {one} minus {other}?",
        "Take {other} from {one}.",
        "How far is {one} above {other}?",
        "By how much does {one} exceed {other}?",
        "Compute {one} minus {other}.",
        "Subtract {other} from {one}.",
    ),
    (
        "How much less is {one} than {other}?",
        "By how much is {one} less than {other}?",
        "How far is {one} below {other}?",
        "How much does {one} lack to be as much as {other}?",
        "By how much does {one} fall short of {other}?",
        "How much must be added to {one} to get {other}?",
        "How much is missing from {one} to {other}?",
        "What is added to {one} to make {other}?",
    ),
    (
        "What is the mean of {it}?",
        "What is the average of {it}?",
        "Give the mean of {it}, to two decimals.",
        "Compute the mean of {it}.",
        "Tell me the average of {it}.",
        "Find the mean of {it}.",
        "How much is the average of {it}?",
        "Give the average of {it}.",
    ),
    (
        "What percentage of {other} is {one}?",
        "How many percent of {other} is {one}?",
        "{one} is what percentage of {other}?",
        "Give {one} in percent of {other}.",
        "As a percentage of {other}, how much is {one}?",
        "Express {one} in percent of {other}.",
        "How much is {one} in percent of {other}?",
        "Compute {one} as a percentage of {other}.",
    ),
)


@dataclass(frozen=True)
class Sum:
    """What is asked of some numbers: its kind, wordings, how many numbers, and how it is computed."""

    kind: str
    wordings: tuple[str, ...]
    numbers: int
    expression: str
    value: Callable[..., float]


SUMS = (
    Sum("sum", SUM, 2, "a + b", lambda a, b: a + b),
    Sum("sum", SUM, 3, "a + b + c", lambda a, b, c: a + b + c),
    Sum("compare", MORE, 2, "a - b", lambda a, b: a - b),
    Sum("compare", LESS, 2, "b - a", lambda a, b: b - a),
    Sum("mean", MEAN, 2, "round((a + b) / 2, 2)", lambda a, b: round((a + b) / 2, 2)),
    Sum("percent", PERCENT, 2, "round(100 * a / b, 2)", lambda a, b: round(100 * a / b, 2)),
)


def ask_sum(
    rng: random.Random, asked: Sum, named: list[tuple[str, int]]
) -> tuple[str, str, list[int], Compute]:
    """Question, answer, order in which the numbers are needed, and the computation.

    `named` are as many (name, number) as are asked about.
    """
    order = list(range(asked.numbers))
    if asked.kind == "compare" and (named[0][1] < named[1][1]) != (asked.wordings is LESS):
        order = [1, 0]
    names = [named[place][0] for place in order]
    numbers = [named[place][1] for place in order]
    if asked.kind in ("compare", "percent"):
        question = phrases.ask(rng, asked.wordings, one=names[0], other=names[1])
    else:
        question = phrases.ask(rng, asked.wordings, it=f"{', '.join(names[:-1])} and {names[-1]}")
    answer = str(asked.value(*numbers))
    sums = compute([str(number) for number in numbers], asked.expression)
    return question[0].upper() + question[1:], answer, order, sums
