"""V* (arXiv:2312.14135): what a small thing in a large photograph looks like, and where it is.

What always holds: the options and their letters are those of the file. In the folder that the authors publish
an annotation lies beside each image, and then the boxes of the things asked about are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from deepeyes.core.errors import InputError
from deepeyes.core.json_files import read_json_file
from deepeyes.core.task import Task
from deepeyes.data.stages.prepare.choices import split_choices
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields, letter_form, right_letter, with_options
from deepeyes.eval.benchmarks.rows import RowsPlan

_LONGEST_PATH = 300


class VStar(RowsPlan):
    about: ClassVar[About] = About(
        name="vstar",
        title="V*",
        paper="arXiv:2312.14135",
        hub=Hub("lmms-lab-encoder/vstar-bench"),
        n=191,
        licence="see its page",
        required=("text|question", "label|answer", "image"),
        optional=("category", "question_id|index", "A", "B", "C", "D"),
        scorer="vstar",
        note="the first option is right in the authors' annotations: use a file that has shuffled them",
    )

    def task(self, row: Fields) -> Task:
        question, options = row.text("text|question"), row.lettered("ABCD")
        if options:
            question = with_options(question, options)
        else:
            options = split_choices(question)[1]
        boxes = _annotated(row)
        return Task(
            id=row.maybe("question_id|index") or f"row-{row.number}",
            question=question,
            answer=right_letter(row.text("label|answer"), options),
            answer_form=letter_form(options),
            kind=row.maybe("category"),
            truth={"boxes": boxes, **({"box": boxes[0]} if len(boxes) == 1 else {})} if boxes else {},
        )


def _annotated(row: Fields) -> list[list[float]]:
    """The boxes in the annotation beside the image, [left, top, width, height] there; none without one."""
    image = row.row.get("image")
    if not isinstance(image, str) or len(image) > _LONGEST_PATH:
        return []
    beside = (row.root / image).with_suffix(".json")
    if not beside.is_file():
        return []
    found: Any = read_json_file(beside, "mend it or take it away", InputError)
    boxes: Any = found.get("bbox") if isinstance(found, Mapping) else None
    return [[x, y, x + width, y + height] for x, y, width, height in boxes or []]
