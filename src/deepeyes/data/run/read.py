"""The first stage: rows of all sources become items, their images go into the run's folder.

Rows are numbered through a source and cut into parts of equal length; parts that are there are skipped, and
only their ids are looked at, because an id may come once. What always holds: a row gives exactly one item; a
source whose files changed since the run began is refused, because its rows would no longer be the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from deepeyes.core.ahead import THREADS
from deepeyes.core.errors import ConfigError, InputError, boundary
from deepeyes.core.files import write_atomic
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import TRACES_FILE, Trace
from deepeyes.data.item import Item, TraceRef, Trial
from deepeyes.data.run.folder import RunFolder, StageFolder
from deepeyes.data.sources.readers import raw_rows, source_digest, to_item
from deepeyes.data.sources.source import Source
from deepeyes.data.stages.missed import missed
from deepeyes.data.stages.teach.quality import Checks, failed_checks

READ_STORE = "read"
_THREADS = max(4, THREADS)
"""Images are decoded, drawn and encoded outside Python's lock."""


def read_sources(
    run: RunFolder,
    sources: Mapping[str, Source],
    batch: int,
    target: StageFolder,
    on_rows: Callable[[int], None],
    checks: Checks,
) -> int:
    """Make the parts that are missing; returns how many there are. Raises `InputError`, `ConfigError`."""
    _same_files(run.source_digests, sources)
    part = 0
    with ThreadPoolExecutor(_THREADS) as pool:
        for name, source in sources.items():
            seen: set[str] = set()
            for first, rows in _batches(raw_rows(source), batch):
                if target.has(part):
                    items = target.read(part)
                    on_rows(len(rows))
                else:
                    items = _read_part(run, name, source, first, rows, part, seen, pool, checks, on_rows)
                    target.write(part, items)
                seen.update(item.id for item in items if item.kept)
                part += 1
    return part


def _read_part(
    run: RunFolder,
    name: str,
    source: Source,
    first: int,
    rows: list[tuple[Path, Any]],
    part: int,
    seen: set[str],
    pool: ThreadPoolExecutor,
    checks: Checks,
    on_rows: Callable[[int], None],
) -> list[Item]:
    store = ImageStore(run.images)
    numbers = range(first, first + len(rows))
    read = pool.map(lambda number, raw: to_item(name, source, number, raw, store), numbers, rows)
    here: set[str] = set()
    items: list[Item] = []
    traces: list[Trace] = []
    for item, trace in read:
        if item.kept and (item.id in seen or item.id in here):
            item = item.rejected("read", "duplicate_id", f"{item.id} came before")
        elif item.kept:
            here.add(item.id)
            if trace is not None:
                traces.append(trace)
                ref = TraceRef(store=READ_STORE, part=part, id=trace.id)
                trial = Trial(
                    teacher=trace.model,
                    ref=ref,
                    failed_checks=failed_checks(trace, checks),
                    missed=missed(trace),
                )
                item = item.model_copy(update={"trials": (trial,)})
        items.append(item)
        on_rows(1)
    if traces:
        lines = "".join(trace.model_dump_json() + "\n" for trace in traces)
        write_atomic(run.episodes(READ_STORE, part) / TRACES_FILE, lines.encode())
    return items


def _batches(rows: Iterator[tuple[Path, Any]], size: int) -> Iterable[tuple[int, list[tuple[Path, Any]]]]:
    first = 0
    while batch := list(islice(rows, size)):
        yield first, batch
        first += len(batch)


def _same_files(path: Path, sources: Mapping[str, Source]) -> None:
    digests = {name: source_digest(source) for name, source in sources.items()}
    if path.exists():
        with boundary(
            InputError, f"reading {path}", "choose another --out", expected=(OSError, ValidationError)
        ):
            before = TypeAdapter(dict[str, str]).validate_json(path.read_bytes())
        changed = [name for name, digest in digests.items() if before.get(name) != digest]
        if changed:
            raise ConfigError(
                f"the files of {', '.join(changed)} changed since the run began", "choose another --out"
            )
        return
    write_atomic(path, json.dumps(digests, indent=1).encode())
