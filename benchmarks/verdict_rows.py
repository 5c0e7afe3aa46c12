"""Answers that models really gave, each with the verdict of its benchmark or of people: from files to tasks.

The files are JSON Lines that anybody can make from the public repositories of MathVista, MATH-V, MMMU-Pro,
BLINK, LogicVista, EVOUNA and NQ-301. What always holds: reading is pure, the text of an answer is kept as it
was, a file may hold any models and any number of rows, and a row that cannot be read is an error with file
and line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.errors import InputError
from deepeyes.core.json_files import read_json_lines
from deepeyes.core.task import Task
from deepeyes.core.text import Text


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One answer to one task, and what was said of it."""

    id: str
    """Model and question, unique in its set: "bard/134"."""
    task: Task
    model: str
    group: str
    """Its part of the set: "letters", "numbers", "free"; empty where a set has no parts."""
    response: str
    """The whole reply."""
    extraction: str
    """What the benchmark took out of the reply (by rule or by a model), or the reply."""
    correct: bool


class _Question(BaseModel):
    id: Text
    answer: Text


class _MathVistaItem(_Question):
    qt: str
    at: str
    choices: tuple[Text, ...] | None
    unit: Text | None
    precision: int | None


class _MathVisionItem(_Question):
    options: tuple[Text, ...]


class _Reply(BaseModel):
    id: Text
    model: Text
    response: Text
    extraction: Text
    correct: bool


class _LetterReply(_Reply):
    answer: Text
    options: tuple[Text, ...] = ()


class _LogicVistaReply(BaseModel):
    id: Text
    model: Text
    answer: Text
    response: Text
    extraction: tuple[Text, ...]
    correct: bool


class _EvounaQuestion(BaseModel):
    id: Text
    question: Text
    gold: Text
    improper: bool
    answers: dict[str, tuple[Text, bool]]


class _Nq301Answer(BaseModel):
    id: Text
    question: Text
    gold: tuple[Text, ...]
    response: Text
    correct: bool


_FACT = AnswerForm(kind=AnswerKind.text)
"""Of a fact, also of one that is a number or a date, other words may be right."""

_M = TypeVar("_M", bound=BaseModel)


def mathvista(folder: Path) -> Iterator[VerdictRow]:
    """Choices (the reference is the text of one) and numbers, two of them lists."""
    tasks: dict[str, tuple[Task, str]] = {}
    for item in _rows(folder / "mathvista_items.jsonl", _MathVistaItem):
        letters = item.qt == "multi_choice"
        kind = AnswerKind.letter if letters else AnswerKind.list if item.at == "list" else AnswerKind.number
        form = AnswerForm(
            kind=kind, options=item.choices or (), precision=item.precision, unit=item.unit or ""
        )
        tasks[item.id] = _task("mathvista", item.id, item.answer, form), "letters" if letters else "numbers"
    yield from _answered(folder / "mathvista_preds.jsonl", tasks)


def mathv(folder: Path) -> Iterator[VerdictRow]:
    """Letters with options, and free answers (numbers and LaTeX) whose kind is left to be inferred."""
    tasks: dict[str, tuple[Task, str]] = {}
    for item in _rows(folder / "mathvision_items.jsonl", _MathVisionItem):
        form = AnswerForm(kind=AnswerKind.letter, options=item.options) if item.options else AnswerForm()
        tasks[item.id] = _task("mathv", item.id, item.answer, form), "letters" if item.options else "free"
    yield from _answered(folder / "mathvision_preds.jsonl", tasks)


def mmmu_pro(folder: Path) -> Iterator[VerdictRow]:
    """Letters of up to a dozen options."""
    return _letters("mmmu_pro", folder / "mmmu_pro_gpt4o.jsonl")


def blink(folder: Path) -> Iterator[VerdictRow]:
    """Letters; the file does not say what they stand for."""
    return _letters("blink", folder / "blink_val.jsonl")


def logicvista(folder: Path) -> Iterator[VerdictRow]:
    """Letters of which several may be right; a few questions have no reference."""
    form = AnswerForm(kind=AnswerKind.letter, several=True)
    for row in _rows(folder / "logicvista_preds.jsonl", _LogicVistaReply):
        yield VerdictRow(
            id=f"{row.model}/{row.id}",
            task=_task("logicvista", row.id, row.answer, form),
            model=row.model,
            group="",
            response=row.response,
            extraction=", ".join(row.extraction),
            correct=row.correct,
        )


