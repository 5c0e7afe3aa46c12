"""What a stage of curation is: a pure function from a batch of items to the same items, judged.

What always holds: a stage gives back one item for each it was given, in the same order, and touches neither
items that are already rejected nor items of lanes that are not its business (`apply` sees to both). A stage
is picklable, so the same one runs in this process, under `datasets.map` and on a Ray cluster. `AsColumns`
makes any stage a function of columns, the form in which those two want it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from deepeyes.data.item import Item, Lane, Unfit

ASKED: tuple[Lane, ...] = ("question", "rl", "cold_start")
"""Lanes whose items are questions without a trace yet."""
EVERY: tuple[Lane, ...] = (*ASKED, "trace", "text")


class Stage(Protocol):
    """Judges items of its `lanes`; `name` is what the funnel calls it."""

    name: ClassVar[str]
    lanes: ClassVar[tuple[Lane, ...]]

    def __call__(self, items: Sequence[Item]) -> list[Item]: ...


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
    """Whether `item` is still in and of one of the stage's lanes."""
    return item.kept and item.lane in stage.lanes


def each(stage: str, judge: Callable[[Item], Item], items: Sequence[Item]) -> list[Item]:
    """`judge` on every item; where it raises `Unfit`, the item is rejected by `stage` with that reason."""

    def judged(item: Item) -> Item:
        try:
            return judge(item)
        except Unfit as unfit:
            return item.rejected(stage, unfit.reason, unfit.detail)

    return [judged(item) for item in items]


@dataclass(frozen=True)
class AsColumns:
    """The stage for `datasets.map(batched=True)` and Ray's `map_batches`: columns `id`, `item` (JSON),
    `kept` and `reason` in and out (only `item` is read).
    """

    stage: Stage

    def __call__(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        items = [Item.model_validate_json(str(line)) for line in columns["item"]]
        return to_columns(apply(self.stage, items))


def to_columns(items: Sequence[Item]) -> dict[str, list[Any]]:
    """The items as columns, the form that `AsColumns` reads and writes."""
    return {
        "id": [item.id for item in items],
        "item": [item.model_dump_json() for item in items],
        "kept": [item.kept for item in items],
        "reason": [item.rejection.reason if item.rejection else "" for item in items],
    }
