"""Numbers: exact values with their units, whatever notation they are written in.

What always holds: values are ints and fractions, never floats, so that nothing is equal by accident. A sign,
a percent sign, a unit and an ordinal are content. A text that says more than one number, a range, or "about"
is no number. Where the two sides leave open what is meant ("60" against "60%"), nobody can tell.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.verdict import Decider
from deepeyes.grading.kinds.kind import Kind
from deepeyes.grading.kinds.numerals import Number
from deepeyes.grading.kinds.quantity import SCALES, Quantity, Reading, read_quantity
from deepeyes.grading.kinds.units import (
    ANGLE,
    CALENDAR,
    DATA,
    RATIO,
    TEMPERATURE,
    TIME,
    may_be,
    read_units,
)

_LONGEST = 1200
_MAY_BE_ONE_DEGREE = frozenset(("degree", "°C", "°F"))


class _Number:
    name = AnswerKind.number
    by: Decider = "rule"

    def read(self, text: str, form: AnswerForm) -> Reading | None:
        return read_quantity(text, form.decimal_comma) if len(text) <= _LONGEST else None

    def same(self, given: Reading, expected: Reading, form: AnswerForm) -> bool | None:
        if _is_scaled_by_letter(given, expected) or _is_scaled_by_letter(expected, given):
            given, expected = given[:1], expected[:1]
        verdict: bool | None = False
        for one, other in product(given, expected):
            same = _same(one, other, form)
            if same:
                return True
            verdict = None if same is None else verdict
        return verdict

    def show(self, value: Reading) -> str:
        first = value[0]
        number = _shown(first.value)
        after = first.unit.name if first.unit else first.noun
        return " ".join(part for part in (number, after, first.sort) if part)


def _shown(value: Number) -> str:
    """A value as a decimal where it ends after a few places, else as a fraction."""
    if isinstance(value, int) or value.denominator == 1:
        return str(int(value))
    for places in range(1, 13):
        if 10**places % value.denominator == 0:
            whole = abs(value * 10**places).numerator
            sign = "-" if value < 0 else ""
            return f"{sign}{whole // 10**places}.{whole % 10**places:0{places}d}"
    return str(value)


def _same(given: Quantity, expected: Quantity, form: AnswerForm) -> bool | None:
    """Whether two meanings are the same quantity; None where it depends on what is not said."""
    if given.sort != expected.sort:
        return None if given.value == expected.value or "roman" in (given.sort, expected.sort) else False
    if form.unit:
        given, expected = _in_unit(given, form.unit), _in_unit(expected, form.unit)
    if given.unit and expected.unit:
        return _same_measure(given, expected, form)
    agree = _agree(given.value, expected, form, given.places)
    if agree is False and (_in_thousands(given, expected) or _scaled_alike(given, expected)):
        return None
    if given.unit or expected.unit:
        return _measure_against_bare(given, expected, agree, form)
    if given.noun and expected.noun and _singular(given.noun) != _singular(expected.noun):
        return None
    if agree and expected.noun and not given.noun and (expected.spelled or expected.sort):
        return True if form.kind is AnswerKind.number else None
    return agree


def _is_scaled_by_letter(scaled: Reading, bare: Reading) -> bool:
    """Whether one is first of all "4K" or "5M", whose letter is no unit that a bare number leaves out."""
    return len(scaled) > 1 and scaled[0].scale != 1 and len(bare) == 1 and not (bare[0].unit or bare[0].noun)


def _scaled_alike(one: Quantity, other: Quantity) -> bool:
    """Whether one says "5 million" and the other a bare "5", which may be in millions."""
    plain, scaled = (one, other) if one.scale == 1 else (other, one)
    return plain.scale == 1 != scaled.scale and not plain.unit and plain.value * scaled.scale == scaled.value


def _in_thousands(one: Quantity, other: Quantity) -> bool:
    """Whether the two are equal once "1.200" is taken for twelve hundred, as much of Europe writes it."""
    for dotted, plain in ((one, other), (other, one)):
        if dotted.places == 3 and abs(dotted.value) >= 1 and dotted.value * 1000 == plain.value:
            return True
    return False


def _in_unit(quantity: Quantity, asked: str) -> Quantity:
    """A bare quantity in the unit that the question asks for."""
    if quantity.unit or quantity.noun:
        return quantity
    if units := read_units(asked):
        return replace(quantity, unit=units[0])
    scale = SCALES.get(asked.strip().lower().removeprefix("in ").removesuffix("s"), 1)
    if quantity.scale == 1 and scale != 1:
        return replace(quantity, value=quantity.value * scale, scale=scale, places=None)
    return quantity


def _same_measure(given: Quantity, expected: Quantity, form: AnswerForm) -> bool | None:
    """Two quantities with units: the given one is converted into the unit of the expected one."""
    mine, theirs = given.unit, expected.unit
    assert mine is not None and theirs is not None
    if mine == theirs:
        return _agree(given.value, expected, form, given.places)
    if mine.dimensions != theirs.dimensions:
        kinds = {mine.dimensions, theirs.dimensions}
        if kinds == {ANGLE, TEMPERATURE} and _MAY_BE_ONE_DEGREE.issuperset((mine.name, theirs.name)):
            return given.value == expected.value
        return None if kinds == {TIME, CALENDAR} else False
    agree = _agree((mine.base(given.value) - theirs.offset) / theirs.factor, expected, form, None)
    if agree is not False:
        return agree
    back = (theirs.base(expected.value) - mine.offset) / mine.factor
    rounded = given.places is not None and given.value in _rounded(back, given.places)
    return None if rounded or mine.dimensions == DATA else False


def _measure_against_bare(
    given: Quantity, expected: Quantity, agree: bool | None, form: AnswerForm
) -> bool | None:
    """A quantity with a unit and one without: what is left out does not contradict, but for percent."""
    measured, other = (given, expected) if given.unit else (expected, given)
    assert measured.unit is not None
    if other.noun:
        return None
    if measured.unit.dimensions == RATIO:
        share = replace(measured, value=measured.unit.base(measured.value), places=None)
        if measured.places is not None:
            share = replace(share, places=measured.places - 1 + len(str(measured.unit.factor.denominator)))
        one, target = (share, expected) if measured is given else (given, share)
        return (
            None if agree is not False or _agree(one.value, target, form, one.places) is not False else False
        )
    if agree is not False or measured is not given:
        return agree
    value = measured.unit.base(measured.value)
    return None if may_be(other.value, value, measured.unit.dimensions) else False


def _agree(given: Number, expected: Quantity, form: AnswerForm, places: int | None) -> bool | None:
    """Whether two bare values are equal as far as the form asks; None where one is the other rounded."""
    target = expected.value
    if given == target:
        return True
    if form.tolerance and abs(given - target) <= Fraction(str(form.tolerance)) * abs(target):
        return True
    if form.precision is not None:
        return not _rounded(given, form.precision).isdisjoint(_rounded(target, form.precision))
    if expected.places and target in _rounded(given, expected.places):
        return None
    if expected.places is None and places and places > 1 and given in _rounded(target, places):
        return None
    return False


def _rounded(value: Number, places: int) -> set[Fraction]:
    """The value rounded to so many decimal places, a tie in both ways that are in use."""
    step = Fraction(10) ** -places
    scaled = value / step
    away = int(abs(scaled) + Fraction(1, 2)) * (1 if scaled >= 0 else -1)
    return {round(scaled) * step, away * step}


def _singular(noun: str) -> str:
    return noun.removesuffix("s")


NUMBER: Kind = _Number()
