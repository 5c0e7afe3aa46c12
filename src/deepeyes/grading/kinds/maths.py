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
from deepeyes.grading.maths.latex import plain
from deepeyes.grading.maths.reading import Reading, reading


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
        return _same(given, expected, form.ordered)

    def show(self, value: Any) -> str:
        return plain(value.text)


@lru_cache(maxsize=4096)
def _read(text: str) -> Mathematics | None:
    said = reading(text, _is_unit)
    return None if said is None else Mathematics(said, text)


@lru_cache(maxsize=4096)
def _same(given: Mathematics, expected: Mathematics, ordered: bool) -> bool | None:
    found = same_answer(given.said.answer, expected.said.answer, _same_unit, ordered=ordered)
    if found is False and not (given.said.is_certain and expected.said.is_certain):
        return None
    return found


def _is_unit(text: str) -> bool:
    return text in ("m", "cm", "km", "mm", "inches", "square inches", "degrees")


def _same_unit(one: str, other: str) -> bool | None:
    return one == other or None


MATHS: Kind = _Maths()
