"""What Inspect keeps of a verdict, and the numbers that follow from it. Pure: no `inspect_ai` in here.

What always holds: a number is `analysis.summary`'s, with its interval and its n; samples of a task (Inspect's
epochs) and tasks of one group are not counted as independent; what nobody can decide makes the interval wider
and is never a zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deepeyes.analysis.summary import Row, summarise
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, trace_id
from deepeyes.core.verdict import Outcome, Verdict

TASK, VERDICT, ANSWER = "task", "verdict", "answer"
"""Keys in the metadata of Inspect's samples and scores."""

CORRECT, INCORRECT, NOANSWER = "C", "I", "N"
"""As Inspect writes them."""

_LETTERS = {Outcome.right: CORRECT, Outcome.wrong: INCORRECT, Outcome.unsure: NOANSWER}


def value_of(verdict: Verdict) -> str | float:
    """A verdict as Inspect's value: a letter, or the score itself where it is partial credit."""
    if verdict.score is not None and 0 < verdict.score < 1:
        return verdict.score
    return _LETTERS[verdict.outcome]


def traces_of(scored: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> list[Trace]:
    """Graded episodes out of the metadata of samples and of their scores. They have no turns: enough to count
    them.
    """
    seen: Counter[str] = Counter()
    traces: list[Trace] = []
    for sample, score in scored:
        task = Task.model_validate(sample[TASK])
        number = seen[task.id]
        seen[task.id] += 1
        traces.append(
            Trace(
                id=trace_id(task.id, number),
                task=task,
                sample=number,
                stop_reason=StopReason.answered,
                answer=score[ANSWER],
                verdict=Verdict.model_validate({k: v for k, v in score[VERDICT].items() if k != "outcome"}),
            )
        )
    return traces


def overall(traces: Sequence[Trace]) -> dict[str, float]:
    """The accuracy of all, and the mean score where there is partial credit."""
    summary = summarise(traces)
    told = _row("accuracy", summary.all)
    told["unsure"] = float(summary.all.undecided)
    if summary.score is not None and summary.score.value is not None:
        told |= {
            "score": summary.score.value,
            "score_low": summary.score.low,
            "score_high": summary.score.high,
        }
    return told


def labelled(traces: Sequence[Trace]) -> dict[str, float]:
    """The accuracy of each tag, and of each family where there are several."""
    summary = summarise(traces)
    rows = {f"tag_{name}": row for name, row in summary.tags.items()}
    if len(summary.families) > 1:
        rows |= {f"family_{name}": row for name, row in summary.families.items()}
    return {key: value for name, row in rows.items() for key, value in _row(name, row).items()}


def _row(name: str, row: Row) -> dict[str, float]:
    """Flat, as Inspect shows it; nothing of nothing."""
    if row.accuracy.value is None:
        return {f"{name}_n": 0.0}
    low, high = row.ci95
    return {name: row.accuracy.value, f"{name}_low": low, f"{name}_high": high, f"{name}_n": float(row.n)}
