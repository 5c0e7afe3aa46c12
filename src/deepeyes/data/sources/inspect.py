"""What is in a file of rows: its columns with their types and how often they are empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

from deepeyes.core.errors import InputError
from deepeyes.data.item import Unusable
from deepeyes.data.sources.readers import parsed, raw_rows
from deepeyes.data.sources.source import Source


@dataclass
class Column:
    """What was seen of one column."""

    types: Counter[str] = field(default_factory=Counter[str])
    empty: int = 0


@dataclass
class Contents:
    """What was seen of a file. `broken` counts rows that are no objects, by reason."""

    rows: int = 0
    columns: dict[str, Column] = field(default_factory=dict[str, Column])
    first: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    broken: Counter[str] = field(default_factory=Counter[str])


def contents(path: Path, shown: int = 3, limit: int | None = None) -> Contents:
    """Read up to `limit` rows of a JSONL, JSON or parquet file. Raises `InputError`."""
    if path.suffix not in (".jsonl", ".json", ".parquet"):
        raise InputError(f"{path.name} is no file of rows", "give a .jsonl, .json or .parquet file")
    kind = "parquet" if path.suffix == ".parquet" else "jsonl"
    found = Contents()
    for _, raw in islice(raw_rows(Source(kind=kind, path=str(path))), limit):
        found.rows += 1
        try:
            row = parsed(raw)
        except Unusable as unusable:
            found.broken[unusable.reason] += 1
            continue
        if len(found.first) < shown:
            found.first.append(row)
        for name, value in flat(row):
            column = found.columns.setdefault(name, Column())
            column.types[type_of(value)] += 1
            column.empty += value is None or value == "" or value == [] or value == {}
    return found


def flat(row: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """Columns by dotted path; objects are opened two levels deep, lists are not."""
    pairs: list[tuple[str, Any]] = []
    for key, value in row.items():
        name = f"{above}{key}".encode("utf-8", "backslashreplace").decode()
        if isinstance(value, Mapping) and value and above.count(".") < 2:
            pairs += flat(cast("Mapping[str, Any]", value), f"{name}.")
        else:
            pairs.append((name, value))
    return pairs


def type_of(value: Any) -> str:
    """A type as a person would say it: text, number, bytes, list of text ..."""
    if isinstance(value, list):
        inner = sorted({type_of(one) for one in cast("list[Any]", value)[:20]})
        return f"list of {' or '.join(inner)}" if inner else "empty list"
    names = {str: "text", bool: "truth", int: "number", float: "number", bytes: "bytes", type(None): "null"}
    return names.get(type(value), "object" if isinstance(value, Mapping) else type(value).__name__)


def short(value: Any, chars: int = 160) -> str:
    """The value on one line."""
    if isinstance(value, bytes):
        return f"<{len(value):,} bytes>"
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, Any]", value).items()
        text = "{" + ", ".join(f"{key}: {short(one, 60)}" for key, one in inner) + "}"
    elif isinstance(value, list):
        many = cast("list[Any]", value)
        more = f", ... {len(many)} in all" if len(many) > 3 else ""
        text = "[" + ", ".join(short(one, 60) for one in many[:3]) + more + "]"
    else:
        text = " ".join(str(value).split())
    text = text.encode("utf-8", "backslashreplace").decode()  # half of a surrogate pair cannot be printed
    return text if len(text) <= chars else f"{text[: chars - 1]}…"
