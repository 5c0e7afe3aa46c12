"""VisualProbe (arXiv:2509.07969): small things in large images, easy, medium and hard to find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.data.sources.tags import name_images
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import accuracy, results


class VisualProbeHard(RowsPlan):
    about: ClassVar[About] = About(
        name="visualprobe_hard",
        title="VisualProbe hard",
        paper="arXiv:2509.07969",
        hub=Hub(
            "Mini-o3/VisualProbe_Hard",
            split="validation",
            revision="bbe9b7a6c41d49844f45e51916ec0a60d1f0e378",
            files=("val.json", "data/*"),
        ),
        n=106,
        licence="see its page",
        required=("problem", "images|image", "solution"),
        optional=("doc_id|id",),
        images=("images|image",),
        official="mean over 32 samples (Avg@32) by GPT-4o as judge, at most 12 turns",
        samples=32,
        note="the published protocol is --set samples=32 --set sampling.temperature=1 --set limits.turns=12",
    )

    def task(self, row: Fields) -> Task:
        many = row.count("images|image")
        return Task(
            id=row.maybe("doc_id|id") or f"row-{row.number}",
            question=name_images(row.text("problem"), many, composite=True),
            answer=row.text("solution"),
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        samples = len({trace.sample for trace in results(traces)})
        return accuracy("mean_over_samples", traces) | {"samples": samples}


class VisualProbeMedium(VisualProbeHard):
    about: ClassVar[About] = replace(
        VisualProbeHard.about,
        name="visualprobe_medium",
        title="VisualProbe medium",
        hub=replace(
            VisualProbeHard.about.hub,
            id="Mini-o3/VisualProbe_Medium",
            revision="25d5ff5bce48147be34fd2655617ab17dc55b3fa",
        ),
        n=268,
    )


class VisualProbeEasy(VisualProbeHard):
    about: ClassVar[About] = replace(
        VisualProbeHard.about,
        name="visualprobe_easy",
        title="VisualProbe easy",
        hub=replace(
            VisualProbeHard.about.hub,
            id="Mini-o3/VisualProbe_Easy",
            revision="0e665a57946d4473deb9975a13f8ddba973b8026",
        ),
        n=141,
    )
