"""MathVision (arXiv:2402.14804): mathematics from competitions, with options or with a number to find."""

from __future__ import annotations

import re
from typing import ClassVar

from deepeyes.core.answers import AnswerForm
from deepeyes.core.task import Task
from deepeyes.data.sources.tags import name_images
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields, letter_form, right_letter, with_options
from deepeyes.eval.benchmarks.rows import RowsPlan

_PART = re.compile(r"<image(\d+)>")


class MathVision(RowsPlan):
    about: ClassVar[About] = About(
        name="mathvision",
        title="MathVision",
        paper="arXiv:2402.14804",
        hub=Hub("MathLLMs/MathVision", split="testmini"),
        n=304,
        licence="MIT",
        required=("question", "answer", "options", "decoded_image|image"),
        optional=("id", "level", "subject"),
        images=("decoded_image|image",),
        scorer="mathv",
        note="--set split=test asks all 3,040",
    )

    def task(self, row: Fields) -> Task:
        question, options, answer = row.text("question"), row.options("options"), row.text("answer")
        if len(set(_PART.findall("".join((question, *options))))) > 1:
            question = f"{_parts_named(question)}\nThe image has parts with these labels."
            options = tuple(map(_parts_named, options))
        else:
            question = name_images(question, 1, composite=True)
        asks = with_options(question, options) if options else f"{question}\nAnswer as briefly as possible."
        return Task(
            id=row.maybe("id") or f"row-{row.number}",
            question=asks,
            answer=right_letter(answer, options) if options else answer,
            answer_form=letter_form(options) if options else AnswerForm(),
            kind=row.maybe("subject"),
            tags=tuple(f"level {level}" for level in row.texts("level")),
        )


def _parts_named(text: str) -> str:
    """Where a row has several tags its one image shows each part under its tag."""
    return _PART.sub(r"(part image\1)", text).strip()
