"""For LLaMA-Factory: `train.json`, `validation.json`, the images beside them and `dataset_info.json`, so
that the folder is a `dataset_dir` as it stands (data sets `deepeyes` and `deepeyes_validation`).

What always holds: the system message comes first, then user and assistant take turns, and every `<image>` in
a message stands for the next path of `images`. This layout cannot mark single turns as not
to be imitated, so conversations with such turns are left out, and counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepeyes.core.files import write_lines
from deepeyes.data.export.base import SPLITS, CompleteRun, Sample, png

_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


def export_sharegpt(done: CompleteRun, folder: Path) -> dict[str, int]:
    """Write both splits; rows by file. Conversations that cannot be written are counted as `left out`."""
    info: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for split in SPLITS:
        file, written, left_out = f"{split}.json", 0, 0

        def lines(split: str = split) -> Iterator[str]:
            nonlocal written, left_out
            for sample in done.imitations(split):
                if sample.item.masked_turns:
                    left_out += 1
                    continue
                yield ("," if written else "[") + json.dumps(_row(sample, folder), ensure_ascii=False)
                written += 1
            yield "]" if written else "[]"

        write_lines(folder / file, lines())
        if left_out:
            counts[f"{file}: left out, with masked turns"] = left_out
        if not written:
            (folder / file).unlink()
            continue
        counts[file] = written
        name = "deepeyes" if split == "train" else f"deepeyes_{split}"
        columns = {"messages": "messages", "images": "images"}
        info[name] = {"file_name": file, "formatting": "sharegpt", "columns": columns, "tags": _TAGS}
    (folder / "dataset_info.json").write_text(json.dumps(info, indent=2) + "\n", "utf-8")
    return counts


def _row(sample: Sample, folder: Path) -> dict[str, Any]:
    images = folder / "images"
    images.mkdir(exist_ok=True)
    assert sample.trace is not None
    paths: list[str] = []
    parts = (part for message in sample.trace.messages() for part in message.images)
    for part, image in zip(parts, sample.images, strict=True):
        path = images / f"{part.ref.sha256[:32]}-{image.width}x{image.height}.png"
        if not path.exists():
            path.write_bytes(png(image))
        paths.append(f"images/{path.name}")
    messages = [{"role": message.role, "content": message.text("<image>")} for message in sample.messages]
    return {"id": sample.item.id, "messages": messages, "images": paths}
