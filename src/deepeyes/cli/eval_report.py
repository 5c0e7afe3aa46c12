"""`deepeyes eval report`: runs side by side, as one page."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import typer

from deepeyes.cli.running import warn
from deepeyes.core.errors import InputError
from deepeyes.eval.runs import find_runs
from deepeyes.view.visible import visible


def report_runs(
    runs: list[Path] = typer.Argument(metavar="RUN...", help="Folders of runs, or folders that hold some."),
    out: Path | None = typer.Option(
        None, help="The file to write; report.html in the first folder by default."
    ),
    title: str = typer.Option("", help="Heading of the page."),
    as_json: bool = typer.Option(False, "--json", help="Print the numbers as one JSON object, no page."),
    open_it: bool = typer.Option(False, "--open", help="Open it in the browser."),
) -> None:
    """Tables with intervals, what tools added, differences, behaviour, plots, and failures with examples."""
    from deepeyes.eval.comparison import compare
    from deepeyes.view.report import REPORT_FILE, write_report

    comparison = compare(find_runs(runs))
    if not comparison.runs:
        raise InputError(comparison.problems[0], "give folders whose traces can be read")
    for problem in comparison.problems:
        warn(visible(problem))
    if as_json:
        print(json.dumps(comparison.told()))
        return
    target = out or (runs[0] if runs[0].is_dir() else runs[0].parent) / REPORT_FILE
    print(write_report(comparison, target, title))
    if open_it:
        webbrowser.open(target.resolve().as_uri())
