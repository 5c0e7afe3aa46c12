"""Raw rows of every kind of source, lazily and in order.

A raw row is whatever is cheap to have before it is looked at (a line of JSON, a record of a table, a
number), because a run that goes on skips the rows it has. What always holds: a source that is not there, or
cannot be opened at all, is an `InputError` before the first row; a broken row is never an exception here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from glob import glob
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, cast

from deepeyes.core.errors import InputError, boundary
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.data.item import Item, Unfit
from deepeyes.data.layouts import rl_to_item, sharegpt_to_item
from deepeyes.data.source import Source, row_to_item
from deepeyes.world.families import FAMILIES, make_example
from deepeyes.world.strings import SPLITS
from deepeyes.world.tasks import to_task

_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_INSTALL = "install what it needs: pip install 'deepeyes[data]'"


def raw_rows(source: Source) -> Iterator[tuple[Path, Any]]:
    """(folder where relative picture paths start, raw row) of each row. Raises `InputError`."""
    return islice(_READERS[source.kind](source), source.limit or None)


def to_item(
    name: str, source: Source, number: int, raw: tuple[Path, Any], images: ImageStore
) -> tuple[Item, Trace | None]:
    """The raw row as an item, with its trace if it came with one; one that cannot be read is rejected."""
    root, value = raw
    try:
        if source.kind == "world":
            return _world_item(name, source, number, value, images), None
        row = parsed(value)
        if source.kind == "rl":
            return rl_to_item(name, source, number, row, images, root), None
        if source.kind == "sharegpt":
            return sharegpt_to_item(name, source, number, row, images, root)
        return row_to_item(name, source, number, row, images, root), None
    except Unfit as unfit:
        return broken(name, source, number, unfit), None
    except RecursionError:
        return broken(name, source, number, Unfit("wrong_type", "it is nested too deeply")), None


def broken(name: str, source: Source, number: int, unfit: Unfit) -> Item:
    """The item that stands for a row nobody can use."""
    task = Task(id=f"{name}/row-{number}", question="", source=name)
    item = Item(task=task, source=name, row=number, lane=source.entry, licence=source.licence)
    return item.rejected("read", unfit.reason, unfit.detail)


def fingerprint(source: Source) -> str:
    """Sixteen hex digits over the names, sizes and edges of the source's files, to see that they changed."""
    digest = sha256(source.model_dump_json().encode())
    if source.kind not in ("world", "hf"):
        for path in _files(source):
            digest.update(f"{path.name} {path.stat().st_size}".encode())
            with (
                boundary(InputError, f"reading {path}", "check that you may read it"),
                path.open("rb") as file,
            ):
                digest.update(file.read(65_536))
                file.seek(max(0, path.stat().st_size - 65_536))
                digest.update(file.read())
    return digest.hexdigest()[:16]


def parsed(value: Any) -> Mapping[str, Any]:
    if isinstance(value, bytes):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise Unfit("not_json", str(error)) from error
    if not isinstance(value, Mapping):
        raise Unfit("not_a_row", f"it is {type(value).__name__}, not an object")
    return cast("Mapping[str, Any]", value)


def _jsonl(source: Source) -> Iterator[tuple[Path, Any]]:
    """JSON Lines, or files that hold one JSON array."""
    for path in _files(source):
        root = Path(source.images) if source.images else path.parent
        with boundary(InputError, f"reading {path}", "check that you may read it"), path.open("rb") as file:
            head = file.read(1024).lstrip()
            file.seek(0)
            if path.suffix == ".json" and head.startswith(b"["):
                with boundary(InputError, f"reading {path}", "mend the JSON", expected=ValueError):
                    rows: Any = json.load(file)
                yield from ((root, row) for row in rows)
            else:
                yield from ((root, line) for line in file if line.strip())


def _parquet(source: Source) -> Iterator[tuple[Path, Any]]:
    with boundary(InputError, "reading parquet", _INSTALL, expected=ImportError):
        import pyarrow.parquet as parquet  # pyright: ignore[reportMissingImports]
    import pyarrow as arrow  # pyright: ignore[reportMissingImports]

    for path in _files(source):
        root = Path(source.images) if source.images else path.parent
        broken_file = (OSError, arrow.ArrowException)
        with boundary(InputError, f"reading {path}", "fetch the file again", expected=broken_file):
            table: Any = parquet.ParquetFile(path)
        for group in range(table.num_row_groups):
            with boundary(InputError, f"reading {path}", "fetch the file again", expected=broken_file):
                batches: Any = table.iter_batches(batch_size=32, row_groups=[group])
            for batch in batches:
                yield from ((root, row) for row in batch.to_pylist())


