"""Where rows come from, declared: a kind, a place, and which column is what.

    [sources.arxivqa]
    kind = "parquet"
    path = "data/arxivqa/*.parquet"
    license = "CC BY-SA 4.0"

    [sources.arxivqa.columns]
    question = "query"
    answer = "gold.label"        # a dot goes into a nested field
    images = ["figure"]

What always holds: reading is lazy and in the order of the source, so row number n is the same row every
time; a row that cannot be used raises `Unusable` in `row_to_item` and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from string import Formatter
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from deepeyes.core.answers import AnswerForm
from deepeyes.core.config import Config
from deepeyes.core.errors import ConfigError
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.data.item import Item, Route, Unusable
from deepeyes.data.old_names import LICENSE, ROUTE, renamed
from deepeyes.data.sources.fields import (
    Row,
    asked,
    choices,
    declared_form,
    filled,
    item_id,
    plain,
    references,
    texts,
    value_at,
)
from deepeyes.data.sources.images import read_images

Kind = Literal["jsonl", "parquet", "hf", "folder", "sharegpt", "rl", "world"]


_TABLES: tuple[Kind, ...] = ("jsonl", "parquet", "hf", "folder")
_FILES: tuple[Kind, ...] = (*_TABLES, "sharegpt", "rl")
_ONLY_FOR: dict[str, tuple[Kind, ...]] = {
    "path": _FILES,
    "config": ("hf",),
    "split": ("hf", "world"),
    "images": _FILES,
    "needs_image": _FILES,
    "needs_answer": (*_TABLES, "rl"),
    "question": _TABLES,
    "separator": _TABLES,
    "answer_form": (*_TABLES, "rl"),
    "families": ("world",),
    "seed": ("world",),
    "columns": _TABLES,
}
"""Settings that not every kind has."""


class Columns(Config):
    """Which column is what. A dot goes into a nested field or a list ("gold.0.text"); a column that a row
    does not have counts as empty.
    """

    id: str = "id"
    """Rows without one are numbered."""
    question: str = "question"
    answer: str = "answer"
    """A text, a number, or a list of which the first is the answer and the rest count as right too; where the
    form is that of several things, the whole list is the answer.
    """
    answers: str = ""
    """A further column of answers that count as right."""
    images: tuple[str, ...] = ("images", "image")
    """Columns with images; all that a row has are joined in this order."""
    options: str = "options"
    """Choices: a list, or an object from letter to text."""
    reasoning: str = ""
    """Written thought, for rows that are to be learnt from as they are."""
    answer_form: str = "answer_form"
    """What a row declares of the form of its answer: an object with keys of `AnswerForm`. It goes before what
    the source declares for all rows.
    """
    family: str = ""
    kind: str = ""
    meta: tuple[str, ...] = ()
    """Columns to keep with the task."""

    @field_validator("images", "meta", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value


class Source(Config):
    """One data set, or a part of the embedded world."""

    kind: Kind
    path: str = ""
    """A file, a folder or a pattern like `data/*.parquet`; for `hf` a folder or a name on the hub."""
    config: str = ""
    """For `hf`: which configuration."""
    split: str = "train"
    """For `hf` and `world`."""
    images: str = ""
    """The folder where relative image paths start; empty for the folder of the file."""
    route: Route | Literal[""] = ""
    """Where its items enter; by default `rl` for kind rl, `trace` or `text` for sharegpt, else `question`."""
    license: str = ""
    limit: int = Field(default=0, ge=0)
    """Rows to read at most; 0 for all."""
    needs_image: bool | None = None
    """Whether a row without an image is refused; by default yes, except with reasoning or a trace."""
    needs_answer: bool = True
    """Whether a row without an answer is refused (a benchmark to stay away from needs none)."""
    question: str = ""
    """For rows without a question: one for all of them, in which {column} stands for the row's value (a dot
    goes into a nested field).
    """
    separator: str = ""
    """What separates several right answers inside one text, such as " or "."""
    answer_form: AnswerForm = AnswerForm()
    """How the answers of all its rows are written and compared: `kind`, `unit`, `decimal_comma`, ... What is
    not declared, here or by a row, is inferred from each.
    """
    families: tuple[str, ...] = ("tiny", "direct")
    """For `world`."""
    seed: int = 0
    """For `world`."""
    columns: Columns = Columns()

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, values: Any) -> Any:
        return renamed(values, {**ROUTE, **LICENSE})

    @field_validator("question")
    @classmethod
    def _plain_template(cls, value: str) -> str:
        if any(column == "" or spec or turned for _, column, spec, turned in Formatter().parse(value)):
            raise ValueError("only {column} can be filled in")
        return value

    def check(self, where: str) -> None:
        """Raises `ConfigError` for settings that mean nothing for its kind; `where` it stands is for the
        message."""
        for setting, kinds in _ONLY_FOR.items():
            given = getattr(self, setting)
            if self.kind not in kinds and given != type(self).model_fields[setting].default:
                raise ConfigError(
                    f"{where}.{setting} means nothing for kind {self.kind}",
                    f"remove it: it is for {', '.join(kinds)}",
                )
        if self.kind != "sharegpt" and self.route == "trace":
            raise ConfigError(
                f"{where} cannot enter as trace: rows of kind {self.kind} bring none",
                "use question, rl or cold_start",
            )
        if self.kind != "sharegpt" and self.route == "text" and not self.columns.reasoning:
            raise ConfigError(
                f"{where} cannot enter as text without written reasoning",
                "name its column in columns.reasoning, or use question, rl or cold_start",
            )

    @property
    def entry(self) -> Route:
        """The route of its items; a conversation without images and tools goes into `text` all the same."""
        if self.route:
            return self.route
        if self.kind in ("rl", "sharegpt"):
            return "rl" if self.kind == "rl" else "trace"
        return "text" if self.columns.reasoning else "question"

    @property
    def requires_image(self) -> bool:
        """Whether a row must have an image."""
        if self.needs_image is not None:
            return self.needs_image
        return self.kind != "sharegpt" and not self.columns.reasoning


def row_to_item(name: str, source: Source, number: int, row: Row, store: ImageStore, root: Path) -> Item:
    """Row `number` as an item, its images put into `images`. Raises `Unusable`."""
    columns = source.columns
    question = value_at(row, columns.question) if columns.question else None
    if question in (None, "") and source.question:
        question = filled(source.question, row)
    form = declared_form(value_at(row, columns.answer_form), source.answer_form)
    given = references(value_at(row, columns.answer), "the answer", form)
    answers = [
        part
        for text in [*given, *_more(row, columns.answers)]
        for part in (text.split(source.separator) if source.separator else [text])
    ]
    answers = [text.strip() for text in answers if text.strip()]
    found = [value_at(row, column) for column in columns.images]
    task = Task(
        id=item_id(name, value_at(row, columns.id), number),
        question=asked(question),
        images=store_images([one for value in found for one in read_images(value, root)], store),
        answer=answers[0] if answers else "",
        answers=tuple(answers[1:]),
        answer_form=form,
        family=_label(row, columns.family) or name,
        kind=_label(row, columns.kind),
        source=name,
        meta={column: plain(value_at(row, column)) for column in columns.meta},
    )
    if source.requires_image and not task.images:
        raise Unusable("no_image", f"none of the columns {', '.join(columns.images)} holds an image")
    if source.needs_answer and not task.answer:
        raise Unusable("no_answer", f"the column {columns.answer} is empty")
    reasoning = (
        "\n".join(texts(value_at(row, columns.reasoning), "the reasoning")) if columns.reasoning else ""
    )
    if source.entry == "text" and not reasoning.strip():
        raise Unusable("no_reasoning", f"the column {columns.reasoning} is empty")
    return Item(
        task=task,
        source=name,
        row=number,
        route=source.entry,
        license=source.license,
        options=choices(value_at(row, columns.options)) if columns.options else (),
        reasoning=reasoning,
    )


def store_images(images: Iterable[Any], store: ImageStore) -> tuple[Any, ...]:
    """The images' names. Raises `Unusable` if the same image comes twice in one row."""
    refs = tuple(store.put(image) for image in images)
    if len(set(refs)) < len(refs):
        raise Unusable("image_twice", "one row names the same image more than once")
    return refs


def _more(row: Row, column: str) -> list[str]:
    return texts(value_at(row, column), "a further answer") if column else []


def _label(row: Row, column: str) -> str:
    found = texts(value_at(row, column), column) if column else []
    return found[0] if found else ""
