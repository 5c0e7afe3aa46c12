"""We-Math (arXiv:2407.01284): problems of several steps beside each of their steps.

What always holds: a problem counts only with all of its steps. Right in the whole and in every step is full
mastery, right in the steps and wrong in the whole half of it; right in the whole and wrong in steps is learnt
by rote, and counts for nothing where any step is wrong (strict) or where all of them are (loose).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields, letter_form, right_letter, with_options
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import mean, together

_STEPS = {"2steps_multi": 2, "3steps_multi": 3}
_NO_GENERALISATION = 0.5


class WeMath(RowsPlan):
    about: ClassVar[About] = About(
        name="we_math",
        title="We-Math",
        paper="arXiv:2407.01284",
        hub=Hub("We-Math/We-Math", split="testmini"),
        n=1740,
        licence="see its page",
        required=("ID", "question", "option", "answer", "image_path|image", "key"),
        optional=("split", "knowledge concept", "question number", "knowledge concept description"),
        images=("image_path|image",),
        official="score over 525 problems of several steps, strict and loose",
    )

    def task(self, row: Fields) -> Task:
        options, key, problem = row.options("option"), row.text("key"), row.text("ID")
        return Task(
            id=f"{problem}/{key}",
            question=with_options(row.text("question"), options),
            answer=right_letter(row.text("answer"), options),
            answer_form=letter_form(options),
            kind=key,
            group=problem,
            tags=tuple(filter(None, (row.maybe("knowledge concept"),))),
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        problems = {key: found for key, its in together(traces).items() if (found := _whole(its))}
        strict = [_score(whole, all(steps), steps) for whole, steps in problems.values()]
        loose = [_score(whole, any(steps), steps) for whole, steps in problems.values()]
        groups = [group for group, _ in problems]
        return mean("score_strict", strict, groups) | mean("score_loose", loose, groups)


def _whole(traces: Sequence[Trace]) -> tuple[bool, list[bool]] | None:
    """Whether the whole problem and each of its steps is right; None where one is missing."""
    right = {trace.task.kind: trace.is_right for trace in traces}
    for key, steps in _STEPS.items():
        names = [key.replace("multi", str(step)) for step in range(1, steps + 1)]
        if key in right and all(name in right for name in names):
            return right[key], [right[name] for name in names]
    return None


def _score(whole: bool, mastered: bool, steps: Sequence[bool]) -> float:
    return float(mastered) if whole else _NO_GENERALISATION * all(steps)
