"""ZeroBench (arXiv:2502.09696): a hundred questions that no model could answer when they were published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import matches


class ZeroBench(RowsPlan):
    about: ClassVar[About] = About(
        name="zerobench",
        title="ZeroBench",
        paper="arXiv:2502.09696",
        hub=Hub("jonathan-roberts1/zerobench", split="zerobench"),
        n=100,
        licence="see its page",
        required=("question_text", "question_images_decoded|question_images", "question_answer"),
        optional=("question_id",),
        images=("question_images_decoded|question_images",),
        official="exact match of the answer",
    )

    def task(self, row: Fields) -> Task:
        return Task(
            id=row.maybe("question_id") or f"row-{row.number}",
            question=f"{row.text('question_text')}\nGive only the answer at the end.",
            answer=row.text("question_answer"),
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        return matches(traces)
