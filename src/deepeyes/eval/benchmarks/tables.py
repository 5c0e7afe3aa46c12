"""Tables of rows, wherever they lie: which columns there are, and the rows, one after the other.

A table is a file (parquet, JSON Lines, JSON, TSV, CSV), a folder with such files, or a data set that the
`datasets` library saved or read from a hub. What always holds: nothing is decoded, so an image costs nothing
until it is asked for; rows come in the same order every time; what cannot be opened is an `InputError` that
says what is there instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepeyes.core.errors import InputError, boundary
from deepeyes.data.sources.numbered import NumberedRow, numbered_rows
from deepeyes.data.sources.readers import IMAGE_ENDINGS, arrow_rows, parquet_rows

_KINDS = (".parquet", ".jsonl", ".tsv", ".csv", ".json")
"""Files of rows; a folder that has several kinds is read by the first."""
_ABOUT_DATA = frozenset(("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"))
_PART = re.compile(r"[a-z0-9]+")
_SHARD = re.compile(r"-\d+-of-\d+$")
_SHOWN = 8
_INSTALL = "install what it needs: pip install 'deepeyes[data]'"


@dataclass(frozen=True)
class Table:
    """Rows with the same columns."""

    place: str
    """Where they are, for people."""
    columns: tuple[str, ...]
    rows: Callable[[Collection[str]], Iterator[tuple[Path, NumberedRow]]]
    """Given the columns to leave out where that saves work: each row with the folder where relative paths
    start.
    """


def open_local(path: Path, split: str, config: str, root: Path | None = None) -> Table:
    """The table in a file or folder; `split` and `config` choose among the files of a folder, and relative
    paths start at `root` (the file's folder if None). Raises `InputError`.
    """
    if not path.exists():
        raise InputError(f"there is no file or folder {path}", "check --set source=PATH")
    if (path / "dataset_dict.json").exists() or (path / "state.json").exists():
        return of_dataset(_saved(path, split), str(path), root or path)
    files = files_of(path, split, config) if path.is_dir() else [path]
    if files[0].suffix not in _KINDS:
        raise InputError(f"{files[0]} is no file of rows", f"give one of {', '.join(_KINDS)}, or a folder")
    if files[0].suffix == ".parquet":
        return _of_parquet(files, root)
    return _of_text(files, root)


def files_of(folder: Path, split: str, config: str) -> list[Path]:
    """The files of a folder that hold the split: the shards of one table. Raises `InputError`."""
    for ending in _KINDS:
        found = [file for file in sorted(folder.rglob(f"*{ending}")) if _holds_rows(file, folder)]
        for word in (split, config):
            found = [file for file in found if _speaks_of(file.relative_to(folder), word)] or found
        series = {_SHARD.sub("", str(file.with_suffix(""))) for file in found}
        if len(series) > 1:
            names = [str(file.relative_to(folder)) for file in found]
            more = ", ..." if len(names) > _SHOWN else ""
            raise InputError(
                f"{folder} holds several tables, {', '.join(names[:_SHOWN])}{more}",
                "name one with --set source=FILE, or what its name says with --set split=NAME",
            )
        if found:
            return found
    raise InputError(f"{folder} holds no file of rows", f"give a folder with {', '.join(_KINDS)} files")


def _holds_rows(file: Path, folder: Path) -> bool:
    """Whether it is neither hidden, nor about the data, nor the annotation of an image beside it."""
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    annotates = any(file.with_suffix(ending).is_file() for ending in IMAGE_ENDINGS)
    return file.is_file() and not hidden and file.name not in _ABOUT_DATA and not annotates


def _speaks_of(path: Path, name: str) -> bool:
    """Whether parts of the path, put together, are the name: that of `hr_bench_4k.parquet` is hrbench_4k."""
    parts, wanted = _PART.findall(str(path).lower()), "".join(_PART.findall(name.lower()))
    starts = range(len(parts))
    return bool(wanted) and any("".join(parts[a : b + 1]) == wanted for a in starts for b in starts[a:])


def of_dataset(data: Any, place: str, root: Path) -> Table:
    """A data set of the `datasets` library."""

    def rows(without: Collection[str]) -> Iterator[tuple[Path, NumberedRow]]:
        kept = [name for name in data.column_names if name not in without]
        for number, row in enumerate(arrow_rows(data.select_columns(kept), place), 1):
            yield root, (f"row {number} of {place}", row)

    return Table(place, tuple(data.column_names), rows)


def _saved(path: Path, split: str) -> Any:
    with boundary(InputError, "opening a saved data set", _INSTALL, expected=ImportError):
        import datasets  # pyright: ignore[reportMissingImports]
    with boundary(InputError, f"opening the data set {path}", "save it again", expected=Exception):
        loaded: Any = datasets.load_from_disk(str(path))
    if not isinstance(loaded, Mapping):
        return loaded
    if split not in loaded and len(loaded) > 1:
        raise InputError(f"{path} has no split {split!r}", f"give --set split= one of {', '.join(loaded)}")
    return loaded.get(split, next(iter(loaded.values())))


def _of_parquet(files: list[Path], root: Path | None) -> Table:
    with boundary(InputError, "reading parquet", _INSTALL, expected=ImportError):
        import pyarrow as arrow  # pyright: ignore[reportMissingImports]
        import pyarrow.parquet as parquet  # pyright: ignore[reportMissingImports]
    columns: dict[str, None] = {}
    for file in files:
        broken = (OSError, ValueError, arrow.ArrowException)
        with boundary(InputError, f"reading {file}", "fetch it again", expected=broken):
            columns.update(dict.fromkeys(parquet.read_schema(file).names))

    def rows(without: Collection[str]) -> Iterator[tuple[Path, NumberedRow]]:
        kept = [name for name in columns if name not in without]
        for file in files:
            for number, row in enumerate(parquet_rows(file, kept), 1):
                yield root or file.parent, (f"row {number} of {file.name}", row)

    return Table(_told(files), tuple(columns), rows)


def _of_text(files: list[Path], root: Path | None) -> Table:
    """JSON and tables as text: their columns are those that any row has."""

    def rows(without: Collection[str]) -> Iterator[tuple[Path, NumberedRow]]:
        for file in files:
            yield from ((root or file.parent, row) for row in numbered_rows(file))

    columns: dict[str, None] = {}
    for _, (_, row) in rows(()):
        if isinstance(row, Mapping):
            columns.update(dict.fromkeys(row))
            if files[0].suffix in (".tsv", ".csv"):
                break
    return Table(_told(files), tuple(columns), rows)


def _told(files: list[Path]) -> str:
    return str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
