"""Charts of other kinds at Matplotlib's defaults: lying and grouped bars, lines and pies, with title, name
of an axis and legend.

What always holds: `Figure.texts` has what stands in the image under what a question calls it, with the
characters it shows, in pixels; `Figure.parts` are the labels of the bars, lines or slices, the greatest
first; no text is cut off.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from .looks import drawn_in
from .plots import DPI, SIZES, split_words, text_of
from .scene import Box, Scene, Thing

KINDS = ("lying bars", "grouped bars", "lines", "pie")
NAMED, TITLED = 0.6, 0.8
"""Shares of the charts with names at their axes, and with a title."""


@dataclass(frozen=True)
class Figure:
    """A chart of one of `KINDS`."""

    kind: str
    scene: Scene
    texts: dict[str, Thing]
    parts: tuple[Thing, ...]
    series: int
    """How many lines, slices or bars it has, or kinds of bars."""


def draw_figure(rng: random.Random, split: str) -> Figure:
    """A chart of two to six parts in one of the styles of `split`."""
    while True:
        figure = _figure(rng, split)
        width, height = figure.scene.image.size
        boxes = [text.box for text in figure.scene.things]
        if all(b[0] >= 0 and b[1] >= 0 and b[2] <= width and b[3] <= height for b in boxes):
            return figure


def _figure(rng: random.Random, split: str) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    kind = rng.choice(KINDS)
    width, height = rng.choice(SIZES)
    words = [word.capitalize() for word in rng.sample(split_words(split), 10)]
    names = words[: rng.randint(2, 6 if kind != "grouped bars" else 4)]
    values = [rng.uniform(5, 100)]
    while len(values) < len(names):  # each can be told from the next
        values.append(values[-1] * rng.uniform(0.5, 0.9))
    order = rng.sample(range(len(names)), len(names))
    with drawn_in(rng, split) as look:
        figure = Canvas(figsize=(width / DPI, height / DPI), dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        axes: Any = figure.subplots()
        texts: dict[str, Any] = {}
        if rng.random() < TITLED:
            texts["title"] = axes.set_title(" ".join(words[6 : rng.randint(7, 8)]))
        labels = _drawn(
            rng, axes, kind, [names[place] for place in order], [values[place] for place in order]
        )
        if kind != "pie" and rng.random() < NAMED:
            texts["x axis"] = axes.set_xlabel(words[8])
        canvas.draw()
        image = Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB")

        def thing(artist: Any) -> Thing:
            extent = artist.get_window_extent()
            low, high = image.height - float(extent.y1), image.height - float(extent.y0)
            box: Box = float(extent.x0), low, float(extent.x1), high
            return text_of(artist.get_text(), box, look.font)

        found = {name: thing(artist) for name, artist in texts.items()}
        parts = {label.get_text(): thing(label) for label in labels}
    ranked = tuple(parts[name] for name in names if name in parts)
    scene = Scene(image, [*found.values(), *parts.values()])
    return Figure(kind, scene, found, ranked, len(names))


def _drawn(rng: random.Random, axes: Any, kind: str, names: list[str], values: list[float]) -> list[Any]:
    """Draw the chart; the texts that name its parts."""
    if kind == "pie":
        return list(axes.pie(values, labels=names)[1])
    if kind == "lying bars":
        axes.barh(names, values)
        return list(axes.get_yticklabels())
    if kind == "lines":
        for name, value in zip(names, values, strict=True):
            steps = [rng.uniform(0, 1) for _ in range(8)]
            axes.plot(range(9), [value + sum(steps[:end]) for end in range(9)], label=name)
    else:
        groups = rng.randint(2, 4)
        for place, (name, value) in enumerate(zip(names, values, strict=True)):
            heights = [value * rng.uniform(0.7, 1.0) for _ in range(groups)]
            thick = 0.8 / len(names)
            axes.bar([group + place * thick for group in range(groups)], heights, thick, label=name)
    return list(axes.legend().get_texts())
