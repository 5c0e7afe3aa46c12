"""From an export's parquet to conversations in tokens, each counted: learned from, or left out and why.

What always holds: every row is turned into tokens once, before training, and kept in the run's `cache`
under a name that says of what and by which tokenizer; images stay in the export and are only measured
here. A row that cannot be used stops nothing: it goes to `rejects.jsonl` with its reason.
"""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Image, List, Value, disable_progress_bars
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from deepeyes.core.errors import InputError, boundary
from deepeyes.core.files import write_atomic
from deepeyes.train.sft.encode import ConversationEncoder, UnusableConversation
from deepeyes.train.sft.recipe import DataConfig

_TOKENS = Features(
    {
        "input_ids": List(Value("int32")),
        "labels": List(Value("int32")),
        "pictures": Value("int32"),
        "length": Value("int32"),
        "row": Value("int64"),
        "reason": Value("string"),
    }
)
_MASKED = ("masked_turns", "given_turns")
"""Columns with the numbers of the replies that are not to be imitated: the name now, and that of older
exports.
"""
_TAIL = 2**20
_BAD_IMAGE = (OSError, UnidentifiedImageError, ValueError, Pillow.DecompressionBombError)


@dataclass(frozen=True)
class EncodedDataset:
    """Conversations of one split: `tokens` those to learn from, `rows` all of them with their images."""

    tokens: Dataset
    rows: Dataset
    rejects: tuple[dict[str, Any], ...]

    @property
    def reasons(self) -> dict[str, int]:
        """Rows left out, by reason."""
        return dict(Counter(str(reject["reason"]) for reject in self.rejects))


def open_dataset(
    files: Sequence[Path], encoder: ConversationEncoder, config: DataConfig, cache: Path, processes: int = 1
) -> EncodedDataset:
    """Read, measure and tokenize `files`. Raises `InputError` where no row is left."""
    disable_progress_bars()
    cache.mkdir(parents=True, exist_ok=True)
    rows = _rows(files, cache)
    key = [rows._fingerprint, encoder.digest, config.max_tokens, config.overlong, _MASKED]
    kept = rows.map(
        _work,
        with_indices=True,
        remove_columns=rows.column_names,
        features=_TOKENS,
        fn_kwargs={"encoder": encoder, "max_tokens": config.max_tokens, "cut": config.overlong == "cut"},
        new_fingerprint=sha256(json.dumps(key).encode()).hexdigest()[:16],
        num_proc=processes if processes > 1 else None,
    )
    reasons = kept["reason"][:]
    good = [number for number, reason in enumerate(reasons) if not reason]
    names = rows["id"][:] if "id" in rows.column_names else [str(number) for number in range(len(rows))]
    rejects = tuple(
        {"row": number, "id": names[number], "reason": reason}
        for number, reason in enumerate(reasons)
        if reason
    )
    dataset = EncodedDataset(kept.select(good).remove_columns("reason"), rows, rejects)
    if not good:
        counted = ", ".join(f"{reason}: {count}" for reason, count in dataset.reasons.items())
        raise InputError(
            f"no conversation in {files[0]} can be learned from ({counted or 'it is empty'})",
            f"see what is in it: deepeyes data inspect {files[0]}",
        )
    return dataset


def files_of(places: Sequence[str], split: str, *, needed: bool = True) -> list[Path]:
    """The parquet files of a split: of an export's folder, of a curation run's, or named.

    A place that has none raises `InputError` where it is `needed`, else it is passed over, as named files
    are.
    """
    found: list[Path] = []
    for place in map(Path, places):
        if place.is_file():
            if needed:
                found.append(place)
            continue
        below = (place / "sft", place / "export" / "trl" / "sft", place)
        files = [folder / f"{split}.parquet" for folder in below]
        file = next((file for file in files if file.is_file()), None)
        if file is not None:
            found.append(file)
        elif needed:
            raise InputError(
                f"there is no sft/{split}.parquet in {place}",
                "make one with: deepeyes data export RUN --format trl",
            )
    return found


def mark_of(files: Sequence[Path]) -> str:
    """Sixteen hex digits that change with what is in the files: their sizes and last bytes, where a parquet
    file keeps the statistics and places of all it holds.
    """
    found = sha256()
    for file in files:
        with boundary(InputError, f"reading {file}", "check the file"), file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(size - _TAIL, 0))
            found.update(f"{size}/".encode() + opened.read())
    return found.hexdigest()[:16]


def write_rejects(path: Path, datasets: Sequence[tuple[str, EncodedDataset]]) -> None:
    """All rows left out, one JSON object a line."""
    lines = [
        json.dumps({"split": split, **reject}) + "\n"
        for split, dataset in datasets
        for reject in dataset.rejects
    ]
    write_atomic(path, "".join(lines).encode())


def read_image(cell: Any) -> Pillow.Image:
    """The image in a cell of the column `images`; its pixels are read when they are needed."""
    if not cell or not cell.get("bytes"):
        raise ValueError("no bytes")
    return Pillow.open(io.BytesIO(cell["bytes"]))


def _rows(files: Sequence[Path], cache: Path) -> Dataset:
    remedy = "give what deepeyes data export --format trl writes"
    with boundary(InputError, f"reading {files[0]}", remedy, expected=Exception):
        rows: Any = Dataset.from_parquet([str(file) for file in files], cache_dir=str(cache))
    missing = {"messages", "images"} - set(rows.column_names)
    if missing:
        raise InputError(f"{files[0]} has no column {' and no '.join(sorted(missing))}", remedy)
    with boundary(InputError, f"reading the pictures of {files[0]}", remedy, expected=Exception):
        return rows.cast_column("images", List(Image(decode=False)))


def _work(
    row: dict[str, Any], number: int, *, encoder: ConversationEncoder, max_tokens: int, cut: bool
) -> dict[str, Any]:
    try:
        sizes = [_size(cell) for cell in row["images"] or []]
        masked = _masked(row)
        done = encoder.encode(row["messages"] or [], sizes, masked, max_tokens=max_tokens, cut=cut)
    except UnusableConversation as unfit:
        nothing: dict[str, Any] = {"input_ids": [], "labels": [], "pictures": 0, "length": 0}
        return {**nothing, "row": number, "reason": str(unfit)}
    length = len(done.input_ids)
    known = {"input_ids": done.input_ids, "labels": done.labels, "pictures": done.pictures, "length": length}
    return {**known, "row": number, "reason": ""}


def _masked(row: dict[str, Any]) -> list[int]:
    for column in _MASKED:
        turns = row.get(column)
        if turns is None:
            continue
        if not isinstance(turns, list) or not all(isinstance(turn, int) for turn in turns):
            raise UnusableConversation(f"{column} that are no list of numbers")
        return turns
    return []


def _size(cell: Any) -> tuple[int, int]:
    try:
        seen = read_image(cell)
        seen.load()
        return seen.size
    except _BAD_IMAGE:
        raise UnusableConversation("a picture that cannot be read") from None
