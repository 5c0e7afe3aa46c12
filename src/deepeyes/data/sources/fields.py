"""Values of a row's fields, by name and as what they are to be: ids, texts, choices, forms of answers, JSON.

What always holds: a value that is not what it should be is an `Unusable` that says what it is; text
that comes out can be written as UTF-8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from string import Formatter
from typing import Any, cast

from pydantic import ValidationError

from deepeyes.core.answers import AnswerForm
from deepeyes.core.text import encodable, read_json
from deepeyes.data.item import Unusable
from deepeyes.grading.options import options_in
from deepeyes.grading.rows import one_answer

Row = Mapping[str, Any]
_ID_CHARS = 200
_DEPTH = 30


def item_id(source: str, value: object, number: int) -> str:
    """`source/value`, or `source/row-N` for rows without an id; a long value is cut, and its hash put behind.

    Raises `Unusable` for an id that is no id.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return f"{source}/row-{number}"
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unusable("wrong_type", f"the id is {type(value).__name__}")
    text = encodable(str(value)).strip()
    if len(text) > _ID_CHARS:
        text = f"{text[:_ID_CHARS]}-{sha256(text.encode()).hexdigest()[:16]}"
    return f"{source}/{text}"


def asked(question: object) -> str:
    """The question as text. Raises `Unusable` if there is none."""
    if question is None:
        raise Unusable("no_question", "the question is missing")
    if not isinstance(question, str):
        raise Unusable("wrong_type", f"the question is {type(question).__name__}")
    if not question.strip():
        raise Unusable("no_question", "the question is empty")
    return question.strip()


def texts(value: object, what: str) -> list[str]:
    """A text, number, truth value or list of them as texts. Raises `Unusable` for anything else."""
    if value is None:
        return []
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, int | float):
        return [f"{value:.12g}" if isinstance(value, float) else str(value)]
    if isinstance(value, str):
        return [value]
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [text for one in cast("Sequence[object]", value) for text in texts(one, what)]
    raise Unusable("wrong_type", f"{what} is {type(value).__name__}")


def references(value: object, what: str, form: AnswerForm) -> list[str]:
    """The answers that count as right: of a list each, or the whole where the form is that of several things.
    Raises `Unusable`.
    """
    given = texts(value, what)
    return one_answer(given, form) if isinstance(value, list | tuple) else given


def choices(value: object) -> tuple[str, ...]:
    """Choices in order; an object from letter to text is taken in the order of its letters, and a text is
    read as what it holds of either.
    """
    if isinstance(value, str):
        value = options_in(value) or value
    if isinstance(value, Mapping):
        lettered = cast("Mapping[str, object]", value)
        given = [lettered[letter] for letter in sorted(lettered)]
        return tuple(texts([one for one in given if one is not None], "an option"))
    return tuple(texts(value, "an option"))


def declared_form(value: object, before: AnswerForm) -> AnswerForm:
    """What a row declares of its answer's form, an object or JSON of one (as exports write it), and `before`
    where it says nothing. Raises `Unusable`.
    """
    if value in (None, ""):
        return before
    if isinstance(value, str) and (read := read_json(value)) is not None:
        value = read
    if not isinstance(value, Mapping):
        raise Unusable("wrong_type", f"the form of the answer is {type(value).__name__}")
    own = {key: one for key, one in cast("Row", value).items() if one is not None}
    try:
        return AnswerForm.model_validate({**before.model_dump(exclude_defaults=True), **own})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Unusable("wrong_type", f"the form of the answer: {where}: {first['msg'].lower()}") from error


def value_at(row: object, path: str) -> Any:
    """The value at a dotted path; None where there is none. A column whose name holds the dot goes first."""
    if not path:
        return None
    if isinstance(row, Mapping) and path in row:
        return cast("Row", row)[path]
    key, _, rest = path.partition(".")
    if isinstance(row, Mapping):
        here = cast("Row", row).get(key)
    elif isinstance(row, Sequence) and not isinstance(row, str | bytes) and key.isdigit():
        many = cast("Sequence[Any]", row)
        here = many[int(key)] if int(key) < len(many) else None
    else:
        return None
    return value_at(here, rest) if rest else here


def filled(template: str, row: Row) -> str:
    """`template` with each {column} replaced. Raises `Unusable` if the row has no text or number there."""
    parts: list[str] = []
    for words, column, _, _ in Formatter().parse(template):
        parts.append(words)
        if column is not None:
            value = value_at(row, column)
            if not isinstance(value, str | int | float):
                raise Unusable("no_question", f"the row has neither text nor number in the column {column!r}")
            parts.append(str(value))
    return "".join(parts)


def plain(value: Any, depth: int = 0) -> Any:
    """The value if JSON can hold it, else its text. Raises `Unusable` if it is nested too deeply."""
    if depth > _DEPTH:
        raise Unusable("wrong_type", f"a column to keep is nested deeper than {_DEPTH}")
    if isinstance(value, str):
        return encodable(value)
    if value is None or isinstance(value, int | float | bool):
        return value
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value).items()
        return {encodable(str(key)): plain(inner, depth + 1) for key, inner in entries}
    if isinstance(value, list | tuple):
        return [plain(inner, depth + 1) for inner in cast("Sequence[Any]", value)]
    return str(value)[:1000]
