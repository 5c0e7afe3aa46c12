"""Rows of answers and references, whatever their columns are called, as tasks that can be graded.

    for verdict in grade_rows([{"prediction": "about 12 m", "answer": "12 m"}]):
        print(verdict.outcome, verdict.reason)

What always holds: columns that nobody named are guessed from the first row by their usual names, and where
two could be meant that is an error which names them; a row that cannot be graded is an error that says which
one and why, never a verdict; rows are read one by one.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.errors import InputError, boundary
from deepeyes.core.task import Task
from deepeyes.core.text import encodable, one_line, read_json
from deepeyes.core.verdict import Verdict
from deepeyes.grading.rules import grade
from deepeyes.grading.scorers.registry import scorer_named

Row = Mapping[str, Any]

_GIVEN = (
    *(
        "prediction",
        "pred",
        "response",
        "model_answer",
        "model_output",
        "model_response",
        "output",
        "generation",
    ),
    *("generated", "generated_text", "completion", "reply", "predicted_answer", "given"),
)
_GOLDS = (
    *("gold", "golds", "gold_answer", "gold_answers", "reference", "references", "reference_answer"),
    *("ground_truth", "groundtruth", "gt", "gt_answer", "expected", "expected_answer", "correct_answer"),
    *("correct_answers", "target", "targets", "label", "labels"),
)
_EITHER = ("answer", "answers")
"""The reference where the model's answer has a column of its own, else the model's answer."""
_LAST = ("solution",)
"""The reference where nothing else is: often it is a worked solution beside the answer."""
_IDS = ("id", "question_id", "task_id", "sample_id", "qid", "pid", "uid", "idx", "index")
_KINDS = ("kind", "answer_kind")
_OPTIONS = ("options", "choices")
_QUESTIONS = ("question", "query", "problem", "prompt")
_KIND_NAMES = [kind.value for kind in AnswerKind]
_JOINED = frozenset((AnswerKind.list, AnswerKind.box))
"""Kinds of which a list is one answer; else it is several that are right."""
_DECLARED = ("unit", "precision", "tolerance", "closed", "several", "decimal_comma", "ordered", "overlap")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTERED = re.compile(r"(?<!\S)[(（]?([A-Z])[.):．、：）]\s*")
"""What stands before an option."""
_LONGEST_OPTIONS = 20_000
"""Characters of a text that is read as options."""
_SHOWN = 60


class NoReference(InputError):
    """The row has nothing to compare its answer with."""


class Answered(NamedTuple):
    """A row as what is graded."""

    id: str
    task: Task
    answer: str | None


@dataclass(frozen=True)
class Columns:
    """Which column is what; those left empty are found by their usual names. A dot goes into a value."""

    answer: str = ""
    """What a model answered."""
    gold: str = ""
    """The reference: a text, a number, or a list of which each is right."""
    id: str = ""
    kind: str = ""
    """As what the answer is compared, one of `AnswerKind`."""
    options: str = ""
    """The texts of lettered options: a list, or an object from letter to text."""
    question: str = ""
    also: str = ""
    """Further references."""
    separator: str = ""
    """What separates several references inside one text, such as "/"."""

    def found_in(self, row: Row, place: str) -> Columns:
        """The same with answer and gold named, by the names that `row` has. Raises `InputError`."""
        names = {name.casefold().replace(" ", "_").replace("-", "_"): name for name in row}
        answer, gold = self.answer, self.gold
        given = [names[name] for name in _GIVEN if name in names and names[name] != gold]
        golds = [names[name] for name in _GOLDS if name in names and names[name] != answer]
        either = [names[name] for name in _EITHER if name in names and names[name] not in (answer, gold)]
        if not answer:
            answer = _only(
                given or (either[:1] if golds or gold else []), "the model's answer", "answer", row, place
            )
        if not gold:
            spare = [name for name in either if name != answer]
            last = [names[name] for name in _LAST if name in names and names[name] != answer]
            gold = _only(golds or spare[:1] or last, "the reference", "gold", row, place)
        also = (
            names.get("answers", "") if gold == names.get("answer") and answer != names.get("answers") else ""
        )
        return replace(self, answer=answer, gold=gold, also=self.also or also)


def grade_rows(
    rows: Iterable[Row],
    *,
    answer: str = "",
    gold: str = "",
    id: str = "",
    kind: str = "",
    options: str = "",
    separator: str = "",
    scorer: str = "",
) -> Iterator[Verdict]:
    """The verdict on each row in turn, by our rules or by the published one that `scorer` names.

    The other arguments are those of `Columns`. Raises `InputError` at a row that cannot be graded.
    """
    rule = scorer_named(scorer).score if scorer else grade
    named = Columns(answer=answer, gold=gold, id=id, kind=kind, options=options, separator=separator)
    places = ((f"row {number}", row) for number, row in enumerate(rows, 1))
    for answered in answered_rows(places, named):
        yield rule(answered.task, answered.answer)


def answered_rows(rows: Iterable[tuple[str, Row]], columns: Columns) -> Iterator[Answered]:
    """The rows, each with the place it has for errors, as what is graded. Raises `InputError`."""
    found: Columns | None = None
    for place, row in rows:
        found = found or columns.found_in(row, place)
        yield answered(row, found, place)


def answered(row: Row, columns: Columns, place: str) -> Answered:
    """One row; `columns` names answer and gold. Raises `InputError`: `NoReference` where there is no gold."""
    form = _form(row, columns, place)
    golds = _texts(_cell(row, columns.gold, place), place, columns.gold)
    golds += _texts(_at(row, columns.also), place, columns.also) if columns.also else []
    if columns.separator:
        golds = [part.strip() for text in golds for part in text.split(columns.separator)]
    golds = [text for text in golds if text.strip()]
    if not golds:
        raise NoReference(
            f"{place} has no reference in {columns.gold!r}", "give it one, or leave the row out"
        )
    if isinstance(_at(row, columns.gold), list | tuple):
        golds = one_answer(golds, form)
    given = _texts(_cell(row, columns.answer, place), place, columns.answer)
    name = _first(row, columns.id, _IDS)
    name = encodable(str(name)).strip() if isinstance(name, str | int | float) else ""
    question = _first(row, columns.question, _QUESTIONS)
    task = Task(
        id=name or place.removeprefix("line ").removeprefix("row ").partition(" ")[0],
        question=question if isinstance(question, str) else "",
        answer=golds[0],
        answers=tuple(golds[1:]),
        answer_form=form,
    )
    return Answered(task.id, task, _joined(given, form) if given else None)


def _only(found: Sequence[str], what: str, option: str, row: Row, place: str) -> str:
    """The one column that `found` holds. Raises `InputError`."""
    names = list(dict.fromkeys(found))
    if len(names) > 1:
        several = " and ".join(map(repr, names))
        raise InputError(
            f"{several} could be {what}", f"name the column: {option}={names[0]} or --{option} {names[0]}"
        )
    if not names:
        columns = one_line(", ".join(map(str, row)), 200) or "none"
        raise InputError(
            f"{place} has no column known for {what} (it has: {columns})",
            f"name it: {option}=COLUMN or --{option} COLUMN",
        )
    return names[0]


def _form(row: Row, columns: Columns, place: str) -> AnswerForm:
    """What the row tells of the form of its answer."""
    nested = row.get("answer_form")
    fields: dict[str, Any] = {**cast("Row", nested)} if isinstance(nested, Mapping) else {}
    fields |= {name: row[name] for name in _DECLARED if row.get(name) not in (None, "")}
    kind = _first(row, columns.kind, _KINDS)
    if kind not in (None, "") and (columns.kind or kind in _KIND_NAMES):
        fields["kind"] = kind
    options = _first(row, columns.options, _OPTIONS)
    if options not in (None, "", [], {}, ()):
        fields["options"] = _choices(options, place)
    if not fields:
        return _PLAIN
    try:
        return AnswerForm.model_validate(fields)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        value = one_line(repr(problem.get("input")), _SHOWN)
        raise InputError(f"{place} has {where} = {value}", problem["msg"].lower()) from error


_PLAIN = AnswerForm()


def _choices(value: object, place: str) -> tuple[str, ...]:
    """Options in order, from a list, an object from letter to text, or one text of either (`options_in`)."""
    if isinstance(value, str):
        value = options_in(value)
    if isinstance(value, Mapping):
        lettered = cast("Row", value)
        value = [lettered[letter] for letter in sorted(lettered) if lettered[letter] is not None]
    if not isinstance(value, list | tuple):
        raise InputError(
            f"{place} has options that are no list", 'write ["red", "blue"], {"A": "red"} or "A. red B. blue"'
        )
    return tuple(_texts(cast("list[Any]", value), place, "options"))


def options_in(text: str) -> object:
    """The options that a text holds: JSON, a list as Python prints it, or "A. red B. blue", where the letters
    run from A without a gap. None if it holds none.
    """
    if (value := read_json(text)) is not None or len(text) > _LONGEST_OPTIONS:
        return value
    if text.lstrip().startswith("["):
        try:
            return literal_eval(text.strip())  # reads literals, and runs nothing
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    marks: list[re.Match[str]] = []
    for mark in _LETTERED.finditer(text):
        if mark[1] == _LETTERS[len(marks) : len(marks) + 1]:
            marks.append(mark)
    if len(marks) < 2 or text[: marks[0].start()].strip():
        return None
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [text[mark.end() : end].strip(" \t\r\n,;|") for mark, end in zip(marks, ends, strict=True)]


def _texts(value: object, place: str, column: str) -> list[str]:
    """A text, number, truth value or list of them as texts. Raises `InputError` for anything else."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, int | float):
        with boundary(InputError, f"reading {column!r} of {place}", "give it as text", expected=ValueError):
            return [str(value)]  # not of more digits than Python writes in one go
    if isinstance(value, list | tuple):
        return [text for one in cast("Sequence[object]", value) for text in _texts(one, place, column)]
    what = type(value).__name__
    inner = next(iter(cast("Row", value)), "text") if isinstance(value, Mapping) else ""
    raise InputError(
        f"{place} has {what} in {column!r}, which is no answer",
        f"name what is in it, such as {column}.{inner}" if inner else "give text or numbers",
    )


