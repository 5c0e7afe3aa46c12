"""DynaMath (arXiv:2411.00836): each question in ten variants, so that one can see who is right every time.

What always holds: the variants of a question are one group, and the worst case counts only questions with all
variants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.data.stages.prepare.choices import split_choices
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import BY_LETTER, Fields, letter_form, right_letter
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import accuracy, all_right

_NUMBER, _LETTER = "float", "multiple choice"


class DynaMath(RowsPlan):
    about: ClassVar[About] = About(
        name="dynamath",
        title="DynaMath",
        paper="arXiv:2411.00836",
        hub=Hub("kcz358/DynaMath", revision="c72be604052511aa6f2e94164139f8a2e801bd33"),
        n=5010,
        licence="see its page",
        required=("question", "decoded_image|image", "ground_truth|answer", "question_id|qid", "id|varid"),
        optional=("answer_type", "subject", "level|knowledge_level"),
        images=("decoded_image|image",),
        official="accuracy, and worst case: the share of questions that are right in all ten variants",
        note="our rules decide; the published one (--set grading.scorer=dynamath) calls empty texts right",
    )

    variants: int = 10
    """Of a question; the worst case is over all of them."""

    def task(self, row: Fields) -> Task:
        question, answer, kind = (
            row.text("question"),
            row.text("ground_truth|answer"),
            row.maybe("answer_type"),
        )
        options = split_choices(question)[1]
        form, asks = AnswerForm(), "Answer as briefly as possible."
        if kind == _LETTER or (not kind and options):
            answer, form, asks = right_letter(answer, options), letter_form(options), BY_LETTER
        elif kind == _NUMBER:
            form, asks = AnswerForm(kind=AnswerKind.number), "Answer with a number, to three decimal places."
        group = row.text("question_id|qid")
        return Task(
            id=f"{group}/{row.text('id|varid')}",
            question=f"{question}\n{asks}",
            answer=answer,
            answer_form=form,
            kind=row.maybe("subject"),
            group=group,
            tags=row.texts("level|knowledge_level"),
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        return accuracy("average", traces) | all_right("worst_case", traces, self.variants)