def evouna(folder: Path) -> Iterator[VerdictRow]:
    """Facts, judged by people. References are joined by "/": the parts count, and so does the whole.

    Questions that the annotators called improper are left out.
    """
    for row in _rows(folder / "evouna_human.jsonl", _EvounaQuestion):
        parts = tuple(part.strip() for part in row.gold.split("/") if part.strip()) if "/" in row.gold else ()
        task = Task(
            id=f"evouna-{row.id}",
            question=row.question,
            answer=row.gold,
            answers=parts,
            answer_form=_FACT,
            family="evouna",
        )
        for model, (answer, correct) in row.answers.items():
            if not row.improper:
                yield VerdictRow(f"{model}/{row.id}", task, model, "", answer, answer, correct)


def nq301(folder: Path) -> Iterator[VerdictRow]:
    """Facts, judged by people. The file does not say which system an answer is of."""
    for number, row in enumerate(_rows(folder / "nq301_human.jsonl", _Nq301Answer), start=1):
        task = Task(
            id=f"nq301-{row.id}",
            question=row.question,
            answer=row.gold[0] if row.gold else "",
            answers=row.gold[1:],
            answer_form=_FACT,
            family="nq301",
        )
        yield VerdictRow(f"{number}/{row.id}", task, "", "", row.response, row.response, row.correct)


SETS: dict[str, Callable[[Path], Iterator[VerdictRow]]] = {
    "mmmu_pro": mmmu_pro,
    "blink": blink,
    "mathv": mathv,
    "mathvista": mathvista,
    "logicvista": logicvista,
    "evouna": evouna,
    "nq301": nq301,
}
"""Name to what reads the set from a folder, one row after the other. A reader raises `InputError` for a row
that it cannot read and for a file that is not there (`missing_files` says so beforehand).
"""

_FILES = {
    "mmmu_pro": ("mmmu_pro_gpt4o.jsonl",),
    "blink": ("blink_val.jsonl",),
    "mathv": ("mathvision_items.jsonl", "mathvision_preds.jsonl"),
    "mathvista": ("mathvista_items.jsonl", "mathvista_preds.jsonl"),
    "logicvista": ("logicvista_preds.jsonl",),
    "evouna": ("evouna_human.jsonl",),
    "nq301": ("nq301_human.jsonl",),
}


def missing_files(folder: Path, name: str) -> tuple[str, ...]:
    """The files of the set of that name which `folder` lacks."""
    return tuple(file for file in _FILES[name] if not (folder / file).is_file())


def _letters(name: str, path: Path) -> Iterator[VerdictRow]:
    for row in _rows(path, _LetterReply):
        form = AnswerForm(kind=AnswerKind.letter, options=row.options)
        yield _row(row, _task(name, row.id, row.answer, form), "")


def _answered(path: Path, tasks: dict[str, tuple[Task, str]]) -> Iterator[VerdictRow]:
    for row in _rows(path, _Reply):
        if row.id not in tasks:
            raise InputError(
                f"{path} answers question {row.id!r}, which the file of questions lacks",
                "give both files of one version",
            )
        yield _row(row, *tasks[row.id])


def _row(reply: _Reply, task: Task, group: str) -> VerdictRow:
    return VerdictRow(
        id=f"{reply.model}/{reply.id}",
        task=task,
        model=reply.model,
        group=group,
        response=reply.response,
        extraction=reply.extraction,
        correct=reply.correct,
    )


def _task(family: str, id: str, answer: str, form: AnswerForm) -> Task:
    return Task(
        id=f"{family}-{id}",
        question="(the question is not in the file)",
        answer=answer,
        answer_form=form,
        family=family,
    )


def _rows(path: Path, shape: type[_M]) -> Iterator[_M]:
    """The rows of the file; raises `InputError` with the line of one that has another shape."""
    for number, value in read_json_lines(path, "every line must be one JSON object"):
        yield _shaped(value, shape, path, number)


def _shaped(value: Any, shape: type[_M], path: Path, number: int) -> _M:
    try:
        return shape.model_validate(value)
    except ValidationError as cause:
        first = cause.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the row"
        raise InputError(
            f"line {number} of {path} is not a row of this set ({place}: {first['msg'].lower()})",
            "mend or remove it; the fields are in benchmarks/verdict_rows.py",
        ) from cause
