"""Benchmarks by name. A new one is a file of its own and a line here."""

from __future__ import annotations

from importlib import import_module

from deepeyes.core.errors import InputError
from deepeyes.eval.plan import EvalPlan

BENCHMARKS = {
    "world": "deepeyes.eval.world:WorldPlan",
    "openrealx": "deepeyes.eval.openrealx.plan:OpenRealXPlan",
}
"""Name to where its plan is defined; the module is imported when the benchmark is asked for."""


def benchmark_named(name: str) -> type[EvalPlan]:
    """The plan of that name, to be made with its settings. Raises `InputError`."""
    if name not in BENCHMARKS:
        raise InputError(f"there is no benchmark {name!r}", f"use {', '.join(BENCHMARKS)}")
    module, _, plan = BENCHMARKS[name].partition(":")
    return getattr(import_module(module), plan)
