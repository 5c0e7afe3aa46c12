"""ChartQA: numbers within 5 % of the reference, everything else equal but for case."""

from __future__ import annotations

from deepeyes.core.task import Task
from deepeyes.grading.scorers.scorer import Scorer, everything

_TOLERANCE = 0.05


def _same(task: Task, taken: str) -> bool:
    given, expected = _number(taken), _number(task.answer)
    if given is not None and expected:
        return abs(given - expected) / abs(expected) <= _TOLERANCE
    return taken.lower() == task.answer.lower()


def _number(text: str) -> float | None:
    """The number, a percentage as its hundredth; None if the text is none."""
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


CHARTQA = Scorer(
    name="chartqa",
    source="EvolvingLMMs-Lab/lmms-eval @ 75571cf lmms_eval/tasks/chartqa/utils.py; arXiv:2203.10244",
    take=everything,
    same=_same,
    known_faults=(
        "Years and counts are numbers like others: 1990 is right where 2010 is asked.",
        'A reference of zero is compared as text: "0.0" is wrong where 0 is asked.',
        'Thousands commas, units and currency signs are not read: "1,000" is wrong where 1000 is asked.',
        '"50%" is 0.5, and so wrong where 50 is asked.',
        "A full stop, a blank at the end or a sentence around the answer makes it wrong.",
    ),
)
