"""Rows of any file of rows, each with its place: "line 12 of answers.jsonl".

What always holds: a row that cannot be read comes as the error that says where it is and what it lacks, so
its reader decides whether that is the end; numbers of JSON come as text, with the digits that the file has,
unless their reader wants numbers; JSON Lines, tables and parquet are read row by row.
"""

from __future__ import annotations

import codecs
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from deepeyes.core.errors import InputError, boundary

NumberedRow = tuple[str, Mapping[str, Any] | InputError]

_TABLES = {".csv": ",", ".tsv": "\t"}
_BROKEN = (ValueError, RecursionError)
_JSON = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)
_MARK = b"\xef\xbb\xbf"
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LONGEST_CELL = 1 << 27


def numbered_rows(path: Path, *, numbers: bool = False) -> Iterator[NumberedRow]:
    """The rows of a .jsonl, .json, .csv, .tsv or .parquet file; JSON Lines from standard input for "-".

    With `numbers` those of JSON Lines are numbers.

    Raises `InputError` for a file that cannot be read.
    """
    if str(path) == "-":
        yield from _lines(sys.stdin.buffer, "standard input")
    elif path.suffix == ".parquet":
        yield from _parquet(path)
    elif path.suffix == ".json":
        yield from _array(path)
    elif path.suffix in _TABLES:
        yield from _table(path, _TABLES[path.suffix])
    else:
        with boundary(InputError, f"reading {path}", "give a file of JSON Lines"), path.open("rb") as file:
            _refuse_wide(path)
            yield from _lines(file, path.name, json.JSONDecoder() if numbers else _JSON)


def _refuse_wide(path: Path) -> None:
    """Raises `InputError` for a text that begins as only those of two or four bytes a character do."""
    with path.open("rb") as file:
        head = file.read(4)
        if head.startswith(_WIDE) or b"\0" in head:
            raise InputError(f"{path} is written in UTF-16 or UTF-32", "save it in UTF-8")


def _lines(file: IO[bytes], name: str, decoder: json.JSONDecoder = _JSON) -> Iterator[NumberedRow]:
    for number, line in enumerate(file, 1):
        text = line.removeprefix(_MARK) if number == 1 else line
        if text.strip():
            place = f"line {number} of {name}"
            yield place, _row(text, place, decoder)


def _row(line: bytes, place: str, decoder: json.JSONDecoder) -> Mapping[str, Any] | InputError:
    try:
        with boundary(InputError, f"reading {place}", "save the file in UTF-8", expected=UnicodeError):
            text = line.decode("utf-8", "surrogatepass").strip()
        with boundary(InputError, f"reading {place}", "write one JSON object a line", expected=_BROKEN):
            value = decoder.decode(text)
    except InputError as error:
        return error
    return _object(value, place)


def _object(value: object, place: str) -> Mapping[str, Any] | InputError:
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value)
    return InputError(f"{place} is {type(value).__name__}, not an object", "write names and values")


def _array(path: Path) -> Iterator[NumberedRow]:
    """A file that holds one JSON array."""
    with boundary(InputError, f"reading {path}", "give a JSON array in UTF-8", expected=(OSError, *_BROKEN)):
        _refuse_wide(path)
        rows = _JSON.decode(path.read_text("utf-8-sig").strip())
    if not isinstance(rows, list):
        raise InputError(f"{path} holds no JSON array", "name a file with an object a line .jsonl")
    for number, row in enumerate(cast("list[Any]", rows), 1):
        yield f"row {number} of {path.name}", _object(row, f"row {number} of {path.name}")


def _table(path: Path, delimiter: str) -> Iterator[NumberedRow]:
    csv.field_size_limit(_LONGEST_CELL)
    wrong = (OSError, UnicodeError, csv.Error)
    with boundary(InputError, f"reading {path}", "check that you may read it"):
        _refuse_wide(path)
    with (
        boundary(InputError, f"reading {path}", "give a table in UTF-8", expected=wrong),
        path.open(encoding="utf-8-sig", newline="") as file,
    ):
        reader = csv.DictReader(file, delimiter=delimiter, restkey="", restval=None)
        for row in reader:
            place = f"line {reader.line_num} of {path.name}"
            surplus = InputError(f"{place} has more cells than the first line", "quote cells with commas")
            yield place, surplus if "" in row else row


def _parquet(path: Path) -> Iterator[NumberedRow]:
    from deepeyes.data.sources.readers import parsed, raw_rows
    from deepeyes.data.sources.source import Source

    rows: Iterable[tuple[Path, Any]] = raw_rows(Source(kind="parquet", path=str(path)))
    for number, (_, row) in enumerate(rows, 1):
        yield f"row {number} of {path.name}", parsed(row)
