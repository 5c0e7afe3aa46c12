"""`plot`: a bar chart at somebody's software's defaults; the value of a bar, which is more, how many there
are.

Values are not written beside the bars. The teacher looks at the labels and at the value axis, and lets Python
find the bar's top and compute: what is exact is left to code.
"""

from __future__ import annotations

import json
import random

import numpy as np

from deepeyes.world.asking import BAR_COMPARE, BAR_MOST, BAR_NUMBER, BAR_VALUE, ask_freely
from deepeyes.world.example import Drawn, Example, Family, Reply, ViewSize
from deepeyes.world.plots import Plot, draw_plot
from deepeyes.world.scene import Thing
from deepeyes.world.teacher import SEEN, answer, decimal, to_cells
from deepeyes.world.words import spoken

Crop = tuple[int, int, int, int]
KINDS, WEIGHTS = ("value", "higher", "highest", "number"), (5, 3, 2, 1)
BELOW, BESIDE = 0.86, 0.2
"""From which share of the height on the labels are looked at, and up to which share of the width the
ticks.
"""
TENTH = 0.1
"""How far a value may be off, in steps between two ticks."""
LOOK = (
    "<think>I look at the labels and the axis.</think>\n<code>\n```python\nw, h = image_1.size\n"
    f"display(image_1.crop((0, int({BELOW} * h), w, h)))\n"
    f"display(image_1.crop((0, 0, int({BESIDE} * w), h)))\n```\n</code>"
)
DONE = "That is the result."
TOP = (
    "def top(x):\n    p = [image_1.getpixel((int(x), y)) for y in range(h)]\n    y = int(zero) - 4\n"
    "    while y > 0 and max(abs(a - b) for a, b in zip(p[y], p[int(zero) - 4])) < 40:\n"
    "        y -= 1\n    return y\n"
)
"""Up the middle of a bar, from just above its foot to where its colour ends."""


def draw(rng: random.Random, split: str) -> Drawn:
    """A chart and a question about it."""
    kind = rng.choices(KINDS, WEIGHTS)[0]
    while True:
        plot = draw_plot(rng, split)
        drawn = _asked(rng, plot, kind)
        if drawn is not None:
            return drawn


def _asked(rng: random.Random, plot: Plot, kind: str) -> Drawn | None:
    bars = plot.bars
    values = [float(bar.text) for bar in bars]
    if kind == "number":
        return Drawn(plot.scene, "number", ask_freely(rng, BAR_NUMBER), str(len(bars)), steps=(plot,))
    if kind == "highest":
        first, second = sorted(values, reverse=True)[:2]
        if first - second < TENTH * 2 * plot.step:
            return None
        return Drawn(
            plot.scene, "highest", ask_freely(rng, BAR_MOST), bars[values.index(first)].name, steps=(plot,)
        )
    if kind == "higher":
        one, other = rng.sample(range(len(bars)), 2)
        if abs(values[one] - values[other]) < TENTH * 2 * plot.step:
            return None
        question = ask_freely(rng, BAR_COMPARE, one=bars[one].name, other=bars[other].name)
        more = bars[one if values[one] > values[other] else other]
        return Drawn(plot.scene, "higher", question, more.name, steps=(plot, bars[one], bars[other]))
    bar = rng.choice(bars)
    question = ask_freely(rng, BAR_VALUE, it=bar.name)
    return Drawn(plot.scene, "value", question, bar.text, bar, steps=(plot, bar), slack=TENTH * plot.step)


