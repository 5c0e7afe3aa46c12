"""The traces themselves: `SPLIT/traces.jsonl` with `SPLIT/images/`, as every room of the house reads them,
and `SPLIT/items.jsonl` with what curation found out about each (masked turns, pass rates, source, license).
Prompts for reinforcement learning are in `SPLIT/prompts.jsonl`, one task a line, with how often models solved
it in its `meta`.
"""

from __future__ import annotations

from pathlib import Path

from deepeyes.core.files import write_lines
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.core.trace import IMAGES_FOLDER, TRACES_FILE
from deepeyes.data.export.base import SPLITS, CompleteRun
from deepeyes.data.item import Item

PROMPTS = "prompts.jsonl"
PASSED = "passed"
"""In the `meta` of a prompt: how often it was solved, without tools and with them."""


def export_traces(done: CompleteRun, folder: Path) -> dict[str, int]:
    """Write both splits; rows by file."""
    counts: dict[str, int] = {}
    for split in SPLITS:
        store = ImageStore(folder / split / IMAGES_FOLDER)
        prompts = [item for item in done.items if item.route == "rl" and item.split == split]
        items = [item for item in done.items if item.trace is not None and item.split == split]
        for item in prompts:
            store.copy_from(done.images, item.task.images)

        def lines(split: str = split, store: ImageStore = store):
            for _, trace in done.traced(split):
                store.copy_from(done.images, trace.image_refs())
                yield trace.model_dump_json()

        if items:
            write_lines(folder / split / TRACES_FILE, lines())
            write_lines(folder / split / "items.jsonl", (item.model_dump_json() for item in items))
            counts[f"{split}/{TRACES_FILE}"] = len(items)
        if prompts:
            write_lines(folder / split / PROMPTS, (_prompt(item).model_dump_json() for item in prompts))
            counts[f"{split}/{PROMPTS}"] = len(prompts)
    return counts


def _prompt(item: Item) -> Task:
    """The task, with how often models solved it, which says how much there is to learn from it."""
    rates = {"without_tools": item.without_tools, "with_tools": item.with_tools}
    told = {name: {"right": rate.right, "asked": rate.asked} for name, rate in rates.items() if rate}
    return item.task.model_copy(update={"meta": {**item.task.meta, **({PASSED: told} if told else {})}})
