"""Which column of a file of questions holds what.

What always holds: columns that nobody named are found by their usual names, in any spelling of case; "-" says
that there is none; a question, a reference or an image that is not found is an error that names the columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic import field_validator

from deepeyes.core.config import Config
from deepeyes.core.errors import InputError
from deepeyes.core.task import Task
from deepeyes.core.text import one_line
from deepeyes.data.item import Unusable
from deepeyes.data.sources.fields import plain, texts, value_at
from deepeyes.grading import columns as grading
from deepeyes.grading.options import options_in
from deepeyes.grading.rows import referenced

NONE = "-"
"""In place of a column's name: there is none."""

_USUAL = {
    "id": ("id", "question_id", "task_id", "sample_id", "data_id", "qid", "pid", "uid", "idx", "index"),
    "question": (
        *("question", "query", "problem", "prompt", "question_text", "problem_text", "instruction"),
        *("user_query", "input", "text"),
    ),
    "options": ("options", "choices", "option", "choice", "multi-choice options"),
    "family": ("family",),
    "category": ("category", "subject"),
    "group": ("group",),
    "tags": ("tags",),
}
_IMAGES = (
    *("decoded_image", "images", "image", "image_paths", "image_path", "img", "img_path", "image_file"),
    *("picture", "photo", "figure", "figure_path", "query_image", "file_names", "file_name", "filename"),
    *("file", "path"),
)
_NUMBERED = re.compile(r"image_?([0-9]{1,3})", re.IGNORECASE)
_LETTERED = re.compile(r"(?:(?:option|choice)[ _]?)?([A-Z])", re.IGNORECASE)
_OPTIONS = "options of columns"
_LONGEST = 1_000
"""Characters of a value that is kept beside the task."""