def one_answer(texts: Sequence[str], form: AnswerForm) -> list[str]:
    """The texts of a list as the references they are: one where the form is that of several things, else
    each.
    """
    return [_joined(texts, form)] if texts and (form.kind in _JOINED or form.several) else list(texts)


def _joined(texts: Sequence[str], form: AnswerForm) -> str:
    """Several texts as one answer."""
    text = ", ".join(texts)
    return f"[{text}]" if form.kind is AnswerKind.box and len(texts) > 1 else text


def _cell(row: Row, column: str, place: str) -> Any:
    """The value in `column`, which may be None. Raises `InputError` if the row has no such column."""
    value = _at(row, column)
    if value is None and column not in row and column.partition(".")[0] not in row:
        columns = one_line(", ".join(map(str, row)), 200) or "none"
        raise InputError(
            f"{place} has no column {column!r} (it has: {columns})",
            "name another, or write null where there is none",
        )
    return value


def _first(row: Row, column: str, usual: Sequence[str]) -> Any:
    """The value in `column`, or else in the first of the `usual` ones that has any."""
    if column:
        return _at(row, column)
    return next((row[name] for name in usual if row.get(name) not in (None, "")), None)


def _at(row: object, path: str) -> Any:
    """The value at a dotted path, None if there is none; a column whose name holds the dot goes first."""
    if isinstance(row, Mapping) and path in row:
        return cast("Row", row)[path]
    key, dot, rest = path.partition(".")
    if isinstance(row, Mapping):
        inner = cast("Row", row).get(key) if dot else None
    elif isinstance(row, list | tuple) and key.isdecimal():
        inner = next(iter(cast("Sequence[Any]", row)[int(key[:9]) :]), None)
    else:
        return None
    return _at(inner, rest) if rest else inner
