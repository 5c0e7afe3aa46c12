"""InfoSeek (arXiv:2302.11713): facts about what an image shows, on the subset that search agents report."""

from __future__ import annotations

from typing import ClassVar

from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.verl_rows import OPTIONAL, REQUIRED, VerlRows


class InfoSeek(VerlRows):
    about: ClassVar[About] = About(
        name="infoseek",
        title="InfoSeek",
        paper="arXiv:2302.11713",
        hub=Hub("", page="https://github.com/OpenSenseNova/SenseNova-MARS"),
        n=2000,
        licence="see its page",
        required=REQUIRED,
        optional=OPTIONAL,
        images=("images|image",),
        official="exact match, then a judge",
        searches=True,
        note="papers do not say which 2,000 questions they asked; give the file with --set source=FILE",
    )
