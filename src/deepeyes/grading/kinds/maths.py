"""Mathematics: fractions, roots, sets, intervals, matrices, equations, in LaTeX and in plain notation.

What always holds: text is read by a grammar of our own and never evaluated; "the same" is proven, by equal
canonical forms or by computer algebra in a process of its own; "different" is proven by values; and no pair
takes longer than the limit of that process. Where no such process can be started, an `InfrastructureError`
says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.verdict import Decider
from deepeyes.grading.kinds.kind import Kind
from deepeyes.grading.maths.comparing import same_answer
from deepeyes.grading.maths.reading import Reading, reading
from deepeyes.grading.notation import bare


@dataclass(frozen=True, slots=True)
class Mathematics:
    """What a bare answer says, and how it was written."""

    said: Reading
    text: str


class _Maths:
    name = AnswerKind.maths
    by: Decider = "maths"

    def read(self, text: str, form: AnswerForm) -> Mathematics | None:
        return _read(text)

    def same(self, given: Any, expected: Any, form: AnswerForm) -> bool | None:
        return _same(given, expected, form.ordered if form.kind or form.ordered else None)

    def show(self, value: Any) -> str:
        return bare(value.text)


@lru_cache(maxsize=4096)
def _read(text: str) -> Mathematics | None:
    said = reading(text)
    return None if said is None else Mathematics(said, text)


@lru_cache(maxsize=4096)
def _same(given: Mathematics, expected: Mathematics, ordered: bool | None) -> bool | None:
    found = same_answer(given.said.answer, expected.said.answer, ordered=ordered)
    if found is False and not (given.said.is_certain and expected.said.is_certain):
        return None
    return found


MATHS: Kind = _Maths()
