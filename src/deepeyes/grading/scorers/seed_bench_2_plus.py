"""SEED-Bench-2-Plus: the first character of the reply."""

from __future__ import annotations

from deepeyes.core.task import Task
from deepeyes.grading.scorers.scorer import Scorer, reference_letter


def _take(_task: Task, reply: str) -> str:
    return reply.strip()[:1]


def _same(task: Task, taken: str) -> bool:
    return taken.lower() == reference_letter(task).lower()


SEED_BENCH_2_PLUS = Scorer(
    name="seed_bench_2_plus",
    source="EvolvingLMMs-Lab/lmms-eval @ 75571cf lmms_eval/tasks/seedbench_2_plus/utils.py; arXiv:2404.16790",
    take=_take,
    same=_same,
    known_faults=(
        'The first character counts: "Based on the map" is B, "(B)" and "**B**" are wrong.',
        "An empty reply is right where the reference is empty.",
    ),
)
