"""ChartQA (arXiv:2203.10244): questions about charts, half of them written by people."""

from __future__ import annotations

from typing import ClassVar

from deepeyes.core.task import Task
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.rows import RowsPlan


class ChartQA(RowsPlan):
    about: ClassVar[About] = About(
        name="chartqa",
        title="ChartQA",
        paper="arXiv:2203.10244",
        hub=Hub("lmms-lab-encoder/ChartQA"),
        n=2500,
        licence="see its page",
        required=("question|query", "answer|label", "image"),
        optional=("type|human_or_machine", "index"),
        scorer="chartqa",
        official="relaxed accuracy: numbers within 5 %",
    )

    def task(self, row: Fields) -> Task:
        first, *others = row.texts("answer|label") or ("",)
        return Task(
            id=row.maybe("index") or f"row-{row.number}",
            question=f"{row.text('question|query')}\nAnswer with a number or a few words and nothing else.",
            answer=first,
            answers=tuple(others),
            kind=row.maybe("type|human_or_machine"),
        )
