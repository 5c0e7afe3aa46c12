"""`deepeyes eval`: an agent on a benchmark, as numbers.

What always holds: the numbers are printed whatever they are; what makes them doubtful is told on stderr, and
a run of which nothing is a result, because of us, is an error.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from deepeyes.analysis.misfit import replies_of
from deepeyes.cli.judging import Judge, grading_of
from deepeyes.cli.outcome import DIALECT, LIMIT, look_at
from deepeyes.cli.running import note, run, warn
from deepeyes.cli.sampling import MinP, RepetitionPenalty, Stop, Temperature, TopK, TopP, sampling_of
from deepeyes.core.errors import InfrastructureError, InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import parse_limits
from deepeyes.core.trace import IMAGES_FOLDER, Trace, read_traces
from deepeyes.eval.plan import EvalPlan
from deepeyes.eval.registry import BENCHMARKS, benchmark_named
from deepeyes.eval.report import by_our_rules, failures, report
from deepeyes.eval.run import run_plan
from deepeyes.eval.world import WorldPlan, named
from deepeyes.harness.search import HELP
from deepeyes.view.visible import visible
from deepeyes.world.families import FAMILIES, searched

app = typer.Typer(add_completion=False, help="Measure a model.")

_CAUSES = 3
"""Of failures, shown with how often each."""


@app.command()
def world(
    family: str = typer.Option("tiny,direct", help="Task families, separated by commas."),
    split: str = typer.Option("test", help="train, validation, test or rl."),
    n: int = typer.Option(500, "--n", "-n", min=1, help="How many tasks in all."),
    seed: int = typer.Option(0, help="Another seed draws other tasks of the same split."),
    tools: str = typer.Option("on", help="on or off."),
    model: str = typer.Option("nano", help="As in `deepeyes ask`."),
    as_json: bool = typer.Option(False, "--json", help="Print one flat JSON object."),
    trace: Path | None = typer.Option(None, help="Keep the traces here; started again, the run goes on."),
    concurrency: int = typer.Option(16, min=1, help="Episodes in flight."),
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    top_k: TopK = 0,
    min_p: MinP = 0.0,
    repetition_penalty: RepetitionPenalty = 1.0,
    stop: Stop = [],
    limit: list[str] = typer.Option([], metavar="KEY=VALUE", help="Change a budget. Repeatable."),
    dialect: str = typer.Option("", help="The model's own by default."),
    search: list[str] = typer.Option([], metavar="WHAT", help=HELP),
    judge: Judge = [],
) -> None:
    """Accuracy with its interval, tool-call rate, crop-hit rate, stop reasons, seconds per episode."""
    if tools not in ("on", "off"):
        raise InputError(f"--tools is {tools!r}", "give on or off")
    families = named(family)
    sampling = sampling_of(temperature, top_p, top_k, min_p, repetition_penalty, stop, seed)
    plan = WorldPlan(
        families=families,
        split=split,
        seed=seed,
        n=n,
        model=model,
        tools=tools == "on",
        dialect=dialect,
        sampling=sampling,
        limits=parse_limits(limit),
        search=tuple(search) or _searched(families if tools == "on" else ()),
        grading=grading_of(judge),
    ).checked()
    about = {"model": model, "families": family, "split": split, "seed": seed, "tools": tools}
    _measure(plan, trace, concurrency, about, as_json, (DIALECT, LIMIT))


@app.command("run")
def run_benchmark(
    benchmark: str = typer.Argument(help=f"One of {', '.join(BENCHMARKS)}."),
    override: list[str] = typer.Option([], "--set", metavar="A.B=C", help="Change a setting. Repeatable."),
    plan: Path | None = typer.Option(None, help="A TOML file with the settings."),
    as_json: bool = typer.Option(False, "--json", help="Print one flat JSON object."),
    trace: Path | None = typer.Option(None, help="Keep the traces here; started again, the run goes on."),
    concurrency: int = typer.Option(16, min=1, help="Episodes in flight."),
    judge: Judge = [],
) -> None:
    """Any benchmark by its name, with all its settings: model, tools, search, sampling, n, and its own."""
    settings = benchmark_named(benchmark).load(plan, override).checked()
    settings.grading.check_models()
    settings = settings.model_copy(update={"grading": grading_of(judge, settings.grading)})
    about = {"benchmark": benchmark, "model": settings.model, "tools": "on" if settings.tools else "off"}
    _measure(settings, trace, concurrency, about, as_json, ("--set dialect={}", "--set limits.{}"))


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


def _searched(families: Sequence[str]) -> tuple[str, ...]:
    """The world's own index for families that cannot be solved without searching."""
    return ("world",) if any(name in FAMILIES and searched(name) for name in families) else ()


def _measure(
    plan: EvalPlan,
    trace: Path | None,
    concurrency: int,
    about: dict[str, Any],
    as_json: bool,
    spelt: tuple[str, str],
) -> None:
    """Ask, and print the report with what it is `about`. `spelt`: how a dialect and a limit are given."""
    with ExitStack() as stack:
        folder = trace or Path(stack.enter_context(TemporaryDirectory(prefix="deepeyes-eval-")))
        kept = f"finished episodes are in {trace}; the same command goes on" if trace else ""
        traces = run(_ask_all(plan, folder, concurrency), kept)
        numbers = report(traces, ImageStore(folder / IMAGES_FOLDER))
    if plan.grading.scorer:
        numbers = {**numbers, "scorer": plan.grading.scorer, **by_our_rules(traces)}
    numbers = {**numbers, **about, "trace": str(trace) if trace else None}
    if as_json:
        print(json.dumps(numbers))
    else:
        _print(numbers)
    _doubt(traces, trace, *spelt)


def _doubt(traces: Sequence[Trace], folder: Path | None, dialect: str, limit: str) -> None:
    """Tell what makes their numbers doubtful. Raises `InfrastructureError` if none of them is a result."""
    replies = replies_of(traces)
    if replies.misfit:
        warn(visible(f"{replies.what()}: {replies.remedy(dialect, limit, look_at(folder))}"))
    causes = failures(traces)
    if not causes:
        return
    told = "; ".join(f"{number} times: {cause}" for cause, number in causes.most_common(_CAUSES))
    waiting = sum(trace.awaits_verdict for trace in traces)
    lack = f" ({waiting} lack only the verdict)" if waiting else ""
    what = f"{causes.total()} of {len(traces)} episodes{lack} failed because of us ({told})"
    again = (
        "the same command asks them again" if folder else "with --trace DIR the same command asks them again"
    )
    if causes.total() == len(traces):
        raise InfrastructureError(what, again)
    warn(visible(f"{what} and do not count: {again}"))


async def _ask_all(plan: EvalPlan, folder: Path, concurrency: int) -> list[Trace]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    right = unsure = asked = 0
    shown = Console(stderr=True)
    async with plan.open(note) as agent:
        with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:
            bar = progress.add_task("asking", total=plan.n)

            def step(trace: Trace) -> None:
                nonlocal right, unsure, asked
                asked, right = asked + trace.stop_reason.is_result, right + trace.is_right
                unsure += trace.is_unsure
                known = f"{right} of {asked} right"
                progress.update(bar, advance=1, description=f"{known}, {unsure} unsure" if unsure else known)

            return await run_plan(plan, agent, folder, concurrency=concurrency, on_done=step)


def _print(numbers: dict[str, Any]) -> None:
    table = Table(show_header=False, box=None)
    for name, value in numbers.items():
        text = json.dumps(value) if isinstance(value, list | dict) else str(value)
        table.add_row(name.replace("_", " "), text)
    Console().print(table)
