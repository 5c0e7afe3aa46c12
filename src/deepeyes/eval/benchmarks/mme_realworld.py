"""MME-RealWorld (arXiv:2408.13257): five options about large real images, the last of which says that it
cannot be seen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from deepeyes.core.task import Task
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields, letter_form, right_letter, with_options
from deepeyes.eval.benchmarks.rows import RowsPlan


class MMERealWorld(RowsPlan):
    about: ClassVar[About] = About(
        name="mme_realworld",
        title="MME-RealWorld",
        paper="arXiv:2408.13257",
        hub=Hub("yifanzhang114/MME-RealWorld-Lmms-eval", split="train"),
        n=23609,
        licence="see its page",
        required=("bytes|image", "question", "multi-choice options|options|A", "answer"),
        optional=("category", "l2-category", "index"),
        images=("bytes|image",),
        scorer="mme_realworld",
        note="the published rule reads the first capital from A to E anywhere in a reply",
    )

    def task(self, row: Fields) -> Task:
        options = row.options("multi-choice options|options") or row.lettered("ABCDE")
        return Task(
            id=row.maybe("index") or f"row-{row.number}",
            question=with_options(row.text("question"), options),
            answer=right_letter(row.text("answer"), options),
            answer_form=letter_form(options),
            kind=row.maybe("category"),
            tags=tuple(filter(None, (row.maybe("l2-category"),))),
        )


class MMERealWorldLite(MMERealWorld):
    about: ClassVar[About] = replace(
        MMERealWorld.about,
        name="mme_realworld_lite",
        title="MME-RealWorld Lite",
        hub=Hub("yifanzhang114/MME-RealWorld-lite-lmms-eval", split="train"),
        n=1919,
    )


class MMERealWorldCN(MMERealWorld):
    about: ClassVar[About] = replace(
        MMERealWorld.about,
        name="mme_realworld_cn",
        title="MME-RealWorld CN",
        hub=Hub("yifanzhang114/MME-RealWorld-CN-Lmms-eval", split="train"),
        n=5917,
    )
