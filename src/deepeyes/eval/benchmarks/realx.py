"""RealX-Bench (arXiv:2511.05271): questions about photographs from the internet that want looking, searching
and reasoning, often all three.

300 questions are in the paper and 194 are published, so its table and ours are of different sets: both say of
how many. What always holds: an answer whose alternatives are joined by "or" is also kept as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import accuracies, results

FLAGS = {"perception": "perception", "reason": "reasoning", "search": "search"}
"""Columns to tags."""
INTEGRATION = "integration"
"""The tag of a question that needs all three."""
TAGS = (*FLAGS.values(), INTEGRATION)


class RealX(RowsPlan):
    about: ClassVar[About] = About(
        name="realx",
        title="RealX-194",
        paper="arXiv:2511.05271",
        hub=Hub("glowol/RealXBench", split="train"),
        n=194,
        licence="Apache-2.0",
        required=("query", "answer", "perception", "search", "reason", "image"),
        official="accuracy, overall and by flag; judge, matching rule and turn limit are not published",
        searches=True,
        note="194 of the paper's 300 questions are published, so its table is of another set",
    )

    def task(self, row: Fields) -> Task:
        answer = row.text("answer")
        parts = [part.strip() for part in answer.split(" or ")]
        tags = tuple(tag for column, tag in FLAGS.items() if row.flag(column))
        return Task(
            id=row.maybe("id|index") or f"row-{row.number}",
            question=row.text("query"),
            answer=answer,
            answers=tuple(dict.fromkeys(part for part in parts if part and part != answer)),
            tags=(*tags, INTEGRATION) if len(tags) == len(FLAGS) else tags,
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        return accuracies(traces, TAGS)


@dataclass(frozen=True)
class TableRow:
    """One row of the paper's table."""

    model: str
    tools: str
    percent: tuple[float | None, ...]
    """Right answers: average, and those with each of `TAGS`; None of none."""
    sizes: tuple[int, ...]
    """Of how many questions each is the share."""
    published: bool
    """Whether it is the paper's number; otherwise it was measured here, on what is published."""


_SIZES = (300, 164, 178, 211, 72)
"""Of the paper's questions: all, and those with each of `TAGS`; derived from its numbers."""


def published_rows() -> tuple[TableRow, ...]:
    """Table 1 of the paper, on its 300 questions. T: text search, I: image search."""
    return tuple(
        TableRow(model, tools, tuple(percent), _SIZES, published=True)
        for model, rows in _PAPER.items()
        for tools, *percent in rows
    )


def our_row(traces: Sequence[Trace], model: str, tools: str) -> TableRow:
    """Graded episodes as a row for the same table."""
    scored = results(traces)
    of = [scored, *([trace for trace in scored if tag in trace.task.tags] for tag in TAGS)]
    percent = tuple(
        round(100 * sum(trace.is_right for trace in its) / len(its), 1) if its else None for its in of
    )
    return TableRow(model, tools, percent, tuple(map(len, of)), published=False)


# fmt: off
_PAPER: dict[str, tuple[tuple[str, float, float, float, float, float], ...]] = {
    "GPT-4o": (("none", 32.3, 29.9, 22.5, 29.4, 16.7), ("T", 32.0, 29.3, 23.0, 29.4, 16.7),
               ("I", 36.3, 29.3, 25.8, 36.5, 16.7), ("T+I", 38.7, 30.5, 27.5, 36.5, 15.3)),
    "Gemini 2.5 Pro": (("none", 39.3, 34.8, 24.2, 36.0, 16.7), ("T", 41.7, 39.0, 28.7, 38.4, 23.6),
                       ("I", 45.0, 37.8, 33.2, 43.1, 25.0), ("T+I", 46.0, 41.5, 33.7, 43.6, 27.8)),
    "o3": (("none", 35.0, 31.7, 23.0, 30.8, 11.1), ("T", 41.0, 34.8, 28.7, 37.9, 19.4),
           ("I", 41.3, 37.8, 28.1, 40.3, 22.2), ("T+I", 39.3, 38.4, 25.3, 37.0, 20.8)),
    "Qwen2.5-VL-7B": (("none", 17.0, 15.9, 13.5, 12.3, 6.9), ("T", 21.7, 17.7, 15.7, 18.5, 7.6),
                      ("I", 19.7, 16.6, 14.4, 15.9, 8.3), ("T+I", 22.3, 17.1, 16.3, 19.9, 9.7)),
    "Qwen2.5-VL-32B": (("none", 25.0, 21.3, 19.7, 19.9, 12.5), ("T", 25.7, 25.6, 20.2, 19.0, 16.7),
                       ("I", 30.7, 27.4, 23.0, 26.1, 15.3), ("T+I", 32.0, 27.4, 29.2, 31.8, 23.6)),
    "Qwen2.5-VL-72B": (("none", 25.3, 23.1, 17.4, 17.5, 9.7), ("T", 26.3, 28.7, 19.7, 20.4, 16.7),
                       ("I", 28.0, 28.7, 20.2, 20.4, 15.3), ("T+I", 31.0, 35.4, 25.8, 25.6, 23.6)),
    "Thyme-7B": (("code", 21.0, 18.3, 14.6, 12.8, 4.2),),
    "DeepEyes-7B": (("crop", 19.0, 19.5, 14.6, 12.8, 9.7),),
    "DeepEyesV2-7B": (("code+T+I", 28.3, 19.5, 22.5, 28.9, 18.1),),
    "Human": (("T+I", 70.0, 69.5, 63.5, 62.1, 51.4),),
}
"""By model: tools, average, perception, reasoning, search, integration."""
# fmt: on
