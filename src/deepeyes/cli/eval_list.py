"""`deepeyes eval list`: which benchmarks there are, and where to get their data."""

from __future__ import annotations

import json

import typer
from rich.console import Console
from rich.table import Table

from deepeyes.core.errors import InputError
from deepeyes.eval.benchmarks.listing import COLUMNS, abouts, details, table_row


def list_benchmarks(
    name: str = typer.Argument("", metavar="[BENCHMARK]", help="All that is known of one."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object a benchmark."),
) -> None:
    """Published benchmarks: how many questions, where they are, their licence, and which rule decides."""
    known = {about.name: about for about in abouts()}
    if name and name not in known:
        raise InputError(
            f"{name!r} is no published benchmark", "`deepeyes eval list` without a name shows them"
        )
    shown = [known[name]] if name else list(known.values())
    if as_json:
        for about in shown:
            print(json.dumps(details(about)))
        return
    table = Table(*(() if name else COLUMNS), box=None, show_header=not name)
    for row in details(shown[0]).items() if name else map(table_row, shown):
        table.add_row(*row)
    Console().print(table)
