"""`deepeyes eval faithful`: did right answers come from what the tools brought back?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from deepeyes.analysis.faithfulness import seen_facts
from deepeyes.analysis.stats import Estimate
from deepeyes.analysis.summary import Row
from deepeyes.cli.judging import Judge, grading_of
from deepeyes.cli.running import note, run, warn
from deepeyes.core.errors import InfrastructureError, InputError
from deepeyes.eval.faithful import FaithfulPlan, Lived, live_again
from deepeyes.eval.runs import Run, find_runs
from deepeyes.grading.grader import Grading


def faithful(
    folder: Path = typer.Argument(metavar="RUN", help="The folder of a run with tools."),
    model: str = typer.Option("", help="As in `deepeyes ask`; the run's own by default."),
    n: int = typer.Option(200, "--n", "-n", min=1, help="How many right episodes at most."),
    out: Path | None = typer.Option(None, help="Where the new episodes go; RUN-faithful by default."),
    dialect: str = typer.Option("", help="That of the episodes by default."),
    search: list[str] = typer.Option([], metavar="WHAT", help="As in `deepeyes ask`; the run's by default."),
    concurrency: int = typer.Option(16, min=1, help="Episodes in flight."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    judge: Judge = [],
) -> None:
    """Do right answers survive when a tool's result is another question's, or its images are grey?"""
    found = _one(folder)
    name = model or found.model
    if not name:
        raise InputError(f"nothing in {folder} says which model it is of", "name it with --model")
    plan = FaithfulPlan(
        run=str(found.folder.resolve()),
        model=name,
        n=n,
        dialect=dialect,
        search=tuple(search or found.plan.get("search", ())),
        grading=grading_of(judge, _grading(found.plan)),
    )
    target = out or found.folder.with_name(f"{found.folder.name}-faithful")
    kept = f"finished episodes are in {target}; the same command goes on"
    lived = run(_live(plan, found, target, concurrency), kept)
    if as_json:
        print(json.dumps({**lived.told(), "model": name, "out": str(target)}))
    else:
        _print(lived)
    failed = sum(not trace.stop_reason.is_result for trace in lived.traces)
    if failed == len(lived.traces):
        raise InfrastructureError(f"all {failed} episodes failed because of us", "run the same command again")
    if failed:
        warn(f"{failed} of {len(lived.traces)} episodes failed because of us and do not count: run it again")


def _one(folder: Path) -> Run:
    runs = find_runs([folder])
    if len(runs) > 1:
        names = ", ".join(run.label for run in runs[:4])
        raise InputError(f"{folder} holds {len(runs)} runs ({names})", "give the folder of one of them")
    return runs[0]


def _grading(plan: Mapping[str, Any]) -> Grading:
    """As the run was graded."""
    try:
        return Grading.model_validate(plan.get("grading", {}))
    except ValidationError as error:
        raise InputError(
            f"the grading in its plan.toml cannot be used ({error.errors()[0]['msg']})", "correct that file"
        ) from error


async def _live(plan: FaithfulPlan, found: Run, target: Path, concurrency: int) -> Lived:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = Console(stderr=True)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:
        bar = progress.add_task("living again", total=None)

        def step(total: int) -> None:
            progress.update(bar, advance=1, total=total)

        return await live_again(plan, found, target, concurrency=concurrency, tell=note, on_done=step)


def _print(lived: Lived) -> None:
    seen = Table("tool", "episodes", "fact in its result", "n", "right without it", "n", box=None)
    for tool, one in seen_facts(lived.original, lived.images).items():
        shares = (cell for of in (one.fact, one.right_without) for cell in (_share(of), str(of.n)))
        seen.add_row(tool, str(one.episodes), *shares)
    tried = Table("tool", "its result", "n", "still right", "becomes the other's", "undecided", box=None)
    for one in lived.survivals():
        row = one.survived
        follows = "" if one.follows is None else _share(one.follows)
        shares = (_range(row), follows)
        tried.add_row(one.tool, one.change, str(row.n), *shares, str(row.undecided))
    console = Console()
    console.print(seen)
    console.print()
    console.print(tried)
    console.print(f"\nno other question's result: {lived.without_other}; opening reworded: {lived.reworded}")


def _share(of: Estimate) -> str:
    """A share with its interval, short enough for a table in a terminal."""
    return "" if of.value is None else f"{of.value:.0%} [{of.low:.0%}, {of.high:.0%}]"


def _range(row: Row) -> str:
    """The same, from none of the undecided ones to all of them."""
    least, most = row.accuracy.value, row.accuracy_at_most.value
    if least is None or most is None or not row.undecided:
        return _share(row.accuracy)
    return f"{least:.0%} to {most:.0%} [{row.ci95[0]:.0%}, {row.ci95[1]:.0%}]"
