"""MathVerse (arXiv:2403.14624): one problem in up to six versions, with less and less of it in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from deepeyes.core.answers import AnswerForm
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.data.stages.prepare.choices import split_choices
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields, letter_form, right_letter
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import accuracy

_IN_IMAGE = "Solve the problem that is written in the image."


class MathVerse(RowsPlan):
    about: ClassVar[About] = About(
        name="mathverse",
        title="MathVerse",
        paper="arXiv:2403.14624",
        hub=Hub("CaraJ/MathVerse-lmmseval", split="testmini", config="testmini"),
        n=3940,
        licence="see its page",
        required=("question", "answer", "question_type", "problem_version", "image"),
        optional=("sample_index", "problem_index", "question_for_eval", "query_wo", "query_cot", "metadata"),
        official="mean accuracy over the versions with an image; GPT-4 takes answers out and compares them",
        note="--set version='Vision Only' asks one version",
    )

    version: str = ""
    """A value of the column problem_version, such as "Text Lite"; empty for all with an image."""

    def asked(self, row: Fields) -> Iterable[Task]:
        version = row.text("problem_version")
        wanted = version == self.version if self.version else version != "Text Only"
        return (self.task(row),) if wanted else ()

    def task(self, row: Fields) -> Task:
        answer = row.text("answer")
        lettered = row.text("question_type") == "multi-choice"
        options = split_choices(row.maybe("question_for_eval|question"))[1] if lettered else ()
        asks = "Answer with the letter of the right option." if lettered else "Answer as briefly as possible."
        return Task(
            id=row.maybe("sample_index") or f"row-{row.number}",
            question=f"{row.maybe('question') or _IN_IMAGE}\n{asks}",
            answer=right_letter(answer, options) if lettered else answer,
            answer_form=letter_form(options) if lettered else AnswerForm(),
            kind=row.text("problem_version"),
            group=row.maybe("problem_index"),
            tags=tuple(filter(None, (row.maybe("metadata.subject"),))),
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        return accuracy("mean_over_versions", traces)