def teach(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """Look at the labels and the axis, say where they are, and let code measure the bars."""
    if example.kind == "number":
        return [Reply(answer(SEEN, example.answer))]
    plot: Plot = example.steps[0]
    named: tuple[Thing, ...] = tuple(example.steps[1:]) or plot.bars
    code, told = _measured(plot, named, cells) if example.kind == "value" else _compared(plot, named, cells)
    labels, axis = labels_said(plot, cells), axis_said(plot, cells)
    return [
        Reply(LOOK),
        Reply(f"<think>{labels}. {axis}.</think>\n<code>\n```python\n{code}\n```\n</code>"),
        Reply(answer(DONE, told)),
    ]


def labels_said(plot: Plot, cells: ViewSize) -> str:
    """The labels, and where each stands from the left in the crop that shows them."""
    strip = strip_of(plot)
    return ", ".join(f"{spoken(label.text)} at {_at(label, strip, cells)[0]}" for label in plot.labels)


def axis_said(plot: Plot, cells: ViewSize) -> str:
    """The lowest and the highest tick, and where each stands from the top in the crop that shows them."""
    column = column_of(plot)
    return ", ".join(
        f"{tick.text} at {_at(tick, column, cells)[1]}" for tick in (plot.ticks[0], plot.ticks[-1])
    )


def strip_of(plot: Plot) -> Crop:
    """The crop that shows the labels."""
    width, height = plot.scene.image.size
    return 0, int(BELOW * height), width, height


def column_of(plot: Plot) -> Crop:
    """The crop that shows the ticks."""
    width, height = plot.scene.image.size
    return 0, 0, int(BESIDE * width), height


def _measured(plot: Plot, named: tuple[Thing, ...], cells: ViewSize) -> tuple[str, str]:
    """The code that measures a bar, and what it prints."""
    column, height = column_of(plot), plot.scene.image.height
    rows = cells(column[2], column[3])[1]
    low, high = (_at(tick, column, cells)[1] for tick in (plot.ticks[0], plot.ticks[-1]))
    most = plot.ticks[-1].text
    x = _middle(plot, named[0], cells)
    code = f"zero = {low} / {rows} * h\n{TOP}y = top({x} * w)\n"
    code += f"print(round({most} * (zero - y) / (zero - {high} / {rows} * h), 1))"
    zero = float(low) / rows * height
    value = float(most) * (zero - _top(plot, x, zero)) / (zero - float(high) / rows * height)
    return code, str(round(value, 1))


def _compared(plot: Plot, named: tuple[Thing, ...], cells: ViewSize) -> tuple[str, str]:
    """The code that finds the highest of several bars, and what it prints."""
    column = column_of(plot)
    rows, low = cells(column[2], column[3])[1], _at(plot.ticks[0], column, cells)[1]
    places = [_middle(plot, bar, cells) for bar in named]
    names = [spoken(bar.name) for bar in named]
    tops = ", ".join(f"top({x} * w)" for x in places)
    written = json.dumps(names, ensure_ascii=False)
    code = f"zero = {low} / {rows} * h\n{TOP}print(min(zip([{tops}], {written}))[1])"
    zero = float(low) / rows * plot.scene.image.height
    return code, min(zip((_top(plot, x, zero) for x in places), names, strict=True))[1]


def _middle(plot: Plot, bar: Thing, cells: ViewSize) -> str:
    """The middle of `bar` as a share of the width, as it is written."""
    strip = strip_of(plot)
    label = plot.labels[plot.bars.index(bar)]
    return f"{_at(label, strip, cells)[0]} / {cells(strip[2], strip[3] - strip[1])[0]}"


def _top(plot: Plot, middle: str, zero: float) -> int:
    """What `TOP` finds: the row in which the bar's colour ends."""
    image = plot.scene.image
    at, columns = middle.split(" / ")
    x = int(float(at) / int(columns) * image.width)
    column = np.asarray(image.crop((x, 0, x + 1, image.height))).reshape(image.height, -1).astype(int)
    y = foot = int(zero) - 4
    while y > 0 and np.abs(column[y] - column[foot]).max() < 40:
        y -= 1
    return y


def _at(thing: Thing, crop: Crop, cells: ViewSize) -> tuple[str, str]:
    """Where the middle of `thing` is in a crop of the chart, in cells, as it is written."""
    size = crop[2] - crop[0], crop[3] - crop[1]
    grid = cells(*size)
    x, y = to_cells((thing.centre[0] - crop[0], thing.centre[1] - crop[1]), size, grid)
    return decimal(x, grid[0]), decimal(y, grid[1])


PLOT = Family(draw, teach, ("python",), alone=True)
