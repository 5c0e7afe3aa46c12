"""`deepeyes eval list`: which benchmarks there are, and where to get their data."""

from __future__ import annotations

import json

import typer
from rich.console import Console
from rich.table import Table

from deepeyes.core.errors import InputError
from deepeyes.eval.benchmarks.listing import COLUMNS, abouts, details, table_row


def list_benchmarks(
    benchmark: str = typer.Argument("", help="All that is known of one."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object a benchmark."),
) -> None:
    """Published benchmarks: how many questions, where they are, their licence, and which rule decides."""
    known = {about.name: about for about in abouts()}
    if benchmark and benchmark not in known:
        raise InputError(
            f"{benchmark!r} is no published benchmark", "`deepeyes eval list` without a name shows them"
        )
    shown = [known[benchmark]] if benchmark else list(known.values())
    if as_json:
        for about in shown:
            print(json.dumps(details(about)))
        return
    table = Table(*(() if benchmark else COLUMNS), box=None, show_header=not benchmark)
    for row in details(shown[0]).items() if benchmark else map(table_row, shown):
        table.add_row(*row)
    Console().print(table)
