"""TreeBench (arXiv:2507.07999): small targets in dense images, with the boxes of what the answer rests on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields, boxes_in, letter_form, right_letter, with_options
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import belongs_to, mean, results

_BOX = re.compile(r"<box>\s*\[([\d.\s,]{7,80})\]\s*</box>")


class TreeBench(RowsPlan):
    about: ClassVar[About] = About(
        name="treebench",
        title="TreeBench",
        paper="arXiv:2507.07999",
        hub=Hub("HaochenWang/TreeBench", split="train", files=("*.tsv",)),
        n=405,
        licence="Apache-2.0",
        required=("question", "image", "answer", "A", "B"),
        optional=("index", "C", "D", "E", "F", "category", "target_instances"),
        official="accuracy, and the mean IoU of the boxes that the reasoning names",
    )

    def task(self, row: Fields) -> Task:
        options = row.lettered("ABCDEF")
        area, _, kind = row.maybe("category").partition("/")
        boxes = boxes_in(row.value("target_instances"))
        return Task(
            id=row.maybe("index") or f"row-{row.number}",
            question=with_options(row.text("question"), options),
            answer=right_letter(row.text("answer"), options),
            answer_form=letter_form(options),
            kind=kind or area,
            tags=(area.lower(),) if area else (),
            truth={"boxes": boxes, **({"box": boxes[0]} if len(boxes) == 1 else {})} if boxes else {},
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        located = [trace for trace in results(traces) if trace.task.truth.get("boxes")]
        overlaps = [best_overlap(named_boxes(trace), trace.task.truth["boxes"]) for trace in located]
        return mean("miou", overlaps, list(map(belongs_to, located)))


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
