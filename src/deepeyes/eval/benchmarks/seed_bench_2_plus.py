"""SEED-Bench-2-Plus (arXiv:2404.16790): charts, maps and web pages full of text, four options."""

from __future__ import annotations

from typing import ClassVar

from deepeyes.core.task import Task
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields, letter_form, right_letter, with_options
from deepeyes.eval.benchmarks.rows import RowsPlan

_CHOICES = tuple(f"choice_{letter}|choice_{letter.lower()}|{letter}" for letter in "ABCD")


class SeedBench2Plus(RowsPlan):
    about: ClassVar[About] = About(
        name="seed_bench_2_plus",
        title="SEED-Bench-2-Plus",
        paper="arXiv:2404.16790",
        hub=Hub("doolayer/SEED-Bench-2-Plus"),
        n=2277,
        licence="see its page",
        required=("question", "image", "answer", *_CHOICES[:2]),
        optional=(*_CHOICES[2:], "question_image_type|category", "question_id|index"),
        scorer="seed_bench_2_plus",
        note="the published rule reads the first character of a reply",
    )

    def task(self, row: Fields) -> Task:
        options = tuple(filter(None, map(row.maybe, _CHOICES)))
        return Task(
            id=row.maybe("question_id|index") or f"row-{row.number}",
            question=with_options(row.text("question"), options),
            answer=right_letter(row.text("answer"), options),
            answer_form=letter_form(options),
            kind=row.maybe("question_image_type|category"),
        )
