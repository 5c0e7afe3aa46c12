"""`deepeyes data`: from raw questions to data to learn from, and how it came about."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import typer
from rich.console import Console

from deepeyes.cli.inspecting import inspect_file
from deepeyes.cli.progress import Steps
from deepeyes.cli.recipes import found
from deepeyes.cli.running import note, run, waiting, warn
from deepeyes.harness.setup import open_agent
from deepeyes.view.visible import visible

app = typer.Typer(add_completion=False, help="Curate data: from raw questions to traces and prompts.")


@app.command()
def curate(
    recipe: Path = typer.Argument(..., help="The sources and every stage's settings (TOML)."),
    out: Path = typer.Option(..., help="Folder of the run; the same command goes on where it stopped."),
    override: list[str] = typer.Option([], "--set", metavar="A.B=C", help="Change a setting. Repeatable."),
    concurrency: int = typer.Option(32, min=1, help="Episodes in flight."),
    processes: int = typer.Option(
        1, min=1, help="Processes (or Ray tasks) for the stages that ask no model."
    ),
    runner: str = typer.Option("local", help="local, or ray for many machines."),
    address: str = typer.Option("", help="The Ray cluster's address."),
    as_json: bool = typer.Option(False, "--json", help="Print the funnel as JSON."),
) -> None:
    """Run every stage that the folder does not hold yet, and print the funnel."""
    from deepeyes.core.errors import InputError
    from deepeyes.data.curate import Execution
    from deepeyes.data.curate import curate as run_curation
    from deepeyes.data.recipe import CurationRecipe
    from deepeyes.data.run.folder import RunFolder
    from deepeyes.data.run.funnel import FUNNEL_FILE, REJECTS_FILE, funnel_table
    from deepeyes.data.run.oddities import oddities
    from deepeyes.data.run.runners import runner_named

    plan = CurationRecipe.load(found(recipe, "data"), override)
    plan.check_models()
    execution = Execution(runner_named(runner, processes, address), concurrency=concurrency)
    with Steps(keep=True) as steps:

        def step(stage: str, done: int, total: int | None) -> None:
            steps.step(stage.replace("_", " "), done, total)

        kept = f"what is done is in {out}; the same command goes on"
        opening = partial(open_agent, tell=note, wait=waiting)
        counts = run(run_curation(plan, out, opening, execution=execution, progress=step), kept)
    if as_json:
        print((out / FUNNEL_FILE).read_text("utf-8"), end="")
    else:
        Console().print(funnel_table(counts))
    for text in oddities(RunFolder(out), counts, plan.funnel):
        warn(visible(text))
    if not counts[-1].sources:
        raise InputError("nothing was kept", f"see why in {out / REJECTS_FILE}")


@app.command()
def funnel(
    folder: Path = typer.Argument(..., help="The folder of a run, complete or not."),
    as_json: bool = typer.Option(False, "--json", help="Print the counts as JSON."),
    plot: Path | None = typer.Option(None, help="Also draw it into this image file (.png, .svg or .pdf)."),
) -> None:
    """How many went into each stage, how many came out, and why the others did not."""
    from deepeyes.data.recipe import CurationRecipe
    from deepeyes.data.run.folder import RECIPE_FILE, RunFolder
    from deepeyes.data.run.funnel import counts_of, funnel_table, plot_funnel
    from deepeyes.data.run.oddities import oddities

    counts = counts_of(RunFolder(folder))
    if plot is not None:
        plot_funnel(counts, plot)
    if as_json:
        print(json.dumps([count.model_dump(mode="json") for count in counts]))
    else:
        Console().print(funnel_table(counts))
    for text in oddities(RunFolder(folder), counts, CurationRecipe.load(folder / RECIPE_FILE).funnel):
        warn(visible(text))


@app.command()
def export(
    folder: Path = typer.Argument(..., help="The folder of a complete run."),
    layout: str = typer.Option(..., "--format", help="trl, sharegpt, verl or traces."),
    to: Path | None = typer.Option(None, help="Where to; by default FOLDER/export/FORMAT."),
) -> None:
    """Write what was curated in the form that a trainer reads, with a dataset card."""
    from deepeyes.data.export.formats import export as write

    place, files = write(folder, layout, to)
    for name, rows in files.items():
        print(f"{place / name}: {rows:,}")


@app.command()
def inspect(
    file: Path = typer.Argument(..., help="JSONL, JSON or parquet: a data set, traces, or an export."),
    n: int = typer.Option(3, "--n", "-n", min=1, help="Rows to show."),
) -> None:
    """The columns of a file, their types, how often they are empty, and its first rows."""
    inspect_file(file, n, Console())
