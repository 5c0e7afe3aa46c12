"""V*: the letter that the reply starts with, else the one that it states, brackets or sets apart."""

from __future__ import annotations

import re

from deepeyes.core.task import Task
from deepeyes.grading.scorers.scorer import Scorer, reference_letter

_PLACES = tuple(
    re.compile(place)
    for place in (
        r"^([A-D])",
        r"(?:ANSWER|CHOICE|OPTION)(?:\s+IS)?[\s:]+([A-D])",
        r"\(([A-D])\)",
        r"([A-D])\s*[.)\]]",
        r"(?:^|\s)([A-D])(?:\s|$)",
    )
)
_CAPITAL = re.compile(r"[A-D]")


def _take(_task: Task, reply: str) -> str:
    text = reply.strip().upper()
    for place in _PLACES:
        if found := place.search(text):
            return found[1]
    letters = _CAPITAL.findall(text)
    return letters[0] if len(letters) == 1 else ""


def _same(task: Task, taken: str) -> bool:
    return taken == reference_letter(task).upper()


VSTAR = Scorer(
    name="vstar",
    source="EvolvingLMMs-Lab/lmms-eval @ 75571cf lmms_eval/tasks/vstar_bench/utils.py; arXiv:2312.14135",
    take=_take,
    same=_same,
    known_faults=(
        'The first letter counts if it is a to d, in any word: "Based on the image" is B.',
        'The first letter of the word after "answer" or "option" counts: "the answer depends" is D.',
        "The only a, b, c or d of a reply counts, in whatever word it stands.",
    ),
)
