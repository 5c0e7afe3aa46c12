"""TIR-Bench (arXiv:2511.01833): thirteen tasks that want images to be worked on, such as jigsaws and mazes.

What always holds: partial credit, where the authors give it, is in `tir_score` alone; a verdict is right or
wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, ClassVar

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.data.stages.prepare.choices import split_choices
from deepeyes.eval.benchmarks.about import About, Hub
from deepeyes.eval.benchmarks.fields import Fields, letter_form
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import belongs_to, mean, results

_CORRECTED = {"60.jpg": "mobi", "62.jpg": "aires"}
"""References of the task ocr that the authors' scoring replaces, by image."""
_NUMBER = re.compile(r"\d+")
_RUN = re.compile(r"\d[\d\s,，]*")
_PAIR = re.compile(r"\b(\d+)\s*,\s*(\d+)\b")


class TIRBench(RowsPlan):
    about: ClassVar[About] = About(
        name="tir_bench",
        title="TIR-Bench",
        paper="arXiv:2511.01833",
        hub=Hub("Agents-X/TIR-Bench", revision="ae9976e81e86c4797fd0d28f9119393b37d9d006"),
        n=1215,
        licence="Apache-2.0",
        required=("prompt", "image_1", "answer", "task|category"),
        optional=("question_id|id", "metadata|meta_data", *(f"image_{number}" for number in range(2, 11))),
        images=tuple(f"image_{number}" for number in range(1, 11)),
        official="mean score by task, with parts of a jigsaw and overlap of lists as partial credit, on what "
        "GPT-4o took out of a reply",
        note="of the files as published, unpack data.zip beside TIR-Bench.json",
    )

    def task(self, row: Fields) -> Task:
        question, kind, answer = row.text("prompt"), row.text("task|category"), ", ".join(row.texts("answer"))
        image = row.row.get("image_1")
        if kind == "ocr" and isinstance(image, str):
            answer = _CORRECTED.get(PurePath(image).name, answer)
        side = row.maybe("metadata.difficulty|meta_data.difficulty")
        return Task(
            id=row.maybe("question_id|id") or f"row-{row.number}",
            question=question,
            answer=answer,
            answer_form=_form(kind, question, answer),
            kind=kind,
            meta={"side": int(side)} if side.isdecimal() else {},
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        scored = results(traces)
        return mean("tir_score", list(map(partial_score, scored)), list(map(belongs_to, scored)))


def _form(kind: str, question: str, answer: str) -> AnswerForm:
    if kind == "ocr":
        return AnswerForm(kind=AnswerKind.text)
    if answer.isalpha() and answer.isupper():
        return letter_form(split_choices(question)[1], several=len(answer) > 1)
    if len(_NUMBER.findall(answer)) > 1:
        ordered = kind in ("jigsaw", "word_search")
        return AnswerForm(kind=AnswerKind.list, closed=True, ordered=ordered)
    return AnswerForm()


def partial_score(trace: Trace) -> float:
    """The authors' score of a whole answer, from 0 to 1; the verdict's where the task has no rule of its own.

    The text of ocr must hold the reference, a pair be the same pair, a list overlap, a jigsaw have pieces in
    their places.
    """
    task, given = trace.task, (trace.answer or "").replace("*", "")
    if task.kind == "ocr":
        return float(task.answer in given)
    several = len(_NUMBER.findall(task.answer)) > 1
    if task.kind == "word_search" and several:
        return float(_pair(given) == _pair(task.answer))
    if task.kind == "spot_difference" and several:
        mine, theirs = (set(map(int, _NUMBER.findall(text)[:999])) for text in (given, task.answer))
        return len(mine & theirs) / len(mine | theirs)
    if task.kind == "jigsaw":
        return _in_place(given, task.answer, int(task.meta.get("side", 0)) ** 2)
    return float(trace.is_right)


def _pair(text: str) -> tuple[int, ...]:
    """The first two numbers with a comma between them; nothing where there are none."""
    found = _PAIR.search(text)
    return tuple(map(int, found.groups())) if found else ()


def _in_place(given: str, answer: str, pieces: int) -> float:
    """The share of pieces in their places, of the first run of that many numbers."""
    theirs = _NUMBER.findall(answer)
    runs = (_NUMBER.findall(run) for run in _RUN.findall(given))
    mine = next((run for run in runs if len(run) == (pieces or len(theirs))), None)
    if mine is None or len(mine) != len(theirs):
        return 0.0
    return sum(int(one) == int(other) for one, other in zip(mine, theirs, strict=True)) / len(theirs)
