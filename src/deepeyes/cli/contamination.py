"""The contamination report of a finished run: what its searches gave away of a benchmark.

What always holds: a line of the benchmark that cannot be read is an error with its number, never left out in
silence; images are compared where the run kept its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from PIL import Image

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore, load_image
from deepeyes.core.json_files import read_json_lines
from deepeyes.core.trace import IMAGES_FOLDER, read_traces
from deepeyes.search.guard.contamination import Benchmark, BenchmarkQuestion, Contamination, contamination


def report(traces: Path, benchmark: Path, as_json: bool) -> str:
    """What `deepeyes search contamination` prints."""
    rows = list(_rows(benchmark))
    pictures = [picture for row in rows for picture in _image(row, benchmark.parent)]
    asked = Benchmark((_item(row) for row in rows), pictures)
    folder = traces if traces.is_dir() else traces.parent
    images = ImageStore(folder / IMAGES_FOLDER) if (folder / IMAGES_FOLDER).is_dir() else None
    found = contamination(read_traces(traces), asked, images)
    return json.dumps(_told(found), ensure_ascii=False) if as_json else _text(found)


def _told(found: Contamination) -> dict[str, Any]:
    seen = {
        trace: [{"item": m.item, "how": m.how, "overlap": round(m.overlap, 3)} for m in matches]
        for trace, matches in found.seen.items()
    }
    share = round(found.share, 4)
    return {"episodes": found.episodes, "searched": found.searched, "contaminated": share, "seen": seen}


def _text(found: Contamination) -> str:
    head = f"{len(found.seen)} of {found.episodes} episodes saw the benchmark ({found.searched} searched)"
    lines = [
        f"  {trace}: {match.item} ({match.how}, {match.overlap:.0%})"
        for trace, matches in found.seen.items()
        for match in matches
    ]
    return "\n".join([head, *lines])


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for number, row in read_json_lines(path, "write one JSON object a line"):
        if not isinstance(row, dict) or not isinstance(cast("dict[str, Any]", row).get("question"), str):
            raise InputError(
                f"line {number} of {path} has no question", 'write {"question": "...", "answer": "..."}'
            )
        yield {"id": str(number), **cast("dict[str, Any]", row)}


def _item(row: dict[str, Any]) -> BenchmarkQuestion:
    several: Any = row.get("answers")
    answers = cast("list[Any]", several) if isinstance(several, list) else []
    answers = [*answers, *([row["answer"]] if row.get("answer") is not None else [])]
    return BenchmarkQuestion(str(row["id"]), str(row["question"]), tuple(map(str, answers)))


def _image(row: dict[str, Any], folder: Path) -> list[tuple[str, Image.Image]]:
    return [(str(row["id"]), load_image(folder / str(row["image"])).image)] if row.get("image") else []
