"""Published rules by name. A new one is a file of its own and a line here."""

from __future__ import annotations

from importlib import import_module

from deepeyes.core.errors import InputError
from deepeyes.grading.scorers.scorer import Scorer

_HERE = "deepeyes.grading.scorers"

SCORERS = {
    "blink": f"{_HERE}.blink:BLINK",
    "chartqa": f"{_HERE}.chartqa:CHARTQA",
    "dynamath": f"{_HERE}.dynamath:DYNAMATH",
    "logicvista": f"{_HERE}.logicvista:LOGICVISTA",
    "mathv": f"{_HERE}.mathv:MATHV",
    "mathvista": f"{_HERE}.mathvista:MATHVISTA",
    "mathvista_2023": f"{_HERE}.mathvista:MATHVISTA_2023",
    "mme_realworld": f"{_HERE}.mme_realworld:MME_REALWORLD",
    "mmmu_pro": f"{_HERE}.mmmu_pro:MMMU_PRO",
    "ocrbench": f"{_HERE}.ocrbench:OCRBENCH",
    "ocrbench_folded": f"{_HERE}.ocrbench:OCRBENCH_FOLDED",
    "seed_bench_2_plus": f"{_HERE}.seed_bench_2_plus:SEED_BENCH_2_PLUS",
    "vstar": f"{_HERE}.vstar:VSTAR",
}
"""Name to where the scorer is defined; the module is imported when the scorer is asked for."""


def scorer_named(name: str) -> Scorer:
    """The published rule of that name. Raises `InputError`."""
    if name not in SCORERS:
        raise InputError(f"there is no published rule {name!r}", f"use {', '.join(SCORERS)}")
    module, _, scorer = SCORERS[name].partition(":")
    return getattr(import_module(module), scorer)
