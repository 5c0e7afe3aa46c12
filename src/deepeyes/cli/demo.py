"""`deepeyes demo`: the main job in two minutes. Held-out questions of both families, one line each, one page.

What always holds: the questions are of a split that the model never trained on; every start asks them anew;
the exit code says whether at least seven in eight were right.
"""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from deepeyes.cli.running import note, run
from deepeyes.core.errors import DeepEyesError
from deepeyes.core.trace import Trace
from deepeyes.core.verdict import Outcome
from deepeyes.eval.run import run_plan
from deepeyes.eval.world import WorldPlan
from deepeyes.view.page import write_page
from deepeyes.view.visible import visible_line

app = typer.Typer(add_completion=False)

FAMILIES = ("tiny", "direct")
_NEEDED = 7 / 8
_MARKS = {
    Outcome.right: "[green]right[/]",
    Outcome.wrong: "[red]wrong[/]",
    Outcome.unsure: "[yellow]unsure[/]",
}


class TooFewRight(DeepEyesError):
    """The model answered worse than the demonstration promises."""

    exit_code = 9


@app.command()
def demo(
    n: int = typer.Option(8, "--n", "-n", min=8, help="How many questions."),
    seed: int = typer.Option(0, help="Another seed draws other questions."),
    split: str = typer.Option("test", help="validation or test."),
    model: str = typer.Option("nano", help="As in `deepeyes ask`."),
    out: Path = typer.Option(Path("runs/demo"), help="Folder for traces and page."),
) -> None:
    """Ask held-out questions about images, show how each was answered, and write a page about it."""
    console = Console(highlight=False)
    plan = WorldPlan(families=FAMILIES, split=split, seed=seed, n=n, model=model).checked()
    console.print(f"Loading [bold]{escape(model)}[/] and the sandbox ...")
    traces = run(_ask(plan, out, console), f"finished episodes are in {out}")
    right = sum(trace.is_right for trace in traces)
    for family in FAMILIES:
        its = [trace for trace in traces if trace.task.family == family]
        used = sum(bool(trace.tool_turns) for trace in its)
        good = sum(trace.is_right for trace in its)
        console.print(f"  {family}: {good} of {len(its)} right, {used} with a look through code")
    page = write_page(out, title="Demo: held-out questions")
    console.print(f"[bold]{right} of {len(traces)} right.[/] Every step of it: {escape(str(page))}")
    if right < _NEEDED * len(traces):
        raise TooFewRight(f"only {right} of {len(traces)} are right", "look at the page for what went wrong")


async def _ask(plan: WorldPlan, out: Path, console: Console) -> list[Trace]:
    async with plan.open(note) as agent:
        return await run_plan(
            plan,
            agent,
            out,
            concurrency=1,
            fresh=True,
            on_done=lambda trace: console.print(_line(trace), soft_wrap=True),
        )


def _line(trace: Trace) -> str:
    """Right, wrong or unsure, question, answer, what it should have been, tools used."""
    mark = _MARKS[trace.verdict.outcome] if trace.verdict is not None else "[yellow]not scored[/]"
    answer = "(none)" if trace.answer is None else visible_line(trace.answer, 24)
    should = "" if trace.is_right else f" (it is {trace.task.answer})"
    looks = len(trace.tool_turns)
    how = f"looked {looks}x with code" if looks else "at once"
    question = escape(visible_line(trace.task.question, 52))
    said = f"[bold]{escape(answer)}[/]{escape(should)}"
    return f"  {mark}  {question}  {said}  [dim]{how}, {trace.seconds:.1f} s[/]"
