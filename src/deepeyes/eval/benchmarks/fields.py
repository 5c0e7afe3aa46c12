"""A row's values by what they are to be, and the wording of questions with options.

What always holds: a value that is not what it should be is an `Unusable` that names the column; nothing is
guessed, and text that comes out can be written as UTF-8.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.text import encodable
from deepeyes.data.item import Unusable
from deepeyes.data.sources.fields import choices, texts, value_at
from deepeyes.data.stages.prepare.choices import texts_of
from deepeyes.grading.options import options_in

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MANY = 99
_AROUND = " ().:"
"""What stands around a letter."""


class Fields:
    """One row. Columns are named with alternatives, "gold|answer", and a dot goes into a nested field."""

    def __init__(self, row: Mapping[str, Any], root: Path = Path(), number: int = 0) -> None:
        self.row = row
        self.root = root
        """Where relative paths start."""
        self.number = number
        """Of the row, from 0."""

    def value(self, names: str) -> Any:
        """The first that is there and not empty; None where all are."""
        values = (value_at(self.row, name) for name in names.split("|"))
        return next((value for value in values if not _is_empty(value)), None)

    def text(self, names: str) -> str:
        """A text or number, stripped. Raises `Unusable` where there is none."""
        if not (text := self.maybe(names)):
            raise Unusable("empty", f"the column {names.replace('|', ' or ')} is empty")
        return text

    def maybe(self, names: str) -> str:
        """As `text`; empty where there is none."""
        found = texts(self.value(names), f"the column {names}")
        if len(found) > 1:
            raise Unusable("wrong_type", f"the column {names} holds {len(found)} values, not one")
        return encodable(found[0]).strip() if found else ""

    def texts(self, names: str) -> tuple[str, ...]:
        """One text or several, a list that is written as JSON too; those that are empty are left out."""
        value = listed(self.value(names))
        found = (encodable(text).strip() for text in texts(value, f"the column {names}"))
        return tuple(dict.fromkeys(text for text in found if text))

    def flag(self, names: str) -> bool:
        """Whether it is 1, true or yes. Raises `Unusable` for what is neither that nor 0, false or no."""
        word = self.text(names).lower()
        if word not in _FLAGS:
            raise Unusable("wrong_type", f"the column {names} is {word[:40]!r}, neither 1 nor 0")
        return _FLAGS[word]

    def options(self, names: str) -> tuple[str, ...]:
        """Options in order, without their letters: a list, an object by letter, or one text of either."""
        value = self.value(names)
        return tuple(map(encodable, texts_of(choices(value)))) if value is not None else ()

    def count(self, names: str) -> int:
        """How many images a column holds; many where the column was not read yet."""
        if not any(name in self.row for name in names.split("|")):
            return _MANY
        value = listed(self.value(names))
        return len(cast("Sequence[object]", value)) if isinstance(value, list | tuple) else value is not None

    def lettered(self, letters: str) -> tuple[str, ...]:
        """The options that stand in columns A, B, C, ...; they end at the first that is empty."""
        found: list[str] = []
        for letter in letters:
            if not (text := self.maybe(letter)):
                break
            found.append(text)
        return tuple(found)


def with_options(question: str, options: Sequence[str]) -> str:
    """The question with its options, a line each; options that only repeat their letters are in the image."""
    if [text.strip(_AROUND) for text in options] == list(LETTERS[: len(options)]):
        listed = f"The options {', '.join(LETTERS[: len(options)])} are in the image."
    else:
        listed = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=False))
    return f"{question}\n{listed}\n{BY_LETTER}"


BY_LETTER = "Answer with the letter of the right option."


def letter_form(options: Sequence[str] = (), *, several: bool = False) -> AnswerForm:
    return AnswerForm(kind=AnswerKind.letter, options=tuple(options), several=several)


def right_letter(answer: str, options: Sequence[str]) -> str:
    """The letter that `answer` is or whose text it is. Raises `Unusable` if there is no such option."""
    if not options:
        raise Unusable("no_options", "no options are found, neither in their columns nor in the question")
    letter = answer.strip(_AROUND).upper()
    if len(letter) == 1 and letter in LETTERS[: len(options)]:
        return letter
    same = [place for place, text in enumerate(options) if text == answer.strip()]
    if len(same) == 1:
        return LETTERS[same[0]]
    raise Unusable("answer_not_an_option", f"the answer {answer[:60]!r} is none of {len(options)} options")


def listed(value: object) -> object:
    """The list that a text holds, as JSON or as Python prints it; anything else as it is."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        read = options_in(value)
        return read if isinstance(read, list) else value
    return value


def boxes_in(value: object) -> list[list[float]]:
    """Boxes as [left, top, right, bottom] out of a list, an object with one, or a text of either; none where
    it holds none that is a box.
    """
    value = listed(value)
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, Any]", value)
        named = next((inner[key] for key in ("bbox", "bbox_2d", "box") if key in inner), list(inner.values()))
        return boxes_in(named)
    if not isinstance(value, list | tuple):
        return []
    many = list(cast("Sequence[Any]", value))
    if len(many) == 4 and all(_is_number(side) for side in many):
        sides = [float(side) for side in many]
        return [sides] if sides[0] < sides[2] and sides[1] < sides[3] else []
    return [box for one in many for box in boxes_in(one)]


_FLAGS = {
    **dict.fromkeys(("1", "1.0", "true", "yes"), True),
    **dict.fromkeys(("0", "0.0", "false", "no"), False),
}


def _is_empty(value: object) -> bool:
    if isinstance(value, float) and math.isnan(value):
        return True
    return value is None or (isinstance(value, str) and not value.strip())


def _is_number(value: object) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(float(cast("Any", value)))
    except (TypeError, ValueError):
        return False
