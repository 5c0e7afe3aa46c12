"""CharXiv (arXiv:2406.18521): charts out of papers; what is in them, and what follows from it.

The descriptive questions are kept as numbers of nineteen questions, which are worded here. What always holds:
a figure's four descriptive questions are one group.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from deepeyes.core.task import Task
from deepeyes.data.item import Unusable
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.rows import RowsPlan

_NONE = "If there is none, answer: Not Applicable."
_AXIS = "Give the value without units or factors that stand elsewhere; of two such axes take the {} one."
_UNEVEN = "If they are no numbers, do not all differ by the same, or there are none, answer: Not Applicable."
_QUESTIONS = {
    1: f"Which title is written over the plot? A lone letter is no title. {_NONE}",
    2: f"How is the x-axis labelled? {_NONE}",
    3: f"How is the y-axis labelled? {_NONE}",
    4: f"Which tick label of the x-axis is furthest to the left? {_AXIS.format('lower')}",
    5: f"Which tick label of the x-axis is furthest to the right? {_AXIS.format('lower')}",
    6: f"Which tick label of the y-axis is lowest in the plot? {_AXIS.format('left')}",
    7: f"Which tick label of the y-axis is highest in the plot? {_AXIS.format('left')}",
    8: f"By how much do neighbouring tick values of the x-axis differ? {_UNEVEN} {_AXIS.format('lower')}",
    9: f"By how much do neighbouring tick values of the y-axis differ? {_UNEVEN} {_AXIS.format('left')}",
    10: f"How many lines are drawn, without grid and helping lines? {_NONE}",
    11: "Do any of the lines cross, without grid and helping lines? Answer yes or no. If there are no lines, "
    "answer: Not Applicable.",
    12: f"How many labels does the legend have? {_NONE}",
    13: "Which labels does the legend have, from top to bottom and then from left to right, with commas "
    f"between them? {_NONE}",
    14: f"What is the highest minus the lowest tick value of the colour bar, without percent signs? {_NONE}",
    15: f"What is the highest tick value of the colour bar, without its percent sign? {_NONE}",
    16: "In a few words, how do the data change from left to right?",
    17: "How many tick labels are there on all axes together, shared axes included?",
    18: "How are the subplots laid out? Answer as N by M, rows first; a lone plot is 1 by 1.",
    19: "How many subplots are there? A lone plot is 1.",
}
_OF_ALL = (18, 19)
"""Questions about the whole figure."""
_REASONED = {
    1: "Answer with a text that is written in the chart.",
    2: "Answer with a few words.",
    3: "Answer with a number that is written in the chart.",
    4: "Answer with a number, to as many decimal places as the values in the question have.",
}


class CharXivReasoning(RowsPlan):
    about: ClassVar[About] = About(
        name="charxiv_reasoning",
        title="CharXiv reasoning",
        paper="arXiv:2406.18521",
        hub=Hub("princeton-nlp/CharXiv", split="validation"),
        n=1000,
        licence="CC BY-SA 4.0",
        required=("image", "reasoning_q", "reasoning_a"),
        optional=("figure_path", "category", "reasoning_q_source"),
        official="accuracy by GPT-4o as judge; a judge that failed counts as -1",
    )

    def task(self, row: Fields) -> Task:
        source = row.maybe("reasoning_q_source")
        answer = row.text("reasoning_a")
        asks = _REASONED.get(int(source) if source.isdecimal() else 0, "Answer as briefly as possible.")
        if source == "4":
            asks = f"Answer with a number, to {len(answer.partition('.')[2])} decimal places."
        return Task(
            id=row.maybe("figure_path") or f"row-{row.number}",
            question=f"{row.text('reasoning_q')}\n{asks}",
            answer=answer,
            kind=f"source {source}" if source else "",
            tags=tuple(filter(None, (row.maybe("category"),))),
        )


class CharXivDescriptive(RowsPlan):
    about: ClassVar[About] = replace(
        CharXivReasoning.about,
        name="charxiv_descriptive",
        title="CharXiv descriptive",
        n=4000,
        required=("image", *(f"descriptive_{part}{number}" for number in range(1, 5) for part in "qa")),
        optional=("figure_path", "category", "subplot_loc", "subplot_row", "subplot_col"),
        note="the paper keeps its questions as numbers; they are worded here in our words",
    )

    def asked(self, row: Fields) -> Iterable[Task]:
        return [self._numbered(row, place) for place in range(1, 5)]

    def task(self, row: Fields) -> Task:
        return self._numbered(row, 1)

    def _numbered(self, row: Fields, place: int) -> Task:
        number = row.text(f"descriptive_q{place}")
        template = int(float(number)) if number.replace(".", "", 1).isdecimal() else 0
        if template not in _QUESTIONS:
            raise Unusable("wrong_type", f"descriptive_q{place} is {number[:40]!r}, no number from 1 to 19")
        where = "" if template in _OF_ALL else _subplot(row)
        figure = row.maybe("figure_path") or f"row-{row.number}"
        return Task(
            id=f"{figure}/{place}",
            question=f"{where}{_QUESTIONS[template]}",
            answer=row.text(f"descriptive_a{place}"),
            kind=f"question {template}",
            group=figure,
            tags=tuple(filter(None, (row.maybe("category"),))),
        )


def _subplot(row: Fields) -> str:
    """Which plot of the figure is meant; nothing where there is only one."""
    if named := row.maybe("subplot_loc"):
        return f"This is about {named}. "
    across, down = row.maybe("subplot_row"), row.maybe("subplot_col")
    if across in ("", "0"):
        return ""
    return f"This is about the subplot in row {across} and column {down}. "
