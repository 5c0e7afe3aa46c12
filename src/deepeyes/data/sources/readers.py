"""Raw rows of every kind of source, lazily and in order.

A raw row is whatever is cheap to have before it is looked at (a line of JSON, a record of a table, a
number), because a run that goes on skips the rows it has. What always holds: a source that is not there, or
cannot be opened at all, is an `InputError` before the first row, and a damaged file is one where it is
damaged; a broken row is never an exception here.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from glob import glob
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, cast

from deepeyes.core.errors import InputError, boundary
from deepeyes.core.extras import needs
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.data.item import Item, Unusable
from deepeyes.data.old_names import LICENSE, ROUTE
from deepeyes.data.sources.fields import item_id, value_at
from deepeyes.data.sources.layouts import rl_to_item, sharegpt_to_item
from deepeyes.data.sources.source import Source, row_to_item
from deepeyes.world.families import FAMILIES, make_example, splits_of
from deepeyes.world.strings import SPLITS
from deepeyes.world.tasks import to_task

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_METADATA = "metadata.jsonl"
_ARRAY = re.compile(rb"\[\s*\{")
_EDGE = 65_536
"""Bytes at both ends of a file that are looked at to see that it changed."""


def raw_rows(source: Source) -> Iterator[tuple[Path, Any]]:
    """(folder where relative image paths start, raw row) of each row. Raises `InputError`."""
    return islice(_READERS[source.kind](source), source.limit or None)


def to_item(
    name: str, source: Source, number: int, raw: tuple[Path, Any], store: ImageStore
) -> tuple[Item, Trace | None]:
    """The raw row as an item, with its trace if it came with one; one that cannot be read is rejected."""
    root, value = raw
    row: Mapping[str, Any] = {}
    try:
        if source.kind == "world":
            return _world_item(name, source, number, value, store), None
        row = parsed(value)
        if source.kind == "rl":
            return rl_to_item(name, source, number, row, store, root), None
        if source.kind == "sharegpt":
            return sharegpt_to_item(name, source, number, row, store, root)
        return row_to_item(name, source, number, row, store, root), None
    except Unusable as unusable:
        return broken(name, source, number, unusable, row), None
    except RecursionError:
        return broken(name, source, number, Unusable("wrong_type", "it is nested too deeply"), row), None


def broken(name: str, source: Source, number: int, unusable: Unusable, row: Mapping[str, Any]) -> Item:
    """The item that stands for a row nobody can use, under its own id and question if it has them."""
    question = value_at(row, source.columns.question)
    try:
        own = item_id(name, value_at(row, source.columns.id), number)
    except Unusable:
        own = item_id(name, None, number)
    task = Task(id=own, question=question if isinstance(question, str) else "", source=name)
    item = Item(task=task, source=name, row=number, route=source.entry, license=source.license)
    return item.rejected("read", unusable.reason, unusable.detail)


def source_digest(source: Source) -> str:
    """Sixteen hex digits over a source's settings and the names, sizes and edges of its files, to see that
    they changed. Settings count under their old names, and those of forms only where they say something,
    so that a run that was begun without them goes on.
    """
    old = {new: name for name, new in (ROUTE | LICENSE).items()}
    settings = {old.get(name, name): value for name, value in source.model_dump(mode="json").items()}
    for told, values in ((source, settings), (source.columns, settings["columns"])):
        if told.answer_form == type(told).model_fields["answer_form"].default:
            del values["answer_form"]
    digest = sha256(json.dumps(settings, ensure_ascii=False, separators=(",", ":")).encode())
    if source.kind == "hf" and not Path(source.path).is_dir():
        digest.update(str(_opened(source)._fingerprint).encode())
        return digest.hexdigest()[:16]
    for path in [] if source.kind == "world" else _files(source):
        with boundary(InputError, f"reading {path}", "check that you may read it"), path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest.update(f"{path} {size}\n".encode("utf-8", "surrogateescape"))
            digest.update(file.read(_EDGE))
            file.seek(max(_EDGE, size - _EDGE))
            digest.update(file.read())
    return digest.hexdigest()[:16]


def parsed(value: Any) -> Mapping[str, Any]:
    if isinstance(value, bytes):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise Unusable("not_json", str(error)) from error
    if not isinstance(value, Mapping):
        raise Unusable("not_a_row", f"it is {type(value).__name__}, not an object")
    return cast("Mapping[str, Any]", value)


def _jsonl(source: Source) -> Iterator[tuple[Path, Any]]:
    """JSON Lines, or files that hold one JSON array."""
    for path in _files(source):
        root = Path(source.images) if source.images else path.parent
        with boundary(InputError, f"reading {path}", "check that you may read it"), path.open("rb") as file:
            head = file.read(1024).lstrip()
            file.seek(0)
            if path.suffix == ".json" and head.startswith(b"["):
                unreadable = (ValueError, RecursionError)
                with boundary(InputError, f"reading {path}", "mend the JSON", expected=unreadable):
                    rows: Any = json.load(file)
                yield from ((root, row) for row in rows)
            elif _ARRAY.match(head):
                raise InputError(f"{path} holds one JSON array, not a row a line", "name it .json")
            else:
                yield from ((root, line) for line in file if line.strip())


def _parquet(source: Source) -> Iterator[tuple[Path, Any]]:
    _parquet_library()  # what is missing is told before what it would read
    for path in _files(source):
        root = Path(source.images) if source.images else path.parent
        yield from ((root, row) for row in parquet_rows(path))


def parquet_rows(path: Path, columns: list[str] | None = None) -> Iterator[Any]:
    """The rows of a file, of some columns or all. Raises `InputError`."""
    parquet = _parquet_library()

    def batches() -> Iterator[Any]:
        table: Any = parquet.ParquetFile(path)
        for group in range(table.num_row_groups):
            yield from table.iter_batches(batch_size=32, row_groups=[group], columns=columns)

    return _rows(batches(), str(path))


def _parquet_library() -> Any:
    with boundary(InputError, "reading parquet", needs("data"), expected=ImportError):
        import pyarrow.parquet as parquet  # pyright: ignore[reportMissingImports]
    return parquet


def _rows(batches: Iterator[Any], place: str) -> Iterator[Any]:
    """The rows of Arrow batches. Raises `InputError` where the file is damaged."""
    import pyarrow as arrow  # pyright: ignore[reportMissingImports]

    damaged = (OSError, ValueError, arrow.ArrowException)  # text that is no UTF-8 is a ValueError
    while True:
        with boundary(InputError, f"reading {place}", "fetch it again", expected=damaged):
            batch = next(batches, None)
            rows = [] if batch is None else batch.to_pylist()
        if batch is None:
            return
        yield from rows


def _hugging_face(source: Source) -> Iterator[tuple[Path, Any]]:
    data, local = _opened(source), Path(source.path)
    root = Path(source.images) if source.images else local if local.is_dir() else Path()
    yield from ((root, row) for row in arrow_rows(data, source.path))


def arrow_rows(data: Any, place: str) -> Iterator[Any]:
    """The rows of a data set of the `datasets` library as Arrow holds them, but for the names of classes:
    images stay encoded, so one that is broken cannot stop the others. Raises `InputError`.
    """
    batches = data.with_format("arrow").iter(batch_size=32)
    return (_named(row, data.features) for row in _rows(batches, place))


def _named(value: Any, feature: Any) -> Any:
    """The value with the names of classes in place of their numbers; a number of no class becomes None."""
    if value is None:
        return None
    if isinstance(feature, Mapping):
        return {key: _named(one, feature.get(key)) for key, one in value.items()}
    if hasattr(feature, "int2str"):
        return feature.names[value] if 0 <= value < len(feature.names) else None
    if isinstance(value, list):
        inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", None)
        return [_named(one, inner) for one in value]
    return value


def _opened(source: Source) -> Any:
    """The split of a data set of the `datasets` library."""
    with boundary(InputError, "opening a Hugging Face data set", needs("data"), expected=ImportError):
        import datasets  # pyright: ignore[reportMissingImports]
    local = Path(source.path)
    remedy = "check the name, the configuration and the split"
    with boundary(InputError, f"opening the data set {source.path}", remedy, expected=Exception):
        if (local / "dataset_dict.json").exists() or (local / "state.json").exists():
            loaded: Any = datasets.load_from_disk(str(local))
            return loaded[source.split] if isinstance(loaded, dict) else loaded
        return datasets.load_dataset(source.path, source.config or None, split=source.split)


def _folder(source: Source) -> Iterator[tuple[Path, Any]]:
    """Images below a folder, in the order of their paths, each with `file`, `folder` (the name of the
    folder it is in) and what `metadata.jsonl` says of it under its `file_name`: a row for each of its lines.
    Lines that name no file come last, as they are.
    """
    root = Path(source.path)
    described: dict[str, list[Mapping[str, Any]]] = {}
    nameless: list[bytes] = []
    for path in _files(source):
        if path != root / _METADATA:
            described.setdefault(str(path.relative_to(root)), [])
            continue
        with boundary(InputError, f"reading {path}", "check that you may read it"):
            lines = path.read_bytes().split(b"\n")  # rows may hold other line separators
        for line in filter(bytes.strip, lines):
            try:
                row = parsed(line)
            except Unusable:
                row = {}
            if isinstance(file := row.get("file_name"), str):
                described.setdefault(file, []).append(row)
            else:
                nameless.append(line)
    for file in sorted(described):
        for number, row in enumerate(described[file] or [{}], 1):
            place = {"id": file if number == 1 else f"{file}#{number}", "folder": Path(file).parent.name}
            yield root, {**place, **row, "file": file, "image": file}
    yield from ((root, line) for line in nameless)


def _world(source: Source) -> Iterator[tuple[Path, Any]]:
    unknown = [family for family in source.families if family not in FAMILIES]
    if unknown:
        raise InputError(f"there is no family {', '.join(unknown)!r}", f"use {', '.join(FAMILIES)}")
    if not source.families:
        raise InputError("a source of kind world has no families", f"use {', '.join(FAMILIES)}")
    if source.split not in SPLITS:
        raise InputError(f"there is no split {source.split!r}", f"use {', '.join(SPLITS)}")
    for family in source.families:
        if splits_of(family) != SPLITS:
            raise InputError(f"{family} is for measuring alone", "take it out of the source's families")
    if not source.limit:
        raise InputError("the world has no end", "give the source a limit")
    count = len(source.families)
    return ((Path(), (source.families[n % count], n // count)) for n in range(source.limit))


def _world_item(name: str, source: Source, number: int, value: Any, store: ImageStore) -> Item:
    family, index = cast("tuple[str, int]", value)
    task = to_task(make_example(family, source.split, source.seed, index), store)
    task = task.model_copy(update={"id": f"{name}/{task.id}"})
    return Item(task=task, source=name, row=number, route=source.entry, license=source.license)


def _files(source: Source) -> list[Path]:
    """The files a path or pattern names, sorted; of a folder what its kind reads. Raises `InputError`."""
    endings = (".parquet",) if source.kind in ("parquet", "rl") else (".jsonl", ".json")
    path = Path(source.path)
    if not source.path:
        raise InputError(f"a source of kind {source.kind} has no path", "give it one")
    if source.kind == "folder":
        if not path.is_dir():
            raise InputError(f"there is no folder {path}", "check the path of the source")
        images = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_ENDINGS)
        return [file for file in (path / _METADATA, *images) if file.is_file()]
    if source.kind == "hf":
        return sorted(file for file in path.rglob("*") if file.is_file())
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in endings)
        if not files:
            raise InputError(
                f"the folder {path} holds no {' or '.join(endings)}", "check the path of the source"
            )
        return files
    if path.is_file():  # also one whose name looks like a pattern
        return [path]
    files = [Path(name) for name in sorted(glob(source.path))]  # noqa: PTH207  # patterns may be absolute
    if not files:
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
