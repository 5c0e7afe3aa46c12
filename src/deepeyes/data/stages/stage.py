"""What a stage of curation is: settings that are a pure function from a batch of items to the same items,
judged.

To add one, subclass `Stage` in a file of its own and give it a field of `CurationRecipe`, in the place where
it is to run. What always holds: a stage gives back one item for each it was given, in the same order, and
touches neither items that are already rejected nor items of routes that are not its business (`apply` sees to
both). A stage is picklable, so the same one runs in this process, in several and on a Ray cluster.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Protocol, Self

from deepeyes.core.config import Config
from deepeyes.data.item import Item, Route, Unusable

ASKED: tuple[Route, ...] = ("question", "rl", "cold_start")
"""Routes whose items are questions without a trace yet."""
EVERY: tuple[Route, ...] = (*ASKED, "trace", "text")

Mode = Literal["part", "whole", "model", "teacher"]
"""How a stage is run. `part`: on one part of the items after the other. `whole`: on all items at once, which
it compares. `model`: on each part, after a model was asked about its items. `teacher`: the same, after
teachers worked on them.
"""


class Places(Protocol):
    """Where a run keeps what stages need beside the items."""

    @property
    def images(self) -> Path: ...
    @property
    def benchmarks(self) -> Path: ...


class Stage(Config, ABC):
    """Judges items of its `routes`; `name` is its recipe key and what the funnel calls it."""

    name: ClassVar[str]
    routes: ClassVar[tuple[Route, ...]] = EVERY

    @property
    def mode(self) -> Mode:
        return "part"

    def prepare(self, places: Places) -> tuple[Self, dict[str, int]]:
        """The stage as it works in a run, and counts to note in the funnel; called once, before its items."""
        return self, {}

    @abstractmethod
    def __call__(self, items: Sequence[Item]) -> list[Item]:
        """The `items`, judged; they are all of its routes and not rejected."""


def apply(stage: Stage, items: Sequence[Item]) -> list[Item]:
    """All `items` in their order, those that are the stage's business as it left them."""
    chosen = [place for place, item in enumerate(items) if concerns(stage, item)]
    judged = stage([items[place] for place in chosen])
    if [item.id for item in judged] != [items[place].id for place in chosen]:
        raise RuntimeError(f"stage {stage.name} lost, added or moved an item")
    result = list(items)
    for place, item in zip(chosen, judged, strict=True):
        result[place] = item
    return result


def concerns(stage: Stage, item: Item) -> bool:
    """Whether `item` is still in and of one of the stage's routes."""
    return item.kept and item.route in stage.routes


def each(stage: str, judge: Callable[[Item], Item], items: Sequence[Item]) -> list[Item]:
    """`judge` on every item; where it raises `Unusable`, the item is rejected by `stage` with that reason."""

    def judged(item: Item) -> Item:
        try:
            return judge(item)
        except Unusable as unusable:
            return item.rejected(stage, unusable.reason, unusable.detail)

    return [judged(item) for item in items]
