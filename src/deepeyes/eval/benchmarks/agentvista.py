"""AgentVista (arXiv:2602.23166): long tasks about several images that want tools of all kinds."""

from __future__ import annotations

from typing import ClassVar

from deepeyes.core.task import Task
from deepeyes.data.sources.tags import name_images
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.rows import RowsPlan


class AgentVista(RowsPlan):
    about: ClassVar[About] = About(
        name="agentvista",
        title="AgentVista",
        paper="arXiv:2602.23166",
        hub=Hub("Warrieryes/AgentVista", split="train"),
        n=209,
        licence="see its page",
        required=("question", "images|image", "solution|answer"),
        optional=("question_id|id", "category|domain"),
        images=("images|image",),
        official="accuracy by GPT-4 as judge",
        searches=True,
    )

    def task(self, row: Fields) -> Task:
        many = row.count("images|image")
        first, *others = row.texts("solution|answer") or ("",)
        return Task(
            id=row.maybe("question_id|id") or f"row-{row.number}",
            question=name_images(row.text("question"), many, composite=True),
            answer=first,
            answers=tuple(others),
            kind=row.maybe("category|domain"),
        )
