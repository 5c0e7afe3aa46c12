"""FVQA (arXiv:2506.20670): facts about what images show, some of them only to be had by searching."""

from __future__ import annotations

from typing import ClassVar

from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.verl_rows import OPTIONAL, REQUIRED, VerlRows


class FVQA(VerlRows):
    about: ClassVar[About] = About(
        name="fvqa",
        title="FVQA",
        paper="arXiv:2506.20670",
        hub=Hub(
            "lmms-lab/FVQA",
            split="fvqa_test",
            revision="bb4a4ff4c9c3fd0382d11f5d7fccd66d0b8428b5",
            files=("fvqa_test.parquet",),
        ),
        n=1800,
        licence="Apache-2.0",
        required=REQUIRED,
        optional=OPTIONAL,
        images=("images|image",),
        official="accuracy by a judge; exact match and contained match beside it",
        searches=True,
        note="the split fvqa_test has no categories; agents often report 300 of its questions",
    )
