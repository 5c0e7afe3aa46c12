"""`grid`: a table as other people's software draws it; what stands in a cell, and how many rows it has.

The teacher looks at the names and at the headings, says where the two of the question are, and looks at the
place where row and column meet.
"""

from __future__ import annotations

import random

from deepeyes.world.asking import CELL, ROWS, ask_freely
from deepeyes.world.example import Drawn, Example, Family, Reply, ViewSize
from deepeyes.world.scene import Scene, Thing
from deepeyes.world.tables import Table, draw_table
from deepeyes.world.teacher import NOW_CLEAR, SEEN, answer, decimal, to_cells
from deepeyes.world.words import spoken

Crop = tuple[int, int, int, int]
COUNTED = 0.12
"""Share of the questions that ask how many rows there are."""
BESIDE, BELOW = 0.42, 0.42
"""Up to which share of the width the names are looked at, and of the height the headings."""
AROUND = (0.2, 0.17)
"""Half of what is looked at where row and column meet, as shares of the sides."""
LOOK = (
    "<think>I look at the names and the headings.</think>\n<code>\n```python\nw, h = image_1.size\n"
    f"display(image_1.crop((0, 0, int({BESIDE} * w), h)))\n"
    f"display(image_1.crop((0, 0, w, int({BELOW} * h))))\n```\n</code>"
)


def draw(rng: random.Random, split: str) -> Drawn:
    """A table whose names and headings lie in what is looked at, and a question about it."""
    while True:
        table = draw_table(rng, split)
        width, height = table.scene.image.size
        heads = [thing for (row, column), thing in table.cells.items() if 0 in (row, column) and thing.text]
        if all(one.box[2] < BESIDE * width or one.box[3] < BELOW * height for one in heads):
            break
    if rng.random() < COUNTED:
        return Drawn(table.scene, "number", ask_freely(rng, ROWS), str(table.rows), steps=())
    row, column = rng.randint(1, table.rows), rng.randint(1, table.columns)
    name, head, cell = table.cells[row, 0], table.cells[0, column], table.cells[row, column]
    question = ask_freely(rng, CELL, row=name.text, column=head.text)
    return Drawn(table.scene, "cell", question, cell.text, cell, steps=(name, head))


def teach(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """Names and headings first, then the cell; what is counted is counted at once."""
    if example.kind == "number":
        return [Reply(answer(SEEN, example.answer))]
    name, head = example.steps
    y, rows = _at(name, names_of(example.scene), cells, 1)
    x, columns = _at(head, heads_of(example.scene), cells, 0)
    half = f"int({AROUND[0]} * w), int({AROUND[1]} * h)"
    code = (
        f"x, y = int({x} / {columns} * w), int({y} / {rows} * h)\nu, v = {half}\n"
        "display(image_1.crop((x - u, y - v, x + u, y + v)))"
    )
    said = f"{spoken(name.text)} at {y}, {spoken(head.text)} at {x}."
    return [
        Reply(LOOK),
        Reply(f"<think>{said}</think>\n<code>\n```python\n{code}\n```\n</code>"),
        Reply(answer(rng.choice(NOW_CLEAR), example.answer)),
    ]


def names_of(scene: Scene) -> Crop:
    """The crop that shows the names of the rows."""
    return 0, 0, int(BESIDE * scene.image.width), scene.image.height


def heads_of(scene: Scene) -> Crop:
    """The crop that shows the headings."""
    return 0, 0, scene.image.width, int(BELOW * scene.image.height)


def names_said(table: Table, cells: ViewSize) -> str:
    """The names, and where each stands from the top in the crop that shows them."""
    names = [table.cells[row, 0] for row in range(1, table.rows + 1)]
    return ", ".join(f"{spoken(one.text)} at {_at(one, names_of(table.scene), cells, 1)[0]}" for one in names)


def heads_said(table: Table, cells: ViewSize) -> str:
    """The headings of the numbers, and where each stands from the left in the crop that shows them."""
    heads = [table.cells[0, column] for column in range(1, table.columns + 1)]
    return ", ".join(f"{spoken(one.text)} at {_at(one, heads_of(table.scene), cells, 0)[0]}" for one in heads)


def _at(thing: Thing, crop: Crop, cells: ViewSize, side: int) -> tuple[str, int]:
    """Where the middle of `thing` is along one side of a crop from the top-left corner, in cells, and how
    many cells that side has.
    """
    size = crop[2], crop[3]
    grid = cells(*size)
    return decimal(to_cells(thing.centre, size, grid)[side], grid[side]), grid[side]


GRID = Family(draw, teach, ("python",))
