"""MathVista (arXiv:2310.02255): mathematics in figures, plots and photographs; choices, numbers and lists."""

from __future__ import annotations

from typing import ClassVar

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.task import Task
from deepeyes.data.item import Unusable
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields, with_options
from deepeyes.eval.benchmarks.rows import RowsPlan

_KINDS = {
    "integer": AnswerKind.number,
    "float": AnswerKind.number,
    "list": AnswerKind.list,
    "text": AnswerKind.text,
}


class MathVista(RowsPlan):
    about: ClassVar[About] = About(
        name="mathvista",
        title="MathVista",
        paper="arXiv:2310.02255",
        hub=Hub("AI4Math/MathVista", split="testmini"),
        n=1000,
        licence="CC BY-SA 4.0, for tests only",
        required=("question", "decoded_image|image", "answer", "question_type", "answer_type"),
        optional=("pid", "choices", "unit", "precision", "metadata", "query"),
        images=("decoded_image|image",),
        scorer="mathvista",
        official="accuracy by rule on what GPT-4 took out of a reply",
        note="--set grading.scorer=mathvista_2023 is the rule that the committed results were made with",
    )

    def task(self, row: Fields) -> Task:
        question, answer = row.text("question"), row.text("answer")
        form = self._form(row)
        if form.options:
            question = with_options(question, form.options)
            if answer not in form.options:
                raise Unusable("answer_not_an_option", f"the answer {answer[:60]!r} is not among the choices")
        else:
            question = f"{question}\n{_asked_for(form)}"
        return Task(
            id=row.maybe("pid") or f"row-{row.number}",
            question=question,
            answer=answer,
            answer_form=form,
            kind=row.maybe("metadata.task"),
            tags=row.texts("metadata.skills"),
        )

    def _form(self, row: Fields) -> AnswerForm:
        if row.text("question_type") == "multi_choice":
            options = row.options("choices")
            if not options:
                raise Unusable("no_options", "a question of type multi_choice has no choices")
            return AnswerForm(kind=AnswerKind.letter, options=options)
        kind = row.text("answer_type")
        if kind not in _KINDS:
            raise Unusable("wrong_type", f"the answer type is {kind[:40]!r}, none of {', '.join(_KINDS)}")
        precision = row.maybe("precision") if kind == "float" else ""
        return AnswerForm(
            kind=_KINDS[kind],
            precision=int(float(precision)) if precision else None,
            unit=row.maybe("unit") if _KINDS[kind] is AnswerKind.number else "",
        )


def _asked_for(form: AnswerForm) -> str:
    unit = f" in {form.unit}" if form.unit else ""
    if form.kind is AnswerKind.list:
        return "Answer with a list in square brackets, such as [1, 2], and nothing else."
    if form.kind is AnswerKind.text:
        return "Answer with a few words and nothing else."
    if form.precision is None:
        return f"Answer with a whole number{unit} and nothing else."
    return f"Answer with a number{unit}, to {form.precision} decimal places, and nothing else."
