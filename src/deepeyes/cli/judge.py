"""`deepeyes judge`: how far a judge can be trusted, before its scores are.

What always holds: stdout carries the tables (or one JSON object) and nothing else; with `--cache` what was
asked is kept, so the same command goes on.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from deepeyes.cli.progress import Steps
from deepeyes.cli.running import note, run
from deepeyes.cli.sampling import Temperature
from deepeyes.core.errors import InputError
from deepeyes.eval.judging import RULES, Measured, measure
from deepeyes.eval.people import Columns, PeoplesVerdict, read_verdicts
from deepeyes.grading.grader import Grading, open_judges
from deepeyes.grading.judge.prompt import PROMPT_VERSION
from deepeyes.view.visible import visible

app = typer.Typer(add_completion=False, help="Models that decide what rules leave open.")


@app.callback()
def _group() -> None:  # pyright: ignore[reportUnusedFunction]  # so that one verb is still a group's
    """Models that decide what rules leave open."""


@app.command()
def agreement(
    data: Path = typer.Option(help="JSON Lines of answers that people judged."),
    judge: list[str] = typer.Option([], metavar="MODEL", help="As in `deepeyes ask`. Repeatable."),
    votes: int = typer.Option(1, min=1, max=99, help="How often a judge is asked about one answer."),
    n: int = typer.Option(200, "--n", "-n", min=1, help="How many answers, drawn from all."),
    seed: int = typer.Option(0, help="Another seed draws other answers."),
    temperature: Temperature = 0.0,
    image: bool = typer.Option(False, "--image", help="Show the judges the images that the file names."),
    cache: Path | None = typer.Option(None, metavar="FILE", help="Keep what judges say in this file."),
    column: list[str] = typer.Option(
        [], metavar="KEY=NAME", help="Where question, gold, answer, correct, image, other are. Repeatable."
    ),
    concurrency: int = typer.Option(8, min=1, help="Answers in flight."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """How far judges, the rules, and both agree with people, and what else moves the judges."""
    if votes > 1 and temperature == 0:
        raise InputError("at temperature 0 all votes of a judge are the same", "give --temperature 0.7")
    settings = Grading.load(
        None,
        [
            f"judges={json.dumps(judge, ensure_ascii=False)}",
            f"votes={votes}",
            f"sampling.temperature={temperature}",
            f"sampling.seed={seed}",
            f"show_image={json.dumps(image)}",
        ],
    )
    settings.check_models()
    columns = Columns.named(column)
    read = read_verdicts(data, columns)
    drawn = random.Random(seed).sample(read.rows, min(n, len(read.rows)))
    kept = (
        f"what judges said is in {cache}; the same command goes on" if cache else "give --cache FILE to go on"
    )
    measured = run(_asked(settings, drawn, cache, concurrency), kept)
    about = {"data": str(data), "answers": len(read.rows), "left_out": read.left_out, "seed": seed}
    told = {**about, "prompt": PROMPT_VERSION, "votes": votes, **_told(measured, columns)}
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        _print(told)


async def _asked(
    settings: Grading, rows: list[PeoplesVerdict], cache: Path | None, concurrency: int
) -> Measured:
    async with open_judges(settings, cache=cache, tell=note) as judges:
        with Steps() as steps:
            steps.step("judging", done := 0, len(rows))

            def one_more() -> None:
                nonlocal done
                done += 1
                steps.step("judging", done, len(rows))

            return await measure(
                rows, judges, show_image=settings.show_image, concurrency=concurrency, on_done=one_more
            )


def _told(measured: Measured, columns: Columns) -> dict[str, Any]:
    rows = {name: found.told() for name, found in measured.agreements().items()}
    other = measured.other()
    if other is not None:
        rows[f"{columns.other} in the file"] = other.told()
    biases = {
        name: {
            "as_given": bias.plain.told(),
            "answer_first": bias.answer_first.told(),
            "padded": bias.padded.told(),
            "planted_wrong": bias.planted.told(),
            "no_verdict": bias.silent,
        }
        for name, bias in measured.biases().items()
    }
    return {"agreement": rows, "bias": biases, "findings": measured.findings()}


def _print(told: dict[str, Any]) -> None:
    console = Console()

    def say(sentence: str) -> None:
        console.print(visible(sentence), markup=False, highlight=False, soft_wrap=True)

    judges = list(told["bias"])
    short = {name: f"judge {number}" if len(judges) > 1 else "judge" for number, name in enumerate(judges, 1)}
    say(f"{told['data']}: {told['answers']} answers that people judged, {told['left_out']} left out")
    for name, label in short.items():
        say(f"{label}: {name}")
    short |= {f"{RULES} + {name}": f"{RULES} + {label}" for name, label in short.items()}
    table = _table("who decides", "n", "decided", "agrees", "95 %", "kappa", "false\ncredit", "missed")
    for name, row in told["agreement"].items():
        low, high = row["ci95"]
        table.add_row(
            short.get(name, visible(name)),
            str(row["n"]),
            _percent(row["decided"] / row["n"]),
            _percent(row["agreement"]),
            f"{100 * low:.1f}-{100 * high:.1f}" if row["decided"] else "",
            "" if row["kappa"] is None else f"{row['kappa']:.2f}",
            *(_percent(row[key] / row["n"]) for key in ("false_credit", "missed")),
        )
    console.print(table)
    if judges:
        console.print(_bias_table(told["bias"], short))
    for sentence in told["findings"]:
        say(sentence)


def _bias_table(biases: dict[str, Any], short: dict[str, str]) -> Table:
    table = _table("judge", "answers", "n", "says right", "changed")
    words = {"as_given": "as given", "answer_first": "before the reference", "padded": "in idle words"}
    for name, row in biases.items():
        for key, shown in words.items():
            probe = row[key]
            changed = "" if key == "as_given" else _percent(probe["changed"])
            table.add_row(short[name], shown, str(probe["n"]), _percent(probe["right"]), changed)
        planted = row["planted_wrong"]
        table.add_row(short[name], "planted, wrong", str(planted["n"]), _percent(planted["right"]), "")
    return table


def _table(*heads: str) -> Table:
    """Words on the left, numbers on the right."""
    table = Table(box=None, pad_edge=False)
    for name in heads:
        is_words = name in ("who decides", "judge", "answers")
        table.add_column(name, justify="left" if is_words else "right", no_wrap=is_words)
    return table


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"
