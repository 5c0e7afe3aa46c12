"""MMSearch (arXiv:2409.12959): news and rare knowledge, asked with an image or without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import token_f1


class MMSearch(RowsPlan):
    about: ClassVar[About] = About(
        name="mmsearch",
        title="MMSearch",
        paper="arXiv:2409.12959",
        hub=Hub("CaraJ/MMSearch", split="end2end", config="end2end"),
        n=300,
        licence="see its page",
        required=("query", "query_image", "gt_answer"),
        optional=(
            "sample_id",
            "alternative_gt_answers",
            "area",
            "subfield",
            "timestamp",
        ),
        images=("query_image",),
        official="F1 of words with the best reference; agents report a judge's accuracy on 171 with an image",
        searches=True,
        needs_image=False,
        note="129 questions have no image, and papers seldom say which they asked",
    )

    def task(self, row: Fields) -> Task:
        answer = row.text("gt_answer")
        others = row.texts("alternative_gt_answers")
        return Task(
            id=row.maybe("sample_id") or f"row-{row.number}",
            question=row.text("query"),
            answer=answer,
            answers=tuple(other for other in others if other != answer),
            kind=row.maybe("subfield"),
            tags=tuple(filter(None, (row.maybe("area"),))),
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        return token_f1(traces)
