"""For verl: parquet of prompts, as its `RLHFDataset` reads them.

Columns: `data_source`, `agent_name`, `prompt` (role and text, `<image>` for each image), `images` (bytes),
`ability`, `reward_model` (`style`, `ground_truth`) and `extra_info` (`index`, `id`, `question`, `answer`,
`answers`, `answer_form` as JSON, `split`, the pass rates without and with tools). `ground_truth` is the
reference answer as text.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepeyes.core.errors import InputError, boundary
from deepeyes.core.extras import needs
from deepeyes.data.export.base import SPLITS, CompleteRun, Sample, form_text, png, write_parquet
from deepeyes.data.item import PassRate

AGENT = "deepeyes"


def export_verl(done: CompleteRun, folder: Path) -> dict[str, int]:
    """Write both splits; rows by file."""
    with boundary(InputError, "writing for verl", needs("data"), expected=ImportError):
        from datasets import Features, List, Value  # pyright: ignore[reportMissingImports]
    text: Any = Value("string")
    features = Features(
        {
            "data_source": text,
            "agent_name": text,
            "prompt": List({"role": text, "content": text}),
            "images": List({"bytes": Value("binary"), "path": text}),
            "ability": text,
            "reward_model": {"style": text, "ground_truth": text},
            "extra_info": {
                "index": Value("int64"),
                "id": text,
                "split": text,
                "question": text,
                "answer": text,
                "answers": List(text),
                "answer_form": text,
                "without_tools": Value("float64"),
                "with_tools": Value("float64"),
            },
        }
    )
    counts: dict[str, int] = {}
    for split in SPLITS:
        name = f"{split}.parquet"
        if rows := write_parquet(folder / name, features, _rows(done, split)):
            counts[name] = rows
    return counts


def _rows(done: CompleteRun, split: str) -> Iterator[dict[str, Any]]:
    for index, sample in enumerate(done.prompts(split)):
        yield _row(index, sample)


def _row(index: int, sample: Sample) -> dict[str, Any]:
    item, task = sample.item, sample.item.task
    return {
        "data_source": item.source,
        "agent_name": AGENT,
        "prompt": [{"role": message.role, "content": message.text("<image>")} for message in sample.messages],
        "images": [{"bytes": png(image), "path": None} for image in sample.images],
        "ability": task.family or item.source,
        "reward_model": {"style": "rule", "ground_truth": task.answer},
        "extra_info": {
            "index": index,
            "id": item.id,
            "split": item.split,
            "question": task.question,
            "answer": task.answer,
            "answers": list(task.answers),
            "answer_form": form_text(task),
            "without_tools": _share(item.without_tools),
            "with_tools": _share(item.with_tools),
        },
    }


def _share(rate: PassRate | None) -> float | None:
    return rate.right / rate.asked if rate is not None and rate.asked else None
