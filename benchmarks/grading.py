"""How right grading by rule is: `python -m benchmarks.grading --data DIR`.

It is measured against the verdicts of benchmarks and of people. DIR holds the files that
`benchmarks/verdict_rows.py` reads; a file that is not there is named and its set skipped. With --json one
object is printed:

- `sets`: `grade` on the whole reply: rules and maths alone, no judge. `decided` is the share of rows that it
  calls right or wrong, `agreement` the share of the decided that the verdict agrees with, `false_credit` the
  share of all rows that it calls right and the verdict wrong, `missed` the share of all rows that it calls
  wrong and the verdict right, `found` the share of what the verdict calls right that it calls right too. Each
  has its 95 % Wilson interval beside it. The facts (evouna, nq301) have `wrong_said`: how many rows it calls
  wrong although the answer is neither empty nor a refusal. `agreement_said` is agreement without such
  answers, because some published rules give a refusal an option, and it can be right. `*_extraction` is
  `grade` on what the benchmark took out of the reply.
- `scorers`: the published rules of `deepeyes.grading.scorers` against the committed verdicts: `equal` of `n`,
  which ids are `different`, and the `known_faults` of the rule. They are given what the benchmark took out of
  the reply, by rule, model or draw; `replies` is the same for whole replies, `left` of which the rule leaves
  to a model or to chance. `right_by_rule`, `right_by_grade` and `unsure_by_grade` set the rule beside ours.
- `speed`: verdicts a second of answers that were not seen before, on one core: of wall clock, and of the time
  that the processor gave (`*_cpu`), which a busy machine changes less; `references_cpu` is how many
  references are read a second, once each; `maths`: pairs a second, of wall clock.

Verdicts of a benchmark are its rule's, not the truth: an extractor that fails calls a right answer wrong.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.verdict_rows import SETS, VerdictRow, missing_files
from deepeyes.analysis.stats import share, wilson
from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.errors import DeepEyesError, InputError
from deepeyes.core.task import Task
from deepeyes.core.text import one_line
from deepeyes.core.verdict import Verdict
from deepeyes.grading.reference import reference_of
from deepeyes.grading.rules import grade
from deepeyes.grading.scorers.registry import scorer_named

FACTS = ("evouna", "nq301")
TALKED = ("mmmu_pro", "blink", "mathv", "mathvista", "logicvista")
SCORERS = {
    "mmmu_pro": "mmmu_pro",
    "blink": "blink",
    "mathv": "mathv",
    "mathvista": "mathvista",
    "mathvista_2023": "mathvista",
    "logicvista": "logicvista",
}
"""Published rule to the set whose verdicts it gave."""
NOTHING_SAID = ("no answer", "refused")
"""The reasons of a wrong that needs no reading of an answer."""
SAMPLE = 4_000
MATHS_SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Graded:
    """A row, the text that was graded and the verdict on it."""

    row: VerdictRow
    answer: str
    verdict: Verdict


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or that of the error that was printed."""
    options = _options(arguments)
    try:
        report, graded = measure(options.data, options.sets or list(SETS), options)
    except DeepEyesError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        _print(report, graded, options)
    return 0


