"""What a mathematical answer can be besides one value: a pair, a set, an interval, a matrix, an equation.

What always holds: answers are immutable and hashable, and hold scalars in canonical form.
"""

from __future__ import annotations

from dataclasses import dataclass

from deepeyes.grading.maths.expression import INFINITY, Scalar, negative


@dataclass(frozen=True, slots=True)
class Items:
    """Several answers."""

    kind: str
    """ "list" (with commas alone), "tuple" (…), "bracket" […], "set" {…} or "2 and 3", "ratio" a:b."""
    items: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    left: Scalar
    right: Scalar
    with_left: bool
    with_right: bool


@dataclass(frozen=True, slots=True)
class Union:
    """Intervals and sets together."""

    parts: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    rows: tuple[tuple[Scalar, ...], ...]


@dataclass(frozen=True, slots=True)
class Assigned:
    """``x = 5``: a name and what it stands for; or ``1 < x < 2`` and ``x ∈ S``."""

    name: str
    value: Answer


@dataclass(frozen=True, slots=True)
class Relation:
    """``x² + y² = 1`` or ``a < b``, with everything on the left: the difference is zero, or less."""

    sign: str
    """ "=", "<" or "≤"."""
    difference: Scalar


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value in a unit."""

    value: Answer
    unit: str
    """Its one name if it is a unit of measure, else the words as written."""


Answer = Scalar | Items | Interval | Union | Matrix | Assigned | Relation | Quantity

WHOLE_LINE = Interval(negative(INFINITY), INFINITY, with_left=False, with_right=False)
"""All real numbers."""


def as_interval(answer: Answer) -> Interval | None:
    """A pair in brackets taken as an interval."""
    match answer:
        case Interval():
            return answer
        case Items("tuple" | "bracket" as kind, (left, right)) if isinstance(left, Scalar) and isinstance(
            right, Scalar
        ):
            closed = kind == "bracket"
            return Interval(left, right, with_left=closed, with_right=closed)
        case _:
            return None
