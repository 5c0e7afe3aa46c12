"""The traces themselves: `SPLIT/traces.jsonl` with `SPLIT/images/`, as every room of the house reads them,
and `SPLIT/items.jsonl` with what curation found out about each (masked turns, pass rates, source, license).
Prompts for reinforcement learning are in `SPLIT/prompts.jsonl`, one task a line.
"""

from __future__ import annotations

from pathlib import Path

from deepeyes.core.files import write_lines
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import IMAGES_FOLDER, TRACES_FILE
from deepeyes.data.export.base import SPLITS, CompleteRun


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
            write_lines(folder / split / "prompts.jsonl", (item.task.model_dump_json() for item in prompts))
            counts[f"{split}/prompts.jsonl"] = len(prompts)
    return counts
