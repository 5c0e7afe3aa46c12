"""TreeBench (arXiv:2507.07999): small targets in dense images, with the boxes of what the answer rests on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.data.stages.prepare.choices import split_choices
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import (
    BY_LETTER,
    Fields,
    boxes_in,
    letter_form,
    right_letter,
    with_options,
)
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import belongs_to, mean, results

_FILLED = ("none", "nan")
"""What stands in the columns of options that a question lacks."""
_BOX = re.compile(r"<box>\s*\[([\d.\s,]{7,80})\]\s*</box>")


class TreeBench(RowsPlan):
    about: ClassVar[About] = About(
        name="treebench",
        title="TreeBench",
        paper="arXiv:2507.07999",
        hub=Hub("HaochenWang/TreeBench", split="train", revision="a4eb437ab71d14f6ab1a4cf05213d0f72f831b71"),
        n=405,
        licence="Apache-2.0",
        required=("question", "image", "answer"),
        optional=("index", "multi-choice options", *"ABCDEF", "category", "target_instances"),
        official="accuracy, and the mean IoU of the boxes that the reasoning names",
    )

    def task(self, row: Fields) -> Task:
        question, options, answer = row.text("question"), _options(row), row.text("answer")
        area, _, kind = row.maybe("category").partition("/")
        boxes = boxes_in(row.value("target_instances"))
        return Task(
            id=row.maybe("index") or f"row-{row.number}",
            question=with_options(question, options) if options else f"{question}\n{BY_LETTER}",
            answer=right_letter(answer, options) if options else answer,
            answer_form=letter_form(options),
            kind=kind or area,
            tags=(area.lower(),) if area else (),
            truth={"boxes": boxes, **({"box": boxes[0]} if len(boxes) == 1 else {})} if boxes else {},
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        located = [trace for trace in results(traces) if trace.task.truth.get("boxes")]
        overlaps = [best_overlap(named_boxes(trace), trace.task.truth["boxes"]) for trace in located]
        return mean("miou", overlaps, list(map(belongs_to, located)))


def _options(row: Fields) -> tuple[str, ...]:
    """Of the columns A to F, or of one text; some rows, whose options are in the image, have neither."""
    found = list(row.lettered("ABCDEF"))
    while found and found[-1].lower() in _FILLED:
        found.pop()
    return tuple(found) or split_choices(row.maybe("multi-choice options"))[1]


def named_boxes(trace: Trace) -> list[list[float]]:
    """The boxes that the replies name in `<box>` tags."""
    found = _BOX.findall("\n".join(turn.text for turn in trace.turns))
    return [box for text in found for box in boxes_in([side.strip() for side in text.split(",")])]


def best_overlap(named: Sequence[Sequence[float]], targets: Sequence[Sequence[float]]) -> float:
    """The mean over the targets of the largest overlap with a box that is named."""
    return sum(max((_iou(box, target) for box in named), default=0.0) for target in targets) / len(targets)


def _iou(one: Sequence[float], other: Sequence[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    return both / (_area(one) + _area(other) - both)


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
