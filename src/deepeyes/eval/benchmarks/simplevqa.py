"""SimpleVQA (arXiv:2502.13059): short facts about images, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import matches


class SimpleVQA(RowsPlan):
    about: ClassVar[About] = About(
        name="simplevqa",
        title="SimpleVQA",
        paper="arXiv:2502.13059",
        hub=Hub("m-a-p/SimpleVQA"),
        n=2024,
        licence="see its page",
        required=("question", "answer", "image"),
        optional=("data_id|index", "language", "original_category", "vqa_category", "source"),
        official="accuracy by a judge that also knows `not attempted`; one harness takes exact match",
        searches=True,
        note="agents report 300 or 1,013 English questions: --set language=EN",
    )

    language: str = ""
    """EN or CN as in the column; empty for both."""

    def asked(self, row: Fields) -> Iterable[Task]:
        wanted = not self.language or row.maybe("language").upper() == self.language.upper()
        return (self.task(row),) if wanted else ()

    def task(self, row: Fields) -> Task:
        first, *others = row.texts("answer") or ("",)
        return Task(
            id=row.maybe("data_id|index") or f"row-{row.number}",
            question=row.text("question"),
            answer=first,
            answers=tuple(others),
            kind=row.maybe("vqa_category|original_category"),
            tags=tuple(filter(None, (row.maybe("language"),))),
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        return matches(traces)
