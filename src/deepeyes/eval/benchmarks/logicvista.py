"""LogicVista (arXiv:2407.04973): puzzles in images, of whose options several may be right."""

from __future__ import annotations

from typing import ClassVar

from deepeyes.core.task import Task
from deepeyes.data.stages.prepare.choices import split_choices
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields, letter_form
from deepeyes.eval.benchmarks.rows import RowsPlan


class LogicVista(RowsPlan):
    about: ClassVar[About] = About(
        name="logicvista",
        title="LogicVista",
        paper="arXiv:2407.04973",
        hub=Hub("lscpku/LogicVista"),
        n=448,
        licence="Apache-2.0",
        required=("question", "answer", "image"),
        optional=("skill", "question_id|id|index"),
        scorer="logicvista",
        official="accuracy of sets of letters, which GPT-4 reads out of a reply",
        note="a few rows have no answer: leave them out with --set skip=true",
    )

    def task(self, row: Fields) -> Task:
        question = row.text("question")
        return Task(
            id=row.maybe("question_id|id|index") or f"row-{row.number}",
            question=f"{question}\nAnswer with the letter or letters of all right options.",
            answer=", ".join(row.texts("answer")),
            answer_form=letter_form(split_choices(question)[1], several=True),
            kind=", ".join(row.texts("skill")),
        )
