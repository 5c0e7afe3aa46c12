"""BrowseComp-VL (arXiv:2508.05748): questions about an image that take many searches, on two levels."""

from __future__ import annotations

from typing import ClassVar

from deepeyes.core.task import Task
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.rows import RowsPlan


class BrowseCompVL(RowsPlan):
    about: ClassVar[About] = About(
        name="browsecomp_vl",
        title="BrowseComp-VL",
        paper="arXiv:2508.05748",
        hub=Hub("", split="bc_vl_level1", page="https://github.com/Alibaba-NLP/DeepResearch"),
        n=199,
        licence="Apache-2.0",
        required=("question", "image_path|image|images", "answers|answer"),
        optional=("id", "domain"),
        images=("image_path|image|images",),
        official="accuracy by a judge against the first reference",
        searches=True,
        note="--set split=bc_vl_level2 asks the other 200",
    )

    def task(self, row: Fields) -> Task:
        first, *others = row.texts("answers|answer") or ("",)
        return Task(
            id=row.maybe("id") or f"row-{row.number}",
            question=row.text("question"),
            answer=first,
            answers=tuple(others),
            kind=row.maybe("domain"),
        )
