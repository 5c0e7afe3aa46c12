"""How `deepeyes world show` prints an entity, for people and for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deepeyes.core.errors import StorageError, boundary
from deepeyes.world.pack import Entity, Pack

PIPED = 200
"""Columns where no terminal says how many there are: nothing is cut off in a pipe."""


def as_line(entity: Entity) -> str:
    """The entity as one line of JSON."""
    return json.dumps({**asdict(entity), "split": entity.split}, ensure_ascii=False)


def print_entity(entity: Entity, text: bool) -> None:
    """Tables of facts, documents and pictures; with `text` the documents in full."""
    console = Console() if sys.stdout.isatty() else Console(width=PIPED, height=25)
    console.print(f"[bold]{escape(entity.name)}[/]  {entity.id}  ({entity.split})", highlight=False)
    if entity.aliases:
        console.print(f"also: {escape(', '.join(entity.aliases))}", highlight=False)
    console.print(f"source: {escape(entity.source)}, {escape(entity.licence)}", highlight=False)
    facts = Table("fact", "value", "unit", "year", "page", title="Facts", title_justify="left")
    for fact in entity.facts:
        value = ", ".join(fact.value) if isinstance(fact.value, tuple) else fact.value
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        page = fact.page.rpartition("/")[2]
        facts.add_row(escape(fact.name), escape(shown), escape(fact.unit), str(fact.year or ""), escape(page))
    documents = Table("document", "title", "characters", "source", title="Documents", title_justify="left")
    for document in entity.documents:
        size = f"{len(document.text):,}"
        documents.add_row(document.url, escape(document.title), size, escape(document.source))
    pictures = Table(
        "picture", "title", "pixels", "bytes", "licence", "credit", title="Pictures", title_justify="left"
    )
    for one in entity.pictures:
        row = (one.url, one.title, f"{one.width} x {one.height}", f"{one.bytes:,}", one.licence, one.credit)
        pictures.add_row(*map(escape, row))
    for table in (facts, documents, pictures):
        if table.row_count:
            console.print(table)
    for document in entity.documents if text else ():
        console.print(f"\n[bold]{escape(document.title)}[/]\n{escape(document.text)}", highlight=False)


def write_pictures(pack: Pack, entities: Sequence[Entity], out: Path) -> None:
    """Write every picture to the folder `out`, and print each file's name."""
    with boundary(StorageError, f"writing to {out}", "choose a folder you may write to"):
        out.mkdir(parents=True, exist_ok=True)
        for entity in entities:
            for place, record in enumerate(entity.pictures):
                path = out / record.url.removeprefix("world://").replace("/", "_")
                path.write_bytes(pack.picture_bytes(entity, place))
                print(path)
