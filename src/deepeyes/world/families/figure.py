"""`figure`: charts of other kinds at Matplotlib's defaults; their title, the name of an axis, how many parts
there are, and which is the greatest.
"""

from __future__ import annotations

import random

from deepeyes.world.asking import AXIS_NAME, GREATEST, PARTS, TITLE, ask_freely
from deepeyes.world.example import Drawn, Example, Family, Reply, ViewSize
from deepeyes.world.figures import Figure, draw_figure
from deepeyes.world.teacher import NOW_CLEAR, SEEN, answer, look, to_cells
from deepeyes.world.words import spoken

from .word import window_for

CALLED = {"lying bars": "bar", "lines": "line", "pie": "slice", "grouped bars": "bar"}
MOST = {"lying bars": ("longest", "largest", "biggest"), "pie": ("largest", "biggest")}
"""Kinds of which it is asked which part is the greatest: its label stands beside it."""


def draw(rng: random.Random, split: str) -> Drawn:
    """A chart and a question about it."""
    while True:
        figure = draw_figure(rng, split)
        drawn = rng.choice(_asked(rng, figure) or [None])
        if drawn is not None:
            return drawn


def _asked(rng: random.Random, figure: Figure) -> list[Drawn | None]:
    """Every question that the chart answers."""
    asked: list[Drawn | None] = []
    part = CALLED[figure.kind]
    for name, text in figure.texts.items():
        wordings = TITLE if name == "title" else AXIS_NAME
        question = ask_freely(rng, wordings, axis=name)
        asked.append(Drawn(figure.scene, "text", question, text.text, text))
    if figure.kind != "grouped bars":
        question = ask_freely(rng, PARTS, parts=f"{part}s")
        asked.append(Drawn(figure.scene, "number", question, str(figure.series)))
    if figure.kind in MOST:
        question = ask_freely(rng, GREATEST, part=part, most=rng.choice(MOST[figure.kind]))
        asked.append(Drawn(figure.scene, "highest", question, figure.parts[0].text, figure.parts[0]))
    return asked


def teach(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """Look at the text that answers; what is counted is counted at once."""
    text = example.target
    if text is None:
        return [Reply(answer(SEEN, example.answer))]
    size = example.scene.image.size
    grid = cells(*size)
    crop = look(rng, to_cells(text.centre, size, grid), grid, window=window_for(text, size, grid))
    return [Reply(crop), Reply(answer(rng.choice(NOW_CLEAR), spoken(example.answer)))]


FIGURE = Family(draw, teach, ("python",), alone=True)
