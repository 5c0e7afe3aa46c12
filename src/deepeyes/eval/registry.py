"""Benchmarks by name. A new one is a file of its own and a line here."""

from __future__ import annotations

import difflib
from importlib import import_module

from deepeyes.core.errors import InputError
from deepeyes.eval.plan import EvalPlan

_PUBLISHED = "deepeyes.eval.benchmarks"

BENCHMARKS = {
    "world": "deepeyes.eval.world:WorldPlan",
    "openrealx": "deepeyes.eval.openrealx.plan:OpenRealXPlan",
    "questions": "deepeyes.eval.own:QuestionsPlan",
    "realx": f"{_PUBLISHED}.realx:RealX",
    "vstar": f"{_PUBLISHED}.vstar:VStar",
    "hrbench_4k": f"{_PUBLISHED}.hr_bench:HRBench4K",
    "hrbench_8k": f"{_PUBLISHED}.hr_bench:HRBench8K",
    "mme_realworld": f"{_PUBLISHED}.mme_realworld:MMERealWorld",
    "mme_realworld_lite": f"{_PUBLISHED}.mme_realworld:MMERealWorldLite",
    "mme_realworld_cn": f"{_PUBLISHED}.mme_realworld:MMERealWorldCN",
    "treebench": f"{_PUBLISHED}.treebench:TreeBench",
    "visualprobe_easy": f"{_PUBLISHED}.visualprobe:VisualProbeEasy",
    "visualprobe_medium": f"{_PUBLISHED}.visualprobe:VisualProbeMedium",
    "visualprobe_hard": f"{_PUBLISHED}.visualprobe:VisualProbeHard",
    "ocrbench": f"{_PUBLISHED}.ocrbench:OCRBench",
    "seed_bench_2_plus": f"{_PUBLISHED}.seed_bench_2_plus:SeedBench2Plus",
    "charxiv_descriptive": f"{_PUBLISHED}.charxiv:CharXivDescriptive",
    "charxiv_reasoning": f"{_PUBLISHED}.charxiv:CharXivReasoning",
    "chartqa": f"{_PUBLISHED}.chartqa:ChartQA",
    "mathvista": f"{_PUBLISHED}.mathvista:MathVista",
    "mathverse": f"{_PUBLISHED}.mathverse:MathVerse",
    "mathvision": f"{_PUBLISHED}.mathvision:MathVision",
    "we_math": f"{_PUBLISHED}.we_math:WeMath",
    "dynamath": f"{_PUBLISHED}.dynamath:DynaMath",
    "logicvista": f"{_PUBLISHED}.logicvista:LogicVista",
    "tir_bench": f"{_PUBLISHED}.tir_bench:TIRBench",
    "zerobench": f"{_PUBLISHED}.zerobench:ZeroBench",
    "fvqa": f"{_PUBLISHED}.fvqa:FVQA",
    "infoseek": f"{_PUBLISHED}.infoseek:InfoSeek",
    "mmsearch": f"{_PUBLISHED}.mmsearch:MMSearch",
    "simplevqa": f"{_PUBLISHED}.simplevqa:SimpleVQA",
    "hr_mmsearch": f"{_PUBLISHED}.hr_mmsearch:HRMMSearch",
    "browsecomp_vl": f"{_PUBLISHED}.browsecomp_vl:BrowseCompVL",
    "agentvista": f"{_PUBLISHED}.agentvista:AgentVista",
}
"""Name to where its plan is defined; the module is imported when the benchmark is asked for."""


def benchmark_named(name: str) -> type[EvalPlan]:
    """The plan of that name, to be made with its settings. Raises `InputError`."""
    if name not in BENCHMARKS:
        near = difflib.get_close_matches(name, BENCHMARKS, n=3)
        use = f"use {' or '.join(near)}, or one of those" if near else "use one of those"
        raise InputError(f"there is no benchmark {name!r}", f"{use} that `deepeyes eval list` shows")
    module, _, plan = BENCHMARKS[name].partition(":")
    return getattr(import_module(module), plan)
