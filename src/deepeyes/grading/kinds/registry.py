"""All kinds of answers, and as which of them a reference is read.

What always holds: a kind that was declared comes first; what is not declared is inferred from how the
reference is written, the narrowest kind first, and words are always the last way of reading it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.grading.kinds.box import BOX, is_box_of_pixels
from deepeyes.grading.kinds.date import DATE
from deepeyes.grading.kinds.kind import Kind
from deepeyes.grading.kinds.letter import LETTER
from deepeyes.grading.kinds.listed import LISTED
from deepeyes.grading.kinds.maths import MATHS
from deepeyes.grading.kinds.number import NUMBER
from deepeyes.grading.kinds.text import TEXT
from deepeyes.grading.kinds.yes_no import YES_NO

KINDS: dict[AnswerKind, Kind] = {
    kind.name: kind for kind in (LETTER, YES_NO, NUMBER, DATE, BOX, LISTED, MATHS, TEXT)
}

_LETTERS = re.compile(r"\(?[A-Z]\)?|\([a-z]\)|[A-J](?:, ?[A-J])+|\([A-J]\)(?:,? ?\([A-J]\))+")
_RUN = re.compile(r"A?B?C?D?E?F?G?")
_YES_NO = frozenset(("yes", "no", "true", "false"))
_SEPARATED = re.compile(r"[,;、\n和与及]| and ")
_ENCLOSED = re.compile(r"[\[{].*[\]}]", re.DOTALL)


def kinds_of(reference: str, form: AnswerForm) -> Iterator[Kind]:
    """The kinds as which `reference` is read, in this order; those that cannot read it are left out."""
    if form.kind is not None and KINDS[form.kind].read(reference, form) is not None:
        kinds = _declared(form.kind)
    else:
        kinds = _inferred(reference.strip(), form)
    for kind in kinds:
        if kind.read(reference, form) is not None:
            yield kind


def letters_in(reference: str) -> bool:
    """Whether a reference is written as letters of options that nobody listed: "B", "(b)", "A, C", "AC"."""
    return _LETTERS.fullmatch(reference) is not None or (
        len(reference) > 1 and _RUN.fullmatch(reference) is not None
    )


def _declared(kind: AnswerKind) -> tuple[Kind, ...]:
    match kind:
        case AnswerKind.letter:
            return (LETTER,)
        case AnswerKind.number:
            return (NUMBER, MATHS, TEXT)
        case AnswerKind.text:
            return (TEXT,)
        case _:
            return (KINDS[kind], TEXT)


def _inferred(reference: str, form: AnswerForm) -> Iterator[Kind]:
    if form.options and LETTER.read(reference, form) is not None:
        yield LETTER
        return
    if letters_in(reference):
        yield LETTER
    if reference.casefold() in _YES_NO:
        yield YES_NO
    yield NUMBER
    yield DATE
    if _ENCLOSED.fullmatch(reference) and is_box_of_pixels(reference, form):
        yield BOX
    if _SEPARATED.search(reference):
        yield LISTED
    yield MATHS
    yield TEXT