def _hugging_face(source: Source) -> Iterator[tuple[Path, Any]]:
    """Rows as Arrow holds them: pictures stay encoded, so one that is broken cannot stop the others."""
    with boundary(InputError, "opening a Hugging Face data set", _INSTALL, expected=ImportError):
        import datasets  # pyright: ignore[reportMissingImports]
    local = Path(source.path)
    remedy = "check the name, the configuration and the split"
    with boundary(InputError, f"opening the data set {source.path}", remedy, expected=Exception):
        if (local / "dataset_dict.json").exists() or (local / "state.json").exists():
            loaded: Any = datasets.load_from_disk(str(local))
            data: Any = loaded[source.split] if isinstance(loaded, dict) else loaded
        else:
            data = datasets.load_dataset(source.path, source.config or None, split=source.split)
    root = Path(source.images) if source.images else local if local.is_dir() else Path()
    for table in data.with_format("arrow").iter(batch_size=32):
        yield from ((root, row) for row in table.to_pylist())


def _folder(source: Source) -> Iterator[tuple[Path, Any]]:
    """Pictures below a folder, in the order of their paths, each with `file`, `folder` (the name of the
    folder it is in) and what `metadata.jsonl` says of it under its `file_name`.
    """
    root = Path(source.path)
    if not root.is_dir():
        raise InputError(f"there is no folder {root}", "check the path of the source")
    told: dict[str, dict[str, Any]] = {}
    metadata = root / "metadata.jsonl"
    if metadata.exists():
        with boundary(
            InputError, f"reading {metadata}", "give one object a line", expected=(OSError, ValueError)
        ):
            for line in metadata.read_text("utf-8").splitlines():
                if line.strip():
                    row: dict[str, Any] = json.loads(line)
                    told[str(row.get("file_name"))] = row
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.suffix.lower() in _PICTURES}
    for file in sorted(found | set(told)):
        row = {"id": file, "folder": Path(file).parent.name, **told.get(file, {}), "file": file}
        yield root, {**row, "image": file}


def _world(source: Source) -> Iterator[tuple[Path, Any]]:
    unknown = [family for family in source.families if family not in FAMILIES]
    if unknown or not source.families:
        raise InputError(f"there is no family {', '.join(unknown)!r}", f"use {', '.join(FAMILIES)}")
    if source.split not in SPLITS:
        raise InputError(f"there is no split {source.split!r}", f"use {', '.join(SPLITS)}")
    if not source.limit:
        raise InputError("the world has no end", "give the source a limit")
    count = len(source.families)
    return ((Path(), (source.families[n % count], n // count)) for n in range(source.limit))


def _world_item(name: str, source: Source, number: int, value: Any, images: ImageStore) -> Item:
    family, index = cast("tuple[str, int]", value)
    task = to_task(make_example(family, source.split, source.seed, index), images)
    task = task.model_copy(update={"id": f"{name}/{task.id}"})
    return Item(task=task, source=name, row=number, lane=source.entry, licence=source.licence)


def _files(source: Source) -> list[Path]:
    """The files a path or pattern names, sorted; every data file of a folder. Raises `InputError`."""
    endings = (".parquet",) if source.kind in ("parquet", "rl") else (".jsonl", ".json")
    path = Path(source.path)
    if source.kind == "folder":
        return [path / "metadata.jsonl"] if (path / "metadata.jsonl").exists() else []
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in endings)
    else:
        files = [Path(name) for name in sorted(glob(source.path))]  # noqa: PTH207  # patterns may be absolute
    if not source.path or not files:
        raise InputError(f"there is no file {source.path!r}", "check the path of the source")
    return files


_READERS = {
    "jsonl": _jsonl,
    "sharegpt": _jsonl,
    "parquet": _parquet,
    "rl": _parquet,
    "hf": _hugging_face,
    "folder": _folder,
    "world": _world,
}