def measure(
    folder: Path, names: Sequence[str], options: argparse.Namespace
) -> tuple[dict[str, Any], dict[str, list[Graded]]]:
    """The report, and what was graded by set. Raises `InputError` for a row that cannot be read."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", "give the folder of the verdict files with --data")
    absent = {name: missing_files(folder, name) for name in names}
    rows = {
        name: [row for row in SETS[name](folder) if options.half is None or _half(row) == options.half]
        for name in names
        if not absent[name]
    }
    report: dict[str, Any] = {
        "data": str(folder),
        "missing": sorted({file for files in absent.values() for file in files}),
    }
    if options.speed:  # first, while nothing was seen before
        report["speed"], report["maths"] = _speed(rows), _maths(rows)
    graded = {name: _graded(of, lambda row: row.response) for name, of in rows.items()}
    graded |= {
        f"{name}_extraction": _graded(of, lambda row: row.extraction)
        for name, of in rows.items()
        if name in TALKED
    }
    report["sets"] = {}
    for name, results in graded.items():
        report["sets"][name] = _figures(results, options.by_model)
        for group in sorted({result.row.group for result in results} - {""}):
            part = [result for result in results if result.row.group == group]
            report["sets"][f"{name}_{group}"] = _figures(part, options.by_model)
        if name in FACTS:
            report["sets"][name]["wrong_said"] = sum(
                result.verdict.is_wrong and not _said_nothing(result) for result in results
            )
    report["scorers"] = {name: _compared(name, graded[of]) for name, of in SCORERS.items() if of in graded}
    return report, graded


def _graded(rows: Iterable[VerdictRow], answer: Callable[[VerdictRow], str]) -> list[Graded]:
    return [Graded(row, answer(row), _verdict(row.task, answer(row))) for row in rows]


def _verdict(task: Task, answer: str) -> Verdict:
    """`grade`, or unsure where the task has no reference."""
    try:
        return grade(task, answer)
    except InputError as error:
        return Verdict(score=None, reason=str(error))


def _said_nothing(result: Graded) -> bool:
    """Whether the answer is empty, or a refusal as `grade` sees it."""
    return not result.answer.strip() or result.verdict.reason in NOTHING_SAID


def _compared(name: str, results: Sequence[Graded]) -> dict[str, Any]:
    """The published rule of that name against the verdicts committed with it, and our own beside it."""
    scorer = scorer_named(name)
    rows = [result.row for result in results]
    replies = {row.id: scorer.score(row.task, row.response) for row in rows}
    taken = {row.id: scorer.score_taken(row.task, row.extraction) for row in rows}
    return {
        "set": SCORERS[name],
        "source": scorer.source,
        **_against(rows, taken),
        "replies": _against(rows, replies),
        "right_by_rule": share(sum(row.correct for row in rows), len(rows)),
        "right_by_grade": share(sum(result.verdict.is_right for result in results), len(rows)),
        "unsure_by_grade": share(sum(result.verdict.is_unsure for result in results), len(rows)),
        "known_faults": scorer.known_faults,
    }


def _against(rows: Sequence[VerdictRow], verdicts: dict[str, Verdict]) -> dict[str, Any]:
    decided = [row for row in rows if not verdicts[row.id].is_unsure]
    different = [row.id for row in decided if verdicts[row.id].is_right != row.correct]
    return {
        "n": len(rows),
        "left": len(rows) - len(decided),
        "equal": len(decided) - len(different),
        "different": different,
    }


def _figures(results: Sequence[Graded], by_model: bool) -> dict[str, Any]:
    decided = [result for result in results if not result.verdict.is_unsure]
    right = [result for result in results if result.row.correct]
    said = [result for result in decided if not _said_nothing(result)]
    figures: dict[str, Any] = {"n": len(results)}
    for name, part, whole in (
        ("decided", decided, results),
        ("agreement", [it for it in decided if it.verdict.is_right == it.row.correct], decided),
        ("false_credit", [it for it in decided if it.verdict.is_right and not it.row.correct], results),
        ("missed", [it for it in decided if it.verdict.is_wrong and it.row.correct], results),
        ("found", [it for it in right if it.verdict.is_right], right),
        ("agreement_said", [it for it in said if it.verdict.is_right == it.row.correct], said),
    ):
        figures[name] = share(len(part), len(whole))
        figures[f"{name}_interval"] = wilson(len(part), len(whole))
        figures[f"{name}_rows"] = len(part)
    if by_model:
        figures["by_model"] = {
            model: _figures([it for it in results if it.row.model == model], False)
            for model in sorted({it.row.model for it in results} - {""})
        }
    return figures


def _speed(rows: dict[str, list[VerdictRow]]) -> dict[str, Any]:
    """Verdicts a second of answers to letter and number questions, each graded once, after the references
    were read: whoever samples a question several times reads its reference once.
    """
    chosen = [
        row
        for name in ("mmmu_pro", "blink", "mathvista", "logicvista")
        for row in rows.get(name, [])
        if row.task.answer_form.kind is not AnswerKind.list and row.task.answer.strip()
    ]
    chosen = sorted(chosen, key=lambda row: zlib.crc32(row.id.encode()))[:SAMPLE]
    pairs = {
        "bare": [(row.task, row.extraction) for row in chosen],
        "replies": [(row.task, row.response) for row in chosen],
    }
    start = time.process_time()
    for row in chosen:
        reference_of(row.task)
    references = len({row.task.id for row in chosen}) / (time.process_time() - start)
    speed: dict[str, Any] = {"n": len(chosen), "references_cpu": round(references, 1)}
    for name, of in pairs.items():
        start = time.process_time()
        speed[name] = _a_second(of)
        speed[f"{name}_cpu"] = round(len(of) / (time.process_time() - start), 1) if of else None
    return speed


def _maths(rows: dict[str, list[VerdictRow]]) -> dict[str, Any]:
    """Pairs a second, wall clock, of a LaTeX reference and what models answered; each pair once."""
    form = AnswerForm(kind=AnswerKind.maths)
    pairs = {
        (row.task.answer, row.extraction): row.task.model_copy(update={"answer_form": form})
        for row in rows.get("mathv", [])
        if row.group == "free" and "\\" in row.task.answer and row.extraction != row.task.answer
    }
    chosen = [(task, answer) for (_, answer), task in list(pairs.items())[: MATHS_SAMPLE + 1]]
    _a_second(chosen[:1])  # starts what algebra runs in
    return {"n": len(chosen[1:]), "pairs": _a_second(chosen[1:])}


def _a_second(pairs: Sequence[tuple[Task, str]]) -> float | None:
    start = time.perf_counter()
    for task, answer in pairs:
        grade(task, answer)
    seconds = time.perf_counter() - start
    return round(len(pairs) / seconds, 1) if pairs else None


def _half(row: VerdictRow) -> int:
    """0 or 1 by question, so that what was tuned on one half is checked on questions of the other."""
    return zlib.crc32(row.task.id.encode()) % 2


def _print(report: dict[str, Any], graded: dict[str, list[Graded]], options: argparse.Namespace) -> None:
    console = Console(width=max(180, shutil.get_terminal_size().columns))
    table = Table(title="grade against the verdicts (share of rows, 95 % interval)")
    for column in ("set", "n", "decided", "agreement", "false credit", "missed", "found", "wrong said"):
        table.add_column(column, justify="left" if column == "set" else "right")
    for name, figures in report["sets"].items():
        for label, of in [(name, figures), *((f"  {m}", f) for m, f in figures.get("by_model", {}).items())]:
            cells = [_cell(of, key) for key in ("decided", "agreement", "false_credit", "missed", "found")]
            table.add_row(label, f"{of['n']:,}", *cells, str(of.get("wrong_said", "")))
    console.print(table)
    for file in report["missing"]:
        console.print(f"{file} is missing: its set was skipped", markup=False)
    _print_scorers(console, report["scorers"])
    for name, results in graded.items():
        shown = [result for result in results if _to_show(result, options.what)]
        for result in shown[: options.show]:
            _print_one(console, name, result)
    for name in ("speed", "maths"):
        if name in report:
            console.print(f"{name}, a second: {report[name]}", markup=False)


def _print_scorers(console: Console, scorers: dict[str, Any]) -> None:
    table = Table(title="published rules against the verdicts committed with them")
    for column in ("rule", "n", "equal", "replies", "left", "equal", "right by rule", "by grade", "unsure"):
        table.add_column(column, justify="left" if column == "rule" else "right")
    for name, figures in scorers.items():
        counts = [
            figures["n"],
            figures["equal"],
            *(figures["replies"][key] for key in ("n", "left", "equal")),
        ]
        shares = [figures[key] for key in ("right_by_rule", "right_by_grade", "unsure_by_grade")]
        cells = [f"{count:,}" for count in counts] + ["-" if it is None else f"{it:.1%}" for it in shares]
        table.add_row(name, *cells)
    console.print(table)
    for name, figures in scorers.items():
        differ = figures["different"]
        if differ:
            console.print(f"{name} differs from the committed verdict of {', '.join(differ)}", markup=False)
        for fault in figures["known_faults"]:
            console.print(f"{name}: {fault}", markup=False)


def _cell(figures: dict[str, Any], name: str) -> str:
    if figures[name] is None:
        return "-"
    low, high = figures[f"{name}_interval"]
    return f"{figures[name]:.1%} ({low:.1%}-{high:.1%})"


def _to_show(result: Graded, what: str) -> bool:
    if what == "unsure":
        return result.verdict.is_unsure
    return not result.verdict.is_unsure and result.verdict.is_right != result.row.correct


def _print_one(console: Console, name: str, result: Graded) -> None:
    row, verdict = result.row, result.verdict
    said = "right" if row.correct else "wrong"
    console.print(f"\n{name} {row.id}: grade {verdict.outcome.value}, verdict {said}", markup=False)
    console.print(f"  reference {row.task.answer!r} {list(row.task.answer_form.options)}", markup=False)
    reply = row.response if len(row.response) <= 400 else f"{row.response[:150]} [...] {row.response[-250:]}"
    console.print(f"  reply     {one_line(reply, 420)!r}", markup=False)
    console.print(f"  taken out {row.extraction!r}", markup=False)
    console.print(f"  because   {verdict.reason} ({verdict.kind}: {verdict.given!r})", markup=False)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the verdict files")
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--set", dest="sets", action="append", choices=list(SETS), help="only this set")
    parser.add_argument("--by-model", action="store_true", help="also for each model")
    parser.add_argument("--half", type=int, choices=(0, 1), help="only this half of the questions")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print N rows of each set")
    parser.add_argument(
        "--what", choices=("disagreements", "unsure"), default="disagreements", help="which rows to show"
    )
    parser.add_argument("--no-speed", dest="speed", action="store_false", help="do not time anything")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
