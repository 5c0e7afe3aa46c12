"""Bar charts as Matplotlib and what is built on it draw them at their defaults, and what stands where in
them.

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
from .scene import Box, Scene, Thing
from .words import sign_words, split_of

STYLES = {
    "train": (
        "default", "default", "default", "seaborn-v0_8", "seaborn-v0_8-whitegrid", "seaborn-v0_8-deep",
        "seaborn-v0_8-muted",
        "fivethirtyeight", "tableau-colorblind10", "seaborn-v0_8-ticks", "seaborn-v0_8-colorblind", "classic",
        "dark_background", "seaborn-v0_8-pastel", "fast",
    ),
    "validation": ("default", "grayscale", "seaborn-v0_8-dark"),
    "test": ("default", "ggplot", "bmh", "Solarize_Light2", "seaborn-v0_8-darkgrid", "petroff10"),
    "rl": ("default", "seaborn-v0_8-bright", "seaborn-v0_8-white", "petroff6"),
}  # fmt: skip
"""Matplotlib's stock styles, dealt to the splits; the default, which is what people have, is in each."""
SIZES = ((640, 480), (640, 480), (640, 480), (640, 480), (800, 500), (600, 400), (700, 500), (1000, 600))
SETS = (
    "A B C D E F G H", "Q1 Q2 Q3 Q4", "Mon Tue Wed Thu Fri Sat Sun", "Jan Feb Mar Apr May Jun Jul Aug",
    "2017 2018 2019 2020 2021 2022 2023 2024", "X1 X2 X3 X4 X5 X6", "North South East West",
    "Red Blue Green Pink",
)  # fmt: skip
"""Labels that people use; half of the charts have words of their split instead."""
DPI = 100


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
    from matplotlib import style as styles
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = _names(rng, split)
    values = _values(rng, len(names))
    style = rng.choice(STYLES[split])
    width, height = rng.choice(SIZES)
    with styles.context(style):
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        axes: Any = figure.subplots()
        several = rng.random() < 0.25
        options: dict[str, Any] = {"color": [f"C{place}" for place in range(len(names))]} if several else {}
        if rng.random() < 0.3:
            options["width"] = rng.choice((0.5, 0.6, 0.9))
        if not several and rng.random() < 0.3:
            options["color"] = rng.choice(
                ("skyblue", "orange", "green", "tab:red", "purple", "steelblue", "salmon", "C1", "C2")
            )
        drawn = axes.bar(names, values, **options)
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

        labels = tuple(text_of(label.get_text(), box(label)) for label in axes.get_xticklabels())
        low, high = axes.get_ylim()
        marks = [
            (place, label)
            for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
            if low <= place <= high
        ]
        ticks = tuple(text_of(label.get_text(), box(label)) for _, label in marks)
        bars = tuple(
            Thing("bar", "", box(bar), text=f"{value:g}", name=name)
            for bar, value, name in zip(drawn, values, names, strict=True)
        )
    return Plot(Scene(image, [*labels, *ticks]), bars, labels, ticks, float(marks[1][0] - marks[0][0]))


def text_of(text: str, box: Box) -> Thing:
    """A text that fills `box`, its characters as wide as they are in Matplotlib's own typeface."""
    font = load_font("DejaVuSans.ttf", 40)
    edges = [font.getlength(text[:end]) for end in range(len(text) + 1)]
    scale = (box[2] - box[0]) / max(edges[-1], 1)
    glyphs = tuple(
        (char, (box[0] + edges[n] * scale, box[1], box[0] + edges[n + 1] * scale, box[3]))
        for n, char in enumerate(text)
    )
    return Thing("number", "", box, text=text, glyphs=glyphs)


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
