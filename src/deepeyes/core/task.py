"""A task: a question about images, with the answer that counts and the truth behind it.

Tasks are frozen data. They go on the wire and into traces, so they do nothing and hold no pixels, only the
names of pixels (`ImageRef`). What a task means (how it was made, how it is graded) lives in the rooms
above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from deepeyes.core.answers import AnswerForm
from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageRef
from deepeyes.core.text import Text, encodable


class Task(BaseModel):
    """One question about zero or more images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Text = Field(min_length=1)
    """Unique in its data set; resuming a run skips ids that are done."""
    question: Text
    images: tuple[ImageRef, ...] = ()
    answer: Text = ""
    """The reference answer; empty when nobody knows it (a user's question)."""
    answers: tuple[Text, ...] = ()
    """Other answers that count as right."""
    answer_form: AnswerForm = AnswerForm()
    """How the answer is written and compared; by default inferred from `answer`."""
    family: Text = ""
    """The kind of world task ("tiny", "direct") or benchmark it belongs to."""
    split: str = ""
    kind: Text = ""
    """A finer label inside the family ("read", "colour", "count")."""
    truth: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What the maker knows and the model does not, e.g. {"box": [x0, y0, x1, y1]} in pixels of the first
    image.
    """
    group: Text = ""
    """What it shares with other tasks, so that their results are not independent: the entity asked about, the
    question of which it is a variant. Empty where it stands alone. Statistics resample whole groups.
    """
    tags: tuple[Text, ...] = ()
    """Labels of which it has any number ("perception", "search"); tables have a row for each."""
    source: str = ""
    meta: dict[str, Any] = Field(default_factory=dict[str, Any])

    @model_serializer(mode="wrap")
    def _compact(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A form says only what was declared; empty forms, groups and tags are left out."""
        values: dict[str, Any] = whole(self)
        values = {key: value for key, value in values.items() if value or key not in ("group", "tags")}
        form = values.get("answer_form")
        if isinstance(form, dict):
            declared = self.answer_form.model_dump(mode="json", exclude_defaults=True)
            values = {key: value for key, value in values.items() if key != "answer_form"}
            if declared:
                values["answer_form"] = declared
        return values

    @property
    def truth_box(self) -> tuple[float, float, float, float] | None:
        """Where the thing asked about lies, in pixels of the first image; None if `truth` does not say."""
        box = self.truth.get("box")
        if not isinstance(box, list | tuple) or len(cast(Sequence[Any], box)) != 4:
            return None
        left, top, right, bottom = (float(side) for side in cast(Sequence[Any], box))
        return left, top, right, bottom


def same_question(one: Task, other: Task) -> bool:
    """Whether both ask the same of the same images and expect the same."""
    return (one.question, one.images, one.answer) == (other.question, other.images, other.answer)


def check_question(question: str, max_chars: int) -> str:
    """The question, stripped; raises `InputError` if it is empty, longer than `max_chars` or not Unicode."""
    stripped = question.strip()
    if not stripped:
        raise InputError("the question is empty", "ask something about the picture")
    if encodable(stripped) != stripped:
        raise InputError("the question holds bytes that are not UTF-8", "write it in UTF-8")
    if len(stripped) > max_chars:
        raise InputError(
            f"the question has {len(stripped):,} characters, more than {max_chars:,}",
            "shorten it, or raise the limit with --limit question_chars=N",
        )
    return stripped
