"""`deepeyes eval`: an agent on a benchmark, as numbers. What its verbs do is in the files beside this one."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from deepeyes.cli.eval_faithful import faithful
from deepeyes.cli.eval_list import list_benchmarks
from deepeyes.cli.eval_report import report_runs
from deepeyes.cli.eval_run import run_benchmark, world
from deepeyes.core.trace import read_traces

app = typer.Typer(add_completion=False, help="Measure a model.")
app.command("run")(run_benchmark)
app.command("list")(list_benchmarks)
app.command()(world)
app.command("faithful")(faithful)
app.command("report")(report_runs)


@app.command()
def tools(
    folders: list[Path] = typer.Argument(metavar="DIR...", help="Folders that --trace wrote."),
    plot: Path | None = typer.Option(None, help="Draw it: a .png or .svg file."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Which tools the model called, by family: crop, mark, numerical analysis, image search, text search."""
    from deepeyes.analysis.toolmix import plot as draw
    from deepeyes.analysis.toolmix import report as mix_report
    from deepeyes.analysis.toolmix import tool_mix

    mixes = tool_mix(trace for folder in folders for trace in read_traces(folder))
    if plot is not None:
        draw(mixes, plot)
    told = mix_report(mixes)
    if as_json:
        print(json.dumps(told))
        return
    table = Table(box=None)
    names = list(dict.fromkeys(name for row in told.values() for name in row))
    for name in ("family", *names):
        table.add_column(name.replace("_", " "), justify="left" if name == "family" else "right")
    for family, row in told.items():
        table.add_row(family, *("" if row.get(name) is None else f"{row[name]:g}" for name in names))
    Console().print(table)
