"""An example: a question about a picture, its exact answer, where the answer stands, and who can solve it.

What always holds: an example carries the teacher of its family, so nobody who has one needs to know which
family it is of; `steps` are what that teacher does, in order, where the family solves by plan (`plan.py`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .scene import Scene, Thing

ViewSize = Callable[[int, int], tuple[int, int]]
"""(width, height) of a picture -> (columns, rows) of cells in which the model sees it."""


@dataclass(frozen=True)
class Reply:
    """What the teacher writes in one turn; `masked` where a learner sees it but is not to imitate it."""

    text: str
    masked: bool = False


Teach = Callable[["random.Random", "Example", ViewSize], list[Reply]]
"""The replies to an example, in order."""


@dataclass(frozen=True)
class Drawn:
    """What a family draws: an example that has no place in a split yet. The fields are those of `Example`."""

    scene: Scene
    kind: str
    question: str
    answer: str
    target: Thing | None = None
    answers: tuple[str, ...] = ()
    steps: tuple[Any, ...] = ()
    entities: tuple[str, ...] = ()
    slack: float = 0.0


@dataclass(frozen=True)
class Family:
    """How the examples of a family are drawn and solved, and which tools that needs."""

    draw: Callable[[random.Random, str], Drawn]
    teach: Teach
    tools: tuple[str, ...] = ()
    """Names of the tools without which it cannot be solved; empty if it needs none."""
    listed: Callable[[], Sequence[Callable[[], Drawn]]] | None = None
    """The examples of a family that nobody drew, in order; they are the test split's alone."""
    alone: bool = False
    """Drawn with Matplotlib, and so by one thread at a time: its settings are those of the process."""


@dataclass(frozen=True)
class Example:
    """A question about a scene. `target` is the thing asked about (None where it is several)."""

    id: str
    family: str
    split: str
    kind: str
    question: str
    answer: str
    scene: Scene
    target: Thing | None
    answers: tuple[str, ...] = ()
    """Other ways to write the answer."""
    steps: Sequence[Any] = ()
    """What the teacher does, where it solves by plan."""
    entities: tuple[str, ...] = ()
    """Ids of the real things of the pack that the question is about."""
    slack: float = 0.0
    """How far a number may be off and still be right, where it is measured and not read."""
    tools: tuple[str, ...] = ()
    teach: Teach | None = field(default=None, repr=False, compare=False)
