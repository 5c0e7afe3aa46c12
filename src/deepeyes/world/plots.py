"""Bar charts as people's software draws them at its defaults, and what stands where in them.

What always holds: bars stand on zero; a `Thing` of kind "bar" has the bar's box, its label as `name` and its
value as `text`; labels and ticks are things with the characters they show, in pixels of the image.
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from .fonts import load_font
from .looks import drawn_in
from .scene import Box, Scene, Thing
from .words import sign_words, split_of

SIZES = ((640, 480), (640, 480), (640, 480), (640, 480), (800, 500), (600, 400), (700, 500), (1000, 600))
SETS = (
    "A B C D E F G H", "Q1 Q2 Q3 Q4", "Mon Tue Wed Thu Fri Sat Sun", "Jan Feb Mar Apr May Jun Jul Aug",
    "2017 2018 2019 2020 2021 2022 2023 2024", "X1 X2 X3 X4 X5 X6", "North South East West",
    "Red Blue Green Pink",
)  # fmt: skip
"""Labels that people use; half of the charts have words of their split instead."""
DPI = 100
UPRIGHT = 4
"""Most characters of labels that stand on end: longer ones would leave the image."""


@dataclass(frozen=True)
class Plot:
    """A chart; its bars from left to right, their labels, and the ticks of the value axis from the bottom."""

    scene: Scene
    bars: tuple[Thing, ...]
    labels: tuple[Thing, ...]
    ticks: tuple[Thing, ...]
    step: float
    """What lies between two ticks."""


def draw_plot(rng: random.Random, split: str) -> Plot:
    """A chart of two to seven bars in one of the styles of `split`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = _names(rng, split)
    values = _values(rng, len(names))
    width, height = rng.choice(SIZES)
    with drawn_in(rng, split) as look:
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        axes: Any = figure.subplots()
        several = rng.random() < 0.25
        options: dict[str, Any] = {"color": [f"C{place}" for place in range(len(names))]} if several else {}
        if look.upright or rng.random() < 0.3:
            options["width"] = 0.5 if look.upright else rng.choice((0.5, 0.6, 0.9))
        if not several and rng.random() < 0.3:
            options["color"] = rng.choice(
                ("skyblue", "orange", "green", "tab:red", "purple", "steelblue", "salmon", "C1", "C2")
            )
        drawn = axes.bar(names, values, **options)
        upright = look.upright and max(map(len, names)) <= UPRIGHT
        if upright:
            axes.tick_params("x", rotation=90)
        if look.upright and rng.random() < 0.5:
            axes.legend(drawn[:1], rng.sample(split_words(split), 1))
        if rng.random() < 0.5:
            axes.set_title(" ".join(rng.sample(split_words(split), rng.randint(1, 3))).title())
        if rng.random() < 0.4:
            axes.set_ylabel(rng.choice(split_words(split)).capitalize())
        if rng.random() < 0.25:
            axes.set_xlabel(rng.choice(split_words(split)).capitalize())
        if rng.random() < 0.15:
            axes.grid(axis="y", alpha=0.5)
            axes.set_axisbelow(True)
        if rng.random() < 0.3:
            figure.tight_layout()
        canvas.draw()
        image = Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB")

        def box(artist: Any) -> Box:
            extent = artist.get_window_extent()
            return (
                float(extent.x0),
                image.height - float(extent.y1),
                float(extent.x1),
                image.height - float(extent.y0),
            )

        labels = tuple(
            text_of(label.get_text(), box(label), look.font, upright=upright)
            for label in axes.get_xticklabels()
        )
        low, high = axes.get_ylim()
        marks = [
            (place, label)
            for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
            if low <= place <= high
        ]
        ticks = tuple(text_of(label.get_text(), box(label), look.font) for _, label in marks)
        bars = tuple(
            Thing("bar", "", box(bar), text=f"{value:g}", name=name)
            for bar, value, name in zip(drawn, values, names, strict=True)
        )
    return Plot(Scene(image, [*labels, *ticks]), bars, labels, ticks, float(marks[1][0] - marks[0][0]))


def text_of(text: str, box: Box, font: str, *, upright: bool = False) -> Thing:
    """A text that fills `box`, its characters as wide as they are in the shipped typeface `font`; an
    `upright` one is read from the bottom to the top.
    """
    typeface = load_font(font, 40)
    edges = [typeface.getlength(text[:end]) for end in range(len(text) + 1)]
    scale = (box[3] - box[1] if upright else box[2] - box[0]) / max(edges[-1], 1)
    glyphs: list[tuple[str, Box]] = []
    for char, low, high in zip(text, edges, edges[1:], strict=False):
        if upright:
            glyphs.append((char, (box[0], box[3] - high * scale, box[2], box[3] - low * scale)))
        else:
            glyphs.append((char, (box[0] + low * scale, box[1], box[0] + high * scale, box[3])))
    return Thing("number", "", box, text=text, glyphs=tuple(glyphs))


def _names(rng: random.Random, split: str) -> list[str]:
    if rng.random() < 0.5:
        names = list[str](rng.choice(SETS).split())
        count = rng.randint(2, min(7, len(names)))
        first = rng.randint(0, len(names) - count)
        return names[first : first + count]
    short = [word for word in split_words(split) if len(word) <= 7]
    return [word.capitalize() for word in rng.sample(short, rng.randint(2, 6))]


def _values(rng: random.Random, count: int) -> list[float]:
    top = rng.choice((10, 20, 50, 100, 100, 250, 1000, 5000))
    whole = rng.random() < 0.8
    low = top * rng.choice((0.02, 0.1, 0.4))
    values = [rng.uniform(low, top) for _ in range(count)]
    return [max(1.0, float(round(value))) if whole else round(value, 1) for value in values]


@functools.cache
def split_words(split: str) -> tuple[str, ...]:
    """The plain words that charts of `split` may show."""
    return tuple(
        word for word in sign_words() if " " not in word and word.isascii() and split_of(word) == split
    )
