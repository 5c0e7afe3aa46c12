"""Right or wrong by rule: the answer equals the reference once both are written the same way.

No network, no model, no guessing. What always holds: grading is symmetric in notation (case, outer
punctuation, a leading article, number words up to twenty, thousands separators, `\\boxed{}`), never in
content: "007" is not "7", "-5" is not "5", and a sentence that merely contains the answer is not the
answer.
"""

from __future__ import annotations

from deepeyes.core.errors import InputError
from deepeyes.core.task import Task
from deepeyes.core.verdict import Verdict
from deepeyes.grading.notation import canonical


def grade(task: Task, answer: str | None) -> Verdict:
    """1 if `answer` equals the task's answer or an accepted alternative, else 0.

    Raises `InputError` for a task without a reference answer: there is nothing to compare with.
    """
    accepted = [text for text in (task.answer, *task.answers) if text.strip()]
    if not accepted:
        raise InputError(f"task {task.id} has no reference answer", "give it an answer, or do not grade it")
    if answer is None or not answer.strip():
        return Verdict(score=0.0, reason="no answer")
    given = canonical(answer)
    for reference in accepted:
        if given == canonical(reference):
            return Verdict(score=1.0, reason=f"equals {reference!r}")
    return Verdict(score=0.0, reason=f"expected {accepted[0]!r}")
