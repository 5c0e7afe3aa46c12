"""Whether two mathematical answers are the same: by their form, by their values, by algebra, in this order.

What always holds: True is a proof, by equal canonical forms or by computer algebra after the values agree;
False means that the values or the structures are apart beyond rounding; everything else is None. Comparison
is symmetric, and asks algebra only of values that agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from deepeyes.grading.kinds.units import read_units
from deepeyes.grading.maths import expression as ex
from deepeyes.grading.maths.algebra import proves_equal
from deepeyes.grading.maths.expression import INFINITY, Number, Scalar, Symbol, symbols
from deepeyes.grading.maths.numeric import Value, apart, sampled, value
from deepeyes.grading.maths.structure import (
    WHOLE_LINE,
    Answer,
    Assigned,
    Interval,
    Items,
    Matrix,
    Quantity,
    Relation,
    Union,
    as_interval,
)
from deepeyes.grading.maths.written import written

_MOST_UNPROVEN = 2
_HIGHEST_ROOT = 100
_INFINITE = (INFINITY, WHOLE_LINE.left)


def same_answer(one: Answer, other: Answer, *, ordered: bool | None = None) -> bool | None:
    """Whether both are the same, None where that is not known.

    `ordered`: whether the order of a list counts; None where nobody said.
    """
    return _Comparison(ordered, _Algebra()).compared(one, other)


class _Algebra:
    """Computer algebra for one comparison: what it cannot prove takes long, and it may fail only so often."""

    def __init__(self) -> None:
        self._unproven = 0

    def proves(self, one: Scalar, other: Scalar) -> bool | None:
        """True where it does, None where it does not."""
        if self._unproven == _MOST_UNPROVEN or not (_is_simple(one) and _is_simple(other)):
            return None
        found = proves_equal(*sorted(written(one, other)))
        self._unproven += not found
        return found or None


@dataclass(frozen=True, slots=True)
class _Comparison:
    ordered: bool | None
    algebra: _Algebra

    def compared(self, one: Answer, other: Answer) -> bool | None:
        if one == other:
            return True
        match one, other:
            case Quantity(), _:
                return self._quantities(one, other)
            case _, Quantity():
                return self._quantities(other, one)
            case Assigned(name, left), Assigned(other_name, right):
                return self.compared(left, right) if name == other_name else None
            case Assigned(name, left), Relation("=", right) if isinstance(left, Scalar):
                return self._equations(ex.add([Symbol(name), ex.negative(left)]), right)
            case Relation(), Assigned():
                return self.compared(other, one)
            case Assigned(_, left), _:
                return self.compared(left, other)
            case _, Assigned(_, right):
                return self.compared(one, right)
            case Relation("=", left), Relation("=", right):
                return self._equations(left, right)
            case Matrix(left), Matrix(right):
                if [len(row) for row in left] != [len(row) for row in right]:
                    return False
                return _all(
                    self.compared(a, b)
                    for x, y in zip(left, right, strict=True)
                    for a, b in zip(x, y, strict=True)
                )
            case Matrix(rows), Items() | Matrix():
                return (
                    self.compared(Items("tuple", tuple(row[0] for row in rows)), other)
                    if len(rows[0]) == 1
                    else None
                )
            case Items(), Matrix():
                return self.compared(other, one)
            case Union(left), Union(right):
                return self._matched(left, right)
            case Items(), Items():
                return self._items(one, other)
            case Interval(), _:
                return self._intervals(one, as_interval(other))
            case _, Interval():
                return self._intervals(as_interval(one), other)
            case Items(), _ if isinstance(other, Scalar):
                return self._one_of_several(one, other)
            case _, Items() if isinstance(one, Scalar):
                return self._one_of_several(other, one)
            case _ if isinstance(one, Scalar) and isinstance(other, Scalar):
                return self._scalars(one, other)
            case _:
                return None

    def _quantities(self, one: Quantity, other: Answer) -> bool | None:
        if isinstance(other, Quantity):
            return self.compared(one.value, other.value) if one.unit == other.unit else None
        if not read_units(one.unit) or isinstance(other, Items):
            # "2 more" is not 2, and 3 cm is not 3:1.
            return None
        found = self.compared(one.value, other)
        if one.unit != "%" and found is False and isinstance(one.value, Number) and isinstance(other, Number):
            # 60 months may be the 5 that was asked for in years: what numbers say, `number` knows better.
            return None
        if one.unit == "%":
            # 60 % may be meant as 60 or as 0.6.
            return (
                None
                if found is not False or not isinstance(one.value, Scalar)
                else self._is_no_share(one.value, other)
            )
        if one.unit == "degree" and not found and isinstance(one.value, Scalar):
            in_radians = ex.multiply([one.value, ex.PI, ex.number(Fraction(1, 180))])
            return True if self.compared(in_radians, other) else found
        return found

    def _is_no_share(self, percent: Answer, other: Answer) -> bool | None:
        if not isinstance(percent, Scalar):
            return None
        part = ex.divide(percent, ex.number(100))
        if isinstance(percent, Number) and isinstance(part, Number):
            part = ex.number(part.value, (percent.places or 0) + 2)
        return False if self.compared(part, other) is False else None

    def _items(self, one: Items, other: Items) -> bool | None:
        kinds = {one.kind, other.kind}
        if kinds == {"ratio"}:
            return self._proportional(one, other)
        if "ratio" in kinds:
            return None
        if len(one.items) != len(other.items):
            return False if len(kinds) == 1 or kinds == {"set", "list"} else None
        if kinds in ({"tuple"}, {"bracket"}) or (kinds == {"list"} and self.ordered):
            return _all(self.compared(a, b) for a, b in zip(one.items, other.items, strict=True))
        if kinds <= {"set", "list"} and not (kinds == {"list"} and self.ordered is None):
            return self._matched(one.items, other.items)
        # (1, 2) against "1, 2": the same in the same order is the same, another order may be.
        in_order = _all(self.compared(a, b) for a, b in zip(one.items, other.items, strict=True))
        if in_order and kinds != {"tuple", "bracket"}:
            return True
        return False if self._matched(one.items, other.items) is False else None

    def _matched(self, one: tuple[Answer, ...], other: tuple[Answer, ...]) -> bool | None:
        """Whether each of one side has its own on the other, in any order."""
        if len(one) != len(other):
            return None
        left = list(other)
        known = True
        for item in one:
            found = [self.compared(item, candidate) for candidate in left]
            if True in found:
                del left[found.index(True)]
            elif all(one_found is False for one_found in found) and found:
                return False
            else:
                known = False
        return True if known and not left else None

    def _proportional(self, one: Items, other: Items) -> bool | None:
        if len(one.items) != len(other.items):
            return False
        crossed = [
            (ex.multiply([a, d]), ex.multiply([b, c]))
            for (a, b), (c, d) in zip(_neighbours(one), _neighbours(other), strict=True)
        ]
        found = _all(self.compared(left, right) for left, right in crossed)
        return None if found and _may_be_a_time(one) and _may_be_a_time(other) else found

    def _one_of_several(self, one: Items, other: Scalar) -> bool | None:
        if one.kind == "ratio":
            pair = _neighbours(one)
            is_whole = isinstance(other, Number) and other.value.denominator == 1
            found = self.compared(ex.divide(*pair[0]), other) if len(pair) == 1 else None
            return None if found and is_whole else found
        if one.kind == "set" and len(one.items) == 1:
            return self.compared(one.items[0], other)
        return False if all(self.compared(item, other) is False for item in one.items) else None

    def _intervals(self, one: Interval | None, other: Interval | None) -> bool | None:
        if one is None or other is None:
            return None
        if (one.with_left, one.with_right) != (other.with_left, other.with_right):
            return False
        return _all([self.compared(one.left, other.left), self.compared(one.right, other.right)])

    def _scalars(self, one: Scalar, other: Scalar) -> bool | None:
        names = symbols(one)
        if names != symbols(other):
            return None
        if one in _INFINITE or other in _INFINITE:
            return False if value(one) or value(other) or (one in _INFINITE and other in _INFINITE) else None
        if isinstance(one, Number) and isinstance(other, Number):
            may_agree = rounds(one, other) or rounds(other, one) or _in_thousands(one, other)
            return None if may_agree else False
        agree = sampled(one, other, names)
        if agree is False:
            return None if rounds(one, other) or rounds(other, one) else False
        if agree is None:
            # Of what has no value, algebra proves nothing in a time that anybody would wait.
            return None
        return self.algebra.proves(one, other)

    def _equations(self, left: Scalar, right: Scalar) -> bool | None:
        """Two differences that are zero together: one is a multiple of the other."""
        if left == ex.negative(right):
            return True
        if symbols(left) != symbols(right):
            return None
        share = ex.divide(left, right)
        points = [
            value(
                share, {name: 0.37 + 0.61 * turn + 0.23 * at for at, name in enumerate(sorted(symbols(left)))}
            )
            for turn in range(3)
        ]
        known = [point for point in points if point is not None]
        if len(known) < 2 or any(apart(known[0], point) for point in known[1:]):
            return None
        factor = ex.number(Fraction(known[0].number.real).limit_denominator(1_000))
        if factor == ex.ZERO:
            return None
        return self.algebra.proves(left, ex.multiply([factor, right]))


def _is_simple(term: Scalar) -> bool:
    """Whether no root is of an order that algebra would take for ever to work with: 2^0.123456789."""
    match term:
        case ex.Power(base, exponent):
            return _is_simple(base) and (
                exponent.value.denominator <= _HIGHEST_ROOT
                if isinstance(exponent, Number)
                else _is_simple(exponent)
            )
        case ex.Sum(parts) | ex.Product(parts) | ex.Function(_, parts):
            return all(map(_is_simple, parts))
        case _:
            return True


def rounds(decimal: Scalar, exact: Scalar) -> bool:
    """Whether `decimal` is `exact` cut or rounded to some places: 1.414 for √2, 113 for 36π."""
    if not isinstance(decimal, Number):
        return False
    if decimal.places is None and (decimal.value.denominator != 1 or abs(decimal.value) < 100):
        return False
    if isinstance(exact, Number) and exact.value.denominator == 1:
        return False
    found = Value(complex(float(exact.value)), 0.0) if isinstance(exact, Number) else value(exact)
    if found is None or found.number.imag or abs(found.number) > 1e15:
        return False
    distance = Fraction(found.number.real) - decimal.value
    unit = Fraction(1, 10 ** (decimal.places or 0))
    is_cut = abs(distance) < unit and distance * decimal.value > 0
    return is_cut or abs(distance) <= unit / 2


def _in_thousands(one: Number, other: Number) -> bool:
    """Whether they are equal once "1.200" is taken for twelve hundred, as much of Europe writes it."""
    return any(
        dotted.places == 3 and abs(dotted.value) >= 1 and dotted.value * 1000 == plain.value
        for dotted, plain in ((one, other), (other, one))
    )


def _may_be_a_time(ratio: Items) -> bool:
    """Whether it is written as hours and minutes are: 3:45 is not 1:15."""
    match ratio.items:
        case (Number(hour), Number(minute)):
            return hour <= 24 and 10 <= minute < 60
        case _:
            return False


def _neighbours(ratio: Items) -> list[tuple[Scalar, Scalar]]:
    parts = [part for part in ratio.items if isinstance(part, Scalar)]
    return list(pairwise(parts))


def _all(found: Iterable[bool | None]) -> bool | None:
    """Whether all hold; False as soon as one does not."""
    known = True
    for one in found:
        if one is False:
            return False
        known = known and one is True
    return True if known else None
