"""A file of rows on a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deepeyes.view.visible import visible


def inspect_file(path: Path, n: int, console: Console) -> None:
    """Print the columns of `path` and its first `n` rows."""
    from deepeyes.data.sources.inspect import contents, flat, short

    found = contents(path, shown=n)
    console.print(f"[bold]{escape(path.name)}[/]: {found.rows:,} rows")
    for reason, number in found.broken.most_common():
        console.print(f"  {number:,} that are no rows: {reason}", style="yellow")
    table = Table(box=None, pad_edge=False)
    for heading in ("column", "type", "empty"):
        table.add_column(heading)
    for name, column in found.columns.items():
        types = ", ".join(f"{kind} {count:,}" for kind, count in column.types.most_common(3))
        table.add_row(escape(visible(name)), escape(types), f"{column.empty:,}" if column.empty else "")
    console.print(table)
    for number, row in enumerate(found.first, 1):
        console.print(f"\n[bold]row {number}[/]")
        for name, value in flat(row):
            console.print(f"  {escape(visible(name))}: {escape(visible(short(value)))}", highlight=False)
