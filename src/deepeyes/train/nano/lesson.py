"""Lessons for the base model: a conversation, what kind each of its answers is, and the labels of its cells.

A lesson is on an ordinary image, on a scene, on a sheet or in reading. What
always holds: it is a function of the random state, the model's size and the split alone.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from deepeyes.models.nano.size import NanoSize

from .batch import ChatMessage, Exchange
from .ordinary_lessons import draw_ordinary
from .reading_lessons import draw_line, draw_reading
from .scene_lessons import draw_scene
from .sheet_lessons import draw_sheet, unlabelled

ORDINARY_SHARE, SHEET_SHARE, READING_SHARE = 0.5, 0.1, 0.17
"""Shares of the lessons on ordinary images, on the drawn world's sheets, and of those in reading; the rest
are on its scenes.
"""

COPIED = 8
"""Names and numbers in a line that is to be copied."""


@dataclass(frozen=True)
class Lesson:
    """A conversation; the kind of each of its answers; the labels of the images' cells (cells, kinds)."""

    messages: tuple[ChatMessage, ...]
    kinds: tuple[str, ...]
    cells: torch.Tensor


def draw_copy(rng: random.Random, size: NanoSize, split: str) -> Lesson:
    """A long line of names and numbers, to be said again. Nothing but this teaches to copy: where it is the
    only lesson a fresh model can do it after some 250 batches, among other lessons it does not after 1,000.
    """
    return _lesson([draw_line(rng, split, COPIED)], unlabelled(0))


def draw_lesson(rng: random.Random, size: NanoSize, split: str) -> Lesson:
    """A lesson on an ordinary image, on a scene, on a sheet, or in reading."""
    choice = rng.random()
    if choice < ORDINARY_SHARE:
        return _lesson(*draw_ordinary(rng, size, split))
    choice -= ORDINARY_SHARE
    if choice < SHEET_SHARE:
        return _lesson(*draw_sheet(rng, size, split))
    if choice < SHEET_SHARE + READING_SHARE:
        return _lesson(draw_reading(rng, split), unlabelled(0))
    return _lesson(*draw_scene(rng, size, split))


def _lesson(said: Sequence[Exchange], cells: torch.Tensor) -> Lesson:
    messages = tuple(message for exchange in said for message in (exchange.asked, exchange.told))
    return Lesson(messages, tuple(exchange.kind for exchange in said), cells)
