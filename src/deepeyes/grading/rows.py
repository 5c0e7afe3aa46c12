"""Rows of answers and references, whatever their columns are called, as tasks that can be graded.

    for verdict in grade_rows([{"prediction": "about 12 m", "answer": "12 m"}]):
        print(verdict.outcome, verdict.reason)

What always holds: a row that cannot be graded is an error that says which one and why, never a verdict; what
a person says of an answer stands; rows are read one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.errors import InputError, boundary
from deepeyes.core.task import Task
from deepeyes.core.text import encodable, one_line
from deepeyes.core.verdict import Verdict
from deepeyes.grading.columns import Columns, Row
from deepeyes.grading.options import options_in
from deepeyes.grading.rules import grade
from deepeyes.grading.scorers.registry import scorer_named

_IDS = ("id", "question_id", "task_id", "sample_id", "qid", "pid", "uid", "idx", "index")
_KINDS = ("kind", "answer_kind")
_OPTIONS = ("options", "choices")
_QUESTIONS = ("question", "query", "problem", "prompt")
_KIND_NAMES = [kind.value for kind in AnswerKind]
_JOINED = frozenset((AnswerKind.list, AnswerKind.box))
"""Kinds of which a list is one answer; else it is several that are right."""
_DECLARED = ("unit", "precision", "tolerance", "closed", "several", "decimal_comma", "ordered", "overlap")
_VERDICT_WORDS = {
    **dict.fromkeys(("true", "yes", "right", "correct", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "wrong", "incorrect", "0", "0.0"), False),
}
_SHOWN = 60


class NoReference(InputError):
    """The row has nothing to compare its answer with."""


class Answered(NamedTuple):
    """A row as what is graded."""

    id: str
    task: Task
    answer: str | None
    person: bool | None = None
    """Whether a person says that the answer is right; None where nobody looked."""

    def verdict(self, rule: Callable[[Task, str | None], Verdict]) -> Verdict:
        """That of `rule`, with a person's in its place where there is one."""
        verdict = rule(self.task, self.answer)
        if self.person is None:
            return verdict
        said = "right" if self.person else "wrong"
        reason = f"a person says {said}; rules: {verdict.outcome.value} ({verdict.reason})"
        return verdict.model_copy(update={"score": float(self.person), "by": "person", "reason": reason})


def grade_rows(
    rows: Iterable[Row],
    *,
    answer: str = "",
    gold: str = "",
    id: str = "",
    kind: str = "",
    options: str = "",
    separator: str = "",
    person: str = "",
    scorer: str = "",
) -> Iterator[Verdict]:
    """The verdict on each row in turn, by our rules or by the published one that `scorer` names.

    The other arguments are those of `Columns`. Raises `InputError` at a row that cannot be graded.
    """
    rule = scorer_named(scorer).score if scorer else grade
    named = Columns(answer, gold, id, kind, options, separator=separator, person=person)
    places = ((f"row {number}", row) for number, row in enumerate(rows, 1))
    for answered in answered_rows(places, named):
        yield answered.verdict(rule)


def answered_rows(rows: Iterable[tuple[str, Row]], columns: Columns) -> Iterator[Answered]:
    """The rows, each with the place it has for errors, as what is graded. Raises `InputError`."""
    found: Columns | None = None
    for place, row in rows:
        found = found or columns.found_in(row, place)
        yield answered(row, found, place)


def answered(row: Row, columns: Columns, place: str) -> Answered:
    """One row; `columns` names answer and gold. Raises `InputError`: `NoReference` where there is no gold."""
    task = referenced(row, columns, place)
    given = _texts(_cell(row, columns.answer, place), place, columns.answer)
    said = _says_right(row, columns.person, place) if columns.person else None
    return Answered(task.id, task, _joined(given, task.answer_form) if given else None, said)


def referenced(row: Row, columns: Columns, place: str) -> Task:
    """The question of a row with its reference, whatever was answered; `columns` names gold.

    Raises `InputError`: `NoReference` where there is no gold.
    """
    form = _form(row, columns, place)
    golds = _texts(_cell(row, columns.gold, place), place, columns.gold)
    golds += _texts(_at(row, columns.also), place, columns.also) if columns.also else []
    if columns.separator:
        golds = [part.strip() for text in golds for part in text.split(columns.separator)]
    golds = [text for text in golds if text.strip()]
    if not golds:
        raise NoReference(
            f"{place} has no reference in {columns.gold!r}", "give it one, or leave the row out (--skip)"
        )
    if isinstance(_at(row, columns.gold), list | tuple):
        golds = one_answer(golds, form)
    name = _first(row, columns.id, _IDS)
    name = encodable(str(name)).strip() if isinstance(name, str | int | float) else ""
    question = _first(row, columns.question, _QUESTIONS)
    return Task(
        id=name or place.removeprefix("line ").removeprefix("row ").partition(" ")[0],
        question=question if isinstance(question, str) else "",
        answer=golds[0],
        answers=tuple(golds[1:]),
        answer_form=form,
    )


def verdict_word(value: object) -> bool | None:
    """What a verdict in any of the usual words says: True for right; None for other words."""
    return _VERDICT_WORDS.get(str(value).strip().lower())


def _says_right(row: Row, column: str, place: str) -> bool | None:
    """What a person says; None where nobody looked. Raises `InputError` for words that are no verdict."""
    value = _cell(row, column, place)
    said = verdict_word(value)
    if said is None and value not in (None, ""):
        raise InputError(
            f"{place} has {one_line(repr(value), _SHOWN)} in {column!r}, which is no verdict",
            "write right or wrong, or leave it empty",
        )
    return said


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
