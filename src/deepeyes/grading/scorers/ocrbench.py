"""OCRBench: a reference is contained in the reply, without regard to case; handwritten formulas without
blanks.

Two harnesses differ in one point: whether full-width letters and digits are the same as ordinary ones. A task
says with its `kind` or in `meta["dataset"]` that it is of HME100k, the formulas.
"""

from __future__ import annotations

from collections.abc import Callable

from deepeyes.core.task import Task
from deepeyes.grading.scorers.scorer import Scorer, everything

_FORMULAS = frozenset({"HME100k", "Handwritten Mathematical Expression Recognition"})
_FOLDED = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
"""Full-width ASCII and the ideographic blank to what they stand for."""


def _contains(fold: Callable[[str], str], task: Task, taken: str) -> bool:
    formula = task.kind in _FORMULAS or task.meta.get("dataset") in _FORMULAS

    def plain(text: str) -> str:
        text = fold(text).strip().replace("\n", " ")
        return text.replace(" ", "") if formula else text.lower()

    given = plain(taken)
    return any(plain(reference) in given for reference in (task.answer, *task.answers))


def _unfolded(task: Task, taken: str) -> bool:
    return _contains(lambda text: text, task, taken)


def _folded(task: Task, taken: str) -> bool:
    return _contains(lambda text: text.translate(_FOLDED), task, taken)


_FAULTS = (
    'An answer inside another is right: "10" where 1 is asked, "unhappy" where "happy" is.',
    "A reply that names many things is right if one of them is.",
    "An empty reference is contained in every reply.",
)

OCRBENCH = Scorer(
    name="ocrbench",
    source="open-compass/VLMEvalKit @ 00b1c8d vlmeval/dataset/image_vqa.py; arXiv:2305.07895",
    take=everything,
    same=_unfolded,
    known_faults=(*_FAULTS, "Full-width letters and digits are not the ordinary ones."),
)

OCRBENCH_FOLDED = Scorer(
    name="ocrbench_folded",
    source="EvolvingLMMs-Lab/lmms-eval @ 75571cf lmms_eval/tasks/ocrbench/utils.py; arXiv:2305.07895",
    take=everything,
    same=_folded,
    known_faults=_FAULTS,
)
