"""`wild`: photographs, screenshots, scans, charts and tables that nobody made for this world, and questions
written by hand on what can be read, counted or seen in them.

What always holds: no model is trained on it; every image is from a package with a free licence
(`assets/wild/SOURCES.json`); it is of the test split alone, and always in the same order.
"""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

from PIL import Image

from deepeyes.world.example import Drawn, Example, Family, Reply, ViewSize
from deepeyes.world.scene import Scene

_FOLDER = resources.files("deepeyes.world") / "assets" / "wild"


@functools.cache
def _questions() -> tuple[dict[str, Any], ...]:
    lines = (_FOLDER / "questions.jsonl").read_text("utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


@functools.lru_cache(maxsize=8)
def _image(name: str) -> Image.Image:
    with (_FOLDER / name).open("rb") as file:
        return Image.open(file).convert("RGB")


def listed() -> Sequence[Callable[[], Drawn]]:
    """Every question, in order."""
    return [functools.partial(_drawn, question) for question in _questions()]


def _drawn(question: dict[str, Any]) -> Drawn:
    return Drawn(
        Scene(_image(question["image"]).copy()),
        question["kind"],
        question["question"],
        question["answer"],
        answers=tuple(question.get("answers", ())),
        slack=question.get("slack", 0.0),
        entities=(question["image"],),
    )


def draw(rng: random.Random, split: str) -> Drawn:
    """Raises `ValueError`: these images are not drawn."""
    raise ValueError("wild is a list and cannot be drawn from")


def teach(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """Raises `ValueError`: nobody teaches what is only for measuring."""
    raise ValueError("wild is for measuring alone and has no teacher")


WILD = Family(draw, teach, listed=listed)
