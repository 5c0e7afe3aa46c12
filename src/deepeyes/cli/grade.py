"""`deepeyes grade`: verdicts on a file of answers, with a table.

What always holds: stdout carries the table, or one JSON object, or with `--out -` the verdicts, and nothing
else; the file of verdicts is written whole or not at all.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from deepeyes.cli.judging import Judge, grading_of
from deepeyes.cli.progress import Steps
from deepeyes.cli.running import note, run
from deepeyes.core.errors import InputError
from deepeyes.core.files import replaced_file

if TYPE_CHECKING:
    from deepeyes.data.graded import Graded

app = typer.Typer(add_completion=False)

_EVERY = 256
"""Rows between two words about how far it is."""


@app.command()
def grade(
    file: Path = typer.Argument(help="JSON Lines, JSON, CSV, TSV or parquet; - reads JSON Lines from stdin."),
    out: Path | None = typer.Option(None, metavar="FILE", help="Write a verdict a line; - for stdout."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object instead of the table."),
    judge: Judge = [],
    cache: Path | None = typer.Option(None, metavar="FILE", help="Keep what judges say in this file."),
    scorer: str = typer.Option("", metavar="NAME", help="A published rule in place of ours."),
    answer: str = typer.Option("", metavar="COLUMN", help="What the model answered."),
    gold: str = typer.Option("", metavar="COLUMN", help="The reference: a text, a number, or a list."),
    id_: str = typer.Option("", "--id", metavar="COLUMN", help="The row's name."),
    kind: str = typer.Option("", metavar="COLUMN", help="The kind of answer."),
    options: str = typer.Option("", metavar="COLUMN", help="The texts of lettered options."),
    question: str = typer.Option("", metavar="COLUMN", help="The question, for judges."),
    separator: str = typer.Option("", metavar="TEXT", help="What separates references in one text."),
    person: str = typer.Option("", metavar="COLUMN", help="What people say of the answers, where they do."),
    skip: bool = typer.Option(False, "--skip", help="Leave out, and count, rows that cannot be graded."),
    concurrency: int = typer.Option(16, min=1, help="Answers that judges look at at once."),
) -> None:
    """Right, wrong or unsure: a verdict on each row, and a table by kind of answer."""
    from deepeyes.data.graded import grade_all
    from deepeyes.data.sources.numbered import numbered_rows
    from deepeyes.grading.columns import Columns
    from deepeyes.grading.grader import Grading

    if out is not None and out.exists() and file.exists() and out.samefile(file):
        raise InputError("--out is the file of answers", "write the verdicts to another file")
    settings = grading_of(judge, Grading.load(None, [f"scorer={json.dumps(scorer)}"]))
    settings = settings.model_copy(update={"cache": str(cache or "")})
    named = Columns(answer, gold, id_, kind, options, question, separator=separator, person=person)
    kept = "nothing was written"
    if judge:
        kept = f"what judges said is in {cache}" if cache else f"{kept}; give --cache FILE to go on"
    to_stdout = out is not None and str(out) == "-"
    with ExitStack() as stack:
        lines: Any = sys.stdout
        if out is not None and not to_stdout:
            part = stack.enter_context(replaced_file(out))
            lines = stack.enter_context(part.open("x", encoding="utf-8"))
        steps, counted = stack.enter_context(Steps()), 0

        def done(one: Graded) -> None:
            nonlocal counted
            counted += 1
            if counted % _EVERY == 0 or judge:
                steps.step("graded", counted, None)
            if out is not None:
                lines.write(one.line() + "\n")

        work = grade_all(
            numbered_rows(file), named, settings, done=done, tell=note, skip=skip, concurrency=concurrency
        )
        told = run(work, kept).told()
    if as_json:
        print(json.dumps(told, ensure_ascii=False), file=sys.stderr if to_stdout else sys.stdout)
    else:
        _print(told, Console(stderr=to_stdout))


def _print(told: dict[str, Any], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("kind", "n", "right", "wrong", "unsure", "right of decided", "95 %"):
        table.add_column(name, justify="left" if name == "kind" else "right", no_wrap=True)
    ours = [("all, by our rules", told["our_rules"])] if "our_rules" in told else []
    for kind, row in (*told["by_kind"].items(), ("all", told), *ours):
        decided = row["accuracy"] is not None
        low, high = (100 * end for end in row["ci95"])
        table.add_row(
            kind,
            *(f"{row[name]:,}" for name in ("n", "right", "wrong", "unsure")),
            f"{100 * row['accuracy']:.1f} %" if decided else "",
            f"{low:.1f}-{high:.1f}" if decided else "",
        )
    console.print(table)
    if told["judged"]:
        console.print(f"left to judges: {told['judged']:,}")
    for why, count in told["left_out"].items():
        console.print(f"left out: {count:,} ({why})")
