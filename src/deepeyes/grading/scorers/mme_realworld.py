"""MME-RealWorld: the first capital from A to E that is left when set phrases are taken out."""

from __future__ import annotations

import re

from deepeyes.core.task import Task
from deepeyes.grading.scorers.scorer import Scorer, reference_letter

_PHRASES = (
    "The best answer is",
    "The correct answer is",
    "The answer is",
    "The answer",
    "The best option is",
    "The correct option is",
    "Best answer:",
    "Best option:",
)
_CAPITAL = re.compile(r"[ABCDE]")
_SHORT = 10


def _take(_task: Task, reply: str) -> str:
    text = reply.strip()
    for phrase in _PHRASES:
        text = text.replace(phrase, "")
    if capital := _CAPITAL.search(text):
        return capital[0]
    if len(text.split()) > _SHORT:
        return ""
    return next((each for each in "ABCDE" if text.lower() in f"({each.lower()})"), "")


def _same(task: Task, taken: str) -> bool:
    return taken.lower() == reference_letter(task).lower()


MME_REALWORLD = Scorer(
    name="mme_realworld",
    source="EvolvingLMMs-Lab/lmms-eval @ 75571cf lmms_eval/tasks/mme_realworld/utils.py; arXiv:2408.13257",
    take=_take,
    same=_same,
    known_faults=(
        'The first capital from A to E counts wherever it stands: "Based on the image" is B.',
        "An empty reply is A.",
    ),
)
