"""`table`: real facts in rows and columns, named by colour; read a cell, or compare and compute with several.

A row's name and a column's heading stand on a colour of their own, and a row's cells on a pale shade of the
row's, so that a cell can be found by one who cannot read the words from afar.
"""

from __future__ import annotations

import random
from dataclasses import replace

from deepeyes.world import phrases
from deepeyes.world.example import Drawn, Family
from deepeyes.world.palette import COLOURS
from deepeyes.world.plan import Read, play
from deepeyes.world.scene import Scene, Thing
from deepeyes.world.sheet import CAPTION, LARGE, NUMBER, Sheet, ink_on, tint

from .facts import COMPUTED, LARGE_SHARE, SUMS, Facts, ask_sum, draw_facts

READ = (
    "What number is in {it}?",
    "What is the value in {it}?",
    "Read the number in {it}.",
    "Give the number in {it}.",
    "Tell me the value in {it}.",
    "Which number stands in {it}?",
    "What does the table say in {it}?",
    "Which value is in {it}?",
    "Look up {it}.",
)
Cell = tuple[int, int]


def draw(rng: random.Random, split: str) -> Drawn:
    """A table of two to five rows and two or three columns, and a question about one to three cells."""
    asked = rng.choice(SUMS) if rng.random() < COMPUTED else None
    large = asked is not None and rng.random() < LARGE_SHARE
    columns = 2 if large else rng.randint(2, 3)
    rows = rng.randint(asked.numbers, 3) if asked and large else rng.randint(3, 8 - columns - 1)
    facts = draw_facts(rng, split, rows, columns, large=large)
    colours = rng.sample(COLOURS, rows + columns)
    scene, cells = _drawn(rng, facts, colours, LARGE if large else NUMBER)
    chosen = _chosen(rng, rows, columns, asked.numbers if asked else 1)
    named = [(cells[cell].name, int(cells[cell].text)) for cell in chosen]
    ids = tuple(dict.fromkeys(facts.things[row].id for row, _ in chosen))
    if asked is None:
        target = cells[chosen[0]]
        question = phrases.ask(rng, READ, it=named[0][0])
        return Drawn(scene, "read", question, target.text, target, (), (Read((target,)),), ids)
    question, answer, order, sums = ask_sum(rng, asked, named)
    read = Read(tuple(cells[chosen[place]] for place in order), large)
    return Drawn(scene, asked.kind, question, answer, None, (), (read, sums), ids)


def _chosen(rng: random.Random, rows: int, columns: int, number: int) -> list[Cell]:
    """`number` cells of one column, or two of one row."""
    if number == 2 and rng.random() < 0.4:
        row = rng.randrange(rows)
        return [(row, column) for column in rng.sample(range(columns), 2)]
    column = rng.randrange(columns)
    return [(row, column) for row in rng.sample(range(rows), number)]


def _drawn(
    rng: random.Random, facts: Facts, colours: list[str], size: float
) -> tuple[Scene, dict[Cell, Thing]]:
    sheet = Sheet(rng)
    rows, columns = len(facts.things), len(facts.columns)
    margin = 0.25 * sheet.unit
    across = (sheet.width - 2 * margin) / (columns + 1)
    high = min((sheet.height - 2 * margin) / (rows + 1), 1.45 * sheet.unit)
    top = (sheet.height - high * (rows + 1)) / 2
    paleness = rng.uniform(0.55, 0.75)
    cells: dict[Cell, Thing] = {}

    def box(row: int, column: int, fill: object) -> tuple[float, float]:
        x, y = margin + across * column, top + high * row
        sheet.polygon([(x, y), (x + across, y), (x + across, y + high), (x, y + high)], fill, width=2)
        return x + across / 2, y + high / 2

    box(0, 0, (1, 1, 1))
    for number, (column, colour) in enumerate(zip(facts.columns, colours[rows:], strict=True)):
        head = column.heading.replace(" (", "\n(")
        sheet.write(head, box(0, number + 1, tint(rng, colour)), CAPTION, ink_on(colour))
    for row, (thing, colour) in enumerate(zip(facts.things, colours[:rows], strict=True)):
        fill = tint(rng, colour)
        pale = tuple(channel + (1 - channel) * paleness for channel in fill)
        sheet.write(thing.name, box(row + 1, 0, fill), CAPTION * 1.2, ink_on(colour))
        for column in range(columns):
            spot = box(row + 1, column + 1, pale)
            written = sheet.write(str(facts.values[row][column]), spot, min(size, 1.1 * high / sheet.unit))
            other = colours[rows + column]
            name = f"the {other} column of the {colour} row"
            cells[row, column] = replace(written, colour=colour, ink=other, name=name)
    return sheet.scene(list(cells.values())), cells


TABLE = Family(draw, play, ("python",), alone=True)
