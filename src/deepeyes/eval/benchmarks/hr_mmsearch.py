"""HR-MMSearch (arXiv:2512.24330): facts about small things in large images, to be looked at and searched."""

from __future__ import annotations

from typing import ClassVar

from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.verl_rows import OPTIONAL, REQUIRED, VerlRows


class HRMMSearch(VerlRows):
    about: ClassVar[About] = About(
        name="hr_mmsearch",
        title="HR-MMSearch",
        paper="arXiv:2512.24330",
        hub=Hub("sensenova/HR-MMSearch"),
        n=305,
        licence="see its page",
        required=REQUIRED,
        optional=OPTIONAL,
        images=("images|image",),
        official="exact match, then GPT-4o with the image as judge",
        searches=True,
    )
