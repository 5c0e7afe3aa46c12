"""Tables as pandas, Matplotlib, browsers and word processors draw them at their defaults, and what stands
where in them.

What always holds: `Table.cells` has the thing at (row, column), row 0 the headings and column 0 the names;
a look but pandas', which is what people have, is in one split only; no text is cut off.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from .fonts import load_font
from .plots import split_words, text_of
from .scene import Scene, Thing

Ink = tuple[int, int, int]
Cell = tuple[int, int]


@dataclass(frozen=True)
class TableLook:
    """How a table is drawn; `head` and `stripe` fill the first row and every other one; `rules`: a line
    round every cell ("all"), below every row ("rows"), below the headings ("head"), and also above and below
    the whole ("book"), or none.
    """

    font: str
    bold: str
    align: str
    rules: str
    line: Ink = (0, 0, 0)
    ink: Ink = (0, 0, 0)
    head: Ink = (255, 255, 255)
    stripe: Ink = (255, 255, 255)
    tall: float = 1.9
    """Height of a row, in ems."""


_SANS, _BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"
LOOKS = {
    "pandas": TableLook(_SANS, _BOLD, "right", "head", stripe=(245, 245, 245)),
    "matplotlib": TableLook(_SANS, _SANS, "centre", "all", tall=1.7),
    "browser": TableLook(
        "EBGaramond08-Regular.otf", "DejaVuSerif-Bold.ttf", "left", "all", (128, 128, 128), tall=1.6
    ),
    "console": TableLook("DejaVuSansMono.ttf", "DejaVuSansMono.ttf", "right", "none", tall=1.25),
    "striped": TableLook(
        "Roboto-Regular.ttf", "RobotoCondensed-Bold.ttf", "left", "rows", (222, 226, 230), (33, 37, 41),
        stripe=(242, 242, 242), tall=2.6,
    ),
    "book": TableLook("EBGaramond08-Regular.otf", "EBGaramond08-Regular.otf", "left", "book", tall=1.5),
    "office": TableLook(
        "Cabin-Medium.otf", "Cabin-Medium.otf", "left", "all", (142, 169, 219), head=(180, 198, 231),
        stripe=(217, 225, 242), tall=1.7,
    ),
    "forge": TableLook(
        "Quicksand-Bold.ttf", "Quicksand-Bold.ttf", "left", "all", (208, 215, 222), (31, 35, 40),
        stripe=(246, 248, 250), tall=2.4,
    ),
}  # fmt: skip
STYLES = {
    "train": ("pandas", "matplotlib", "browser", "console"),
    "validation": ("pandas", "striped"),
    "test": ("pandas", "office", "forge"),
    "rl": ("pandas", "book"),
}
EMS = (12, 20)
"""Pixels an em."""


@dataclass(frozen=True)
class Table:
    """A table of `rows` and `columns` of numbers, beside names and below headings."""

    scene: Scene
    cells: dict[Cell, Thing]
    rows: int
    columns: int


def draw_table(rng: random.Random, split: str) -> Table:
    """A table of two to seven rows and two to four columns in one of the looks of `split`."""
    look = LOOKS[rng.choice(STYLES[split])]
    rows, columns = rng.randint(2, 7), rng.randint(2, 4)
    words = [word.capitalize() for word in rng.sample(split_words(split), rows + columns + 1)]
    texts: dict[Cell, str] = {(0, 0): "" if rng.random() < 0.6 else words[-1]}
    texts |= {(row + 1, 0): words[row] for row in range(rows)}
    for column in range(columns):
        texts[0, column + 1] = words[rows + column]
        top, places = rng.choice((10, 100, 1000, 9000)), rng.choice((0, 0, 1, 2))
        texts |= {(row + 1, column + 1): f"{rng.uniform(1, top):.{places}f}" for row in range(rows)}
    return _drawn(rng, look, texts, rows, columns)


def _drawn(rng: random.Random, look: TableLook, texts: dict[Cell, str], rows: int, columns: int) -> Table:
    em = rng.randint(*EMS)
    plain, bold = load_font(look.font, em), load_font(look.bold, em)
    fonts = {cell: bold if 0 in cell else plain for cell in texts}
    pad, high = em * rng.uniform(0.5, 1.2), em * look.tall
    widths = [
        max(fonts[cell].getlength(text) for cell, text in texts.items() if cell[1] == column) + 2 * pad
        for column in range(columns + 1)
    ]
    if look.rules == "all" and look.align == "centre":  # all alike, as `Axes.table` has them
        widths = [max(widths)] * len(widths)
    margin = rng.uniform(0.3, 2.5) * em
    lefts = [margin + sum(widths[:column]) for column in range(columns + 2)]
    tops = [margin + high * row for row in range(rows + 2)]
    image = Image.new("RGB", (round(lefts[-1] + margin), round(tops[-1] + margin)), "white")
    draw = ImageDraw.Draw(image)
    for row in range(rows + 1):
        fill = look.head if row == 0 else look.stripe if row % 2 else (255, 255, 255)
        draw.rectangle((lefts[0], tops[row], lefts[-1], tops[row + 1]), fill=fill)
    _rule(draw, look, lefts, tops)
    cells: dict[Cell, Thing] = {}
    for (row, column), text in texts.items():
        font = fonts[row, column]
        width = font.getlength(text)
        room = widths[column] - 2 * pad - width
        left = lefts[column] + pad + {"left": 0.0, "centre": room / 2, "right": room}[look.align]
        top = tops[row] + (high - em) / 2
        draw.text((left, top), text, font=font, fill=look.ink)
        low, down = font.getbbox(text or "x")[1::2]
        box = (left, top + low, left + width, top + down)
        cells[row, column] = text_of(text, box, look.bold if 0 in (row, column) else look.font)
    return Table(Scene(image, [cell for cell in cells.values() if cell.text]), cells, rows, columns)


def _rule(draw: ImageDraw.ImageDraw, look: TableLook, lefts: list[float], tops: list[float]) -> None:
    across = {"all": tops, "rows": tops, "head": tops[1:2], "book": [tops[0], tops[1], tops[-1]], "none": []}
    for y in across[look.rules]:
        draw.line((lefts[0], y, lefts[-1], y), fill=look.line)
    for x in lefts if look.rules == "all" else ():
        draw.line((x, tops[0], x, tops[-1]), fill=look.line)
