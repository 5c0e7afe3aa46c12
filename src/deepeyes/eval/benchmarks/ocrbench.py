"""OCRBench (arXiv:2305.07895): reading text in images, with a score out of a thousand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import accuracy


class OCRBench(RowsPlan):
    about: ClassVar[About] = About(
        name="ocrbench",
        title="OCRBench",
        paper="arXiv:2305.07895",
        hub=Hub("echo840/OCRBench"),
        n=1000,
        licence="see its page",
        required=("question", "answer", "image"),
        optional=("dataset", "question_type|category", "index"),
        scorer="ocrbench",
        official="how many of 1,000 are right",
        note="harnesses differ in full-width letters: --set grading.scorer=ocrbench_folded is the other rule",
    )

    def task(self, row: Fields) -> Task:
        first, *others = row.texts("answer") or ("",)
        return Task(
            id=row.maybe("index") or f"row-{row.number}",
            question=row.text("question"),
            answer=first,
            answers=tuple(others),
            kind=row.maybe("question_type|category"),
            meta={"dataset": row.maybe("dataset")},
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        return accuracy("ocrbench_score", traces, times=1000)