class OwnColumns(Config):
    """Names of columns. A dot goes into a value ("gold.0.text"); those left empty are found."""

    id: str = ""
    """Must be another one in each row; rows without it are numbered."""
    question: str = ""
    answer: str = ""
    """The reference: a text, a number, or a list of which each is right."""
    answers: str = ""
    """Further references."""
    image: tuple[str, ...] = ()
    """Paths, bytes, base64 or data URLs, one or a list. All of several columns that are named; of those that
    are found, a row's first one that holds any.
    """
    options: str = ""
    """A list, an object from letter to text, or one text of either; else columns A, B, C ... are taken."""
    answer_kind: str = ""
    """As what the answer is compared, one of `AnswerKind`."""
    family: str = ""
    """By default the file's name."""
    category: str = ""
    """A finer label, which tables have rows for."""
    group: str = ""
    tags: str = ""
    box: str = ""
    """Where the thing asked about lies: left, top, right, bottom in pixels of the first image."""

    @field_validator("image", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    def found_in(self, names: Iterable[str], place: str) -> Found:
        """All of them, by the names that the first rows have; `place` is what an error calls the file.

        Raises `InputError`.
        """
        known = list(names)
        folded = {_folded(name): name for name in reversed(known)}

        def found(key: str) -> str:
            named: str = getattr(self, key)
            usual = (folded[name] for name in map(_folded, _USUAL[key]) if name in folded)
            return "" if named == NONE else named or next(usual, "")

        told = {key: found(key) for key in _USUAL}
        for key, name in (("question", told["question"]), *(("image", name) for name in self.image)):
            if name not in ("", NONE) and name not in known and name.partition(".")[0] not in known:
                raise _missing(f"no column {name!r}", key, known, place)
        if not told["question"]:
            raise _missing("no column known for the question", "question", known, place)
        numbered = _numbered(known)
        images = self.image or tuple(folded[name] for name in _IMAGES if name in folded) or numbered
        if not images:
            raise _missing("no column known for the image", "image", known, place, f", or image={NONE}")
        rest = dict.fromkeys(name for name in known if name not in (told["question"], *images))
        golds = grading.Columns(gold=self.answer, also=self.answers).asked_in(rest, place)
        columns = self.model_copy(
            update={
                **told,
                "answer": golds.gold,
                "answers": golds.also,
                "image": tuple(name for name in images if name != NONE),
            }
        )
        letters = {} if told["options"] or self.options == NONE else _letters(known)
        return Found(columns, bool(self.image) or images == numbered, letters)


@dataclass(frozen=True)
class Found:
    """All columns of a file; empty where it has none."""

    names: OwnColumns
    all_images: bool
    """Whether a row's images are those of all image columns, not of the first that holds any."""
    letters: Mapping[str, str]
    """Letter of an option to the column with its text."""

    def reference(self, row: Mapping[str, Any], separator: str, place: str) -> Task:
        """The question of a row and what grading is to know of its answer. Raises `InputError`."""
        names = self.names
        columns = grading.Columns(
            gold=names.answer,
            also=names.answers,
            id=names.id or NONE,
            kind=names.answer_kind,
            options=names.options or NONE,
            question=names.question,
            separator=separator,
        )
        options = {letter: row[name] for letter, name in self.letters.items() if not _empty(row.get(name))}
        if len(options) > 1:
            row, columns = {**row, _OPTIONS: options}, replace(columns, options=_OPTIONS)
        return referenced(row, columns, place)

    def images(self, row: Mapping[str, Any]) -> list[object]:
        """What the row's image columns hold, each one image or a list."""
        values = [value_at(row, name) for name in self.names.image]
        there = [_listed(value) for value in values if not _empty(value)]
        return there if self.all_images else there[:1]

    def labels(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a task that the row tells beside its question: family, kind, group, tags, truth, and
        as `meta` what else there is and is short. Raises `Unusable`.
        """
        names, fields = self.names, dict[str, Any]()
        labels = {"family": names.family, "kind": names.category, "group": names.group, "tags": names.tags}
        for field, name in labels.items():
            if found := texts(value_at(row, name), name) if name else []:
                fields[field] = tuple(found) if field == "tags" else found[0]
        if names.box:
            fields["truth"] = {"box": _box(value_at(row, names.box), names.box)}
        told = (*names.model_dump(exclude={"image"}).values(), *names.image, *self.letters.values())
        used = {name.partition(".")[0] for name in told}
        rest = {str(name): plain(value) for name, value in row.items() if name not in used}
        return {**fields, "meta": {name: one for name, one in rest.items() if len(str(one)) <= _LONGEST}}


def _box(value: object, name: str) -> list[float]:
    """Four numbers, also as text. Raises `Unusable`."""
    sides = _listed(value)
    if isinstance(sides, list) and len(cast("list[Any]", sides)) == 4:
        try:
            return [float(side) for side in cast("list[Any]", sides)]
        except (TypeError, ValueError):
            pass
    raise Unusable("wrong_type", f"{name} is not four numbers")


def _empty(value: object) -> bool:
    return value is None or value == "" or value == []


def _listed(value: object) -> object:
    """A list that a cell holds as text, else the value."""
    many = options_in(value) if isinstance(value, str) and value.lstrip().startswith("[") else None
    return many if isinstance(many, list) else value


def _folded(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    """image_1, image_2, ... in order."""
    numbers = {name: int(mark[1]) for name in names if (mark := _NUMBERED.fullmatch(name))}
    return tuple(sorted(numbers, key=numbers.__getitem__))


def _letters(names: Sequence[str]) -> dict[str, str]:
    """A, B, ... or choice_a, choice_b, ...: at least two, from A without a gap."""
    found = {mark[1].upper(): name for name in names if (mark := _LETTERED.fullmatch(name))}
    run: dict[str, str] = {}
    while (letter := chr(ord("A") + len(run))) in found:
        run[letter] = found[letter]
    return run if len(run) > 1 else {}


def _missing(what: str, key: str, names: Sequence[str], place: str, more: str = "") -> InputError:
    columns = one_line(", ".join(map(str, names)), 200) or "none"
    return InputError(f"{place} has {what} (it has: {columns})", f"name it with --column {key}=NAME{more}")
