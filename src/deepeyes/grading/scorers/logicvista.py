"""LogicVista: the letters that GPT-4 read out of a reply, sorted, must be the reference's.

Of replies that are bare letters this scorer needs no GPT-4; of others it is unsure.
"""

from __future__ import annotations

import re

from deepeyes.core.task import Task
from deepeyes.grading.scorers.scorer import Scorer

_LETTERS = re.compile(r"[A-Za-z0-9](?:, [A-Za-z0-9])*")
_NONE = "zzzzz"
"""What GPT-4 was told to say where nothing was chosen."""


def _take(_task: Task, reply: str) -> str | None:
    spoken = reply.split("ASSISTANT:")
    text = (spoken[1] if len(spoken) > 1 else reply).strip()
    if not text:
        return ""
    if len(text) == 1 and not text.isnumeric() and text.lower() not in "abcde":
        return _NONE
    return text if _LETTERS.fullmatch(text) else None


def _same(task: Task, taken: str) -> bool:
    return sorted(taken.lower().split(", ")) == sorted(task.answer.lower().split(", "))


LOGICVISTA = Scorer(
    name="logicvista",
    source="Yijia-Xiao/LogicVista @ e5795f1 eval/extract_accuracy.py; arXiv:2407.04973",
    take=_take,
    same=_same,
    known_faults=(
        "A question without a reference is answered right by an empty reply.",
        "A letter that is said twice is wrong.",
        "GPT-4 may infer a letter that the reply does not name.",
    ),
)
