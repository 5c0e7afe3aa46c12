"""HR-Bench (arXiv:2408.15556): details of photographs of 4K and 8K, each question with its options in four
orders.

What always holds: the four orders of a question are one group, so their results are not taken for
independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, ClassVar

from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields, letter_form, right_letter, with_options
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import accuracy, all_right

_CYCLES = 4


class HRBench4K(RowsPlan):
    about: ClassVar[About] = About(
        name="hrbench_4k",
        title="HR-Bench 4K",
        paper="arXiv:2408.15556",
        hub=Hub("DreamMr/HR-Bench", split="hrbench_4k", config="hrbench_version_split"),
        n=800,
        licence="other (none is given)",
        required=("question", "answer", "image", "A", "B", "C", "D"),
        optional=("index", "category", "cycle_category"),
        official="mean accuracy over the four orders of the options; a model reads what is no letter",
    )

    def task(self, row: Fields) -> Task:
        question, options = row.text("question"), row.lettered("ABCD")
        same = "\n".join((question, row.maybe("category"), *sorted(options)))
        return Task(
            id=row.maybe("index") or f"row-{row.number}",
            question=with_options(question, options),
            answer=right_letter(row.text("answer"), options),
            answer_form=letter_form(options),
            kind=row.maybe("category"),
            group=sha256(same.encode()).hexdigest()[:16],
            meta={"cycle": row.maybe("cycle_category")},
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        cyclic = accuracy("mean_over_cycles", traces)
        return cyclic | all_right("right_in_all_cycles", traces, _CYCLES)


class HRBench8K(HRBench4K):
    about: ClassVar[About] = replace(
        HRBench4K.about,
        name="hrbench_8k",
        title="HR-Bench 8K",
        hub=replace(HRBench4K.about.hub, split="hrbench_8k"),
    )
