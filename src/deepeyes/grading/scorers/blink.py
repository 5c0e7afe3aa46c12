"""BLINK: the one letter in brackets that the reply, or its last paragraph, names; else GPT-3.5 is asked."""

from __future__ import annotations

from deepeyes.core.task import Task
from deepeyes.grading.scorers.scorer import Scorer, letter, reference_letter

_MOST = 5


def _take(task: Task, reply: str) -> str | None:
    letters = [letter(position) for position in range(_MOST)]
    if reply in letters:
        return f"({reply})"
    bracketed = [f"({each})" for each in letters]
    if reply in bracketed:
        return reply
    choices = set(bracketed[: len(task.answer_form.options) or _MOST])
    named = choices.intersection(reply.split())
    last = choices.intersection(reply.split("\n\n")[-1].split())
    for found in (last, named):
        if len(found) == 1:
            return found.pop()
    return None


def _same(task: Task, taken: str) -> bool:
    return taken == f"({reference_letter(task)})"


BLINK = Scorer(
    name="blink",
    source="zeyofu/BLINK_Benchmark @ 2d6a779 eval/test_benchmark.py, eval/evaluate.py; arXiv:2404.12390",
    take=_take,
    same=_same,
    known_faults=(
        'A letter counts only in brackets and with blanks around it: "(B)." and "**(B)**" are not read.',
        "Where the rule reads nothing, GPT-3.5 says what the reply meant, and its word is compared as it is.",
        "The only letter that a reply mentions counts, also where the reply rejects it.",
    ),
)
