"""Numbers: exact values with their units, whatever notation they are written in.

What always holds: values are ints and fractions, never floats, so that nothing is equal by accident. A sign,
a percent sign, a unit and an ordinal are content. A text that says more than one number, a range, or "about"
is no number. Where the two sides leave open what is meant ("60" against "60%"), nobody can tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import product

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.verdict import Decider
from deepeyes.grading.kinds.kind import Kind
from deepeyes.grading.kinds.numerals import CHINESE_SCALES, Number, read_numeral, read_roman
from deepeyes.grading.kinds.units import (
    ANGLE,
    CALENDAR,
    DATA,
    RATIO,
    TEMPERATURE,
    TIME,
    Unit,
    by_dimensions,
    read_units,
)
from deepeyes.grading.notation import bare


@dataclass(frozen=True, slots=True)
class Quantity:
    """One meaning of a number as it is written."""

    value: Number
    unit: Unit | None = None
    noun: str = ""
    """What is counted, in small letters, where it is no unit of measure: "cubes"."""
    places: int | None = None
    """Decimal places of `value` as written, less than 0 in "1.2 million"; 0 for whole numbers."""
    scale: int = 1
    """The scale word in `value`: 1,000,000 in "3 million"."""
    sort: str = ""
    """"ordinal" or "roman" for what stands for a number without being one."""
    spelled: bool = False
    """Whether it is written in words."""


Reading = tuple[Quantity, ...]
"""What a text can mean, the likeliest first: "5 m" is five metres or five minutes."""

_LONGEST = 1200
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.([0-9]{1,17}))?")
_LEAD = re.compile(r"(?:(?:the|a total of|in total|exactly|only|just|all|=) ?\b|= ?)+", re.IGNORECASE)
_SIGN = re.compile(r"\+(?=[^ ])|- ?(?=[0-9.$€£¥₹])|(?:minus|negative) ", re.IGNORECASE)
_MONEY = re.compile(
    r"(?:US ?\$|USD|EUR|GBP|JPY|CNY|RMB|INR|CHF|KRW|RUB|Rs\.?|[$€£¥₹₩₽]) ?(?=[-0-9.])|\$ ?(?=[-0-9.])"
)
_SCALE = re.compile(
    r" ?(?:(?:hundred|thousand|million|billion|trillion|mio|mln|mn|bn|tn|dozen|lakh|lac|crore)s?\b\.?"
    rf"|(?P<letter>[kmbt])(?![\w^/'])|[{''.join(CHINESE_SCALES)}])",
    re.IGNORECASE,
)
_SCALES = {
    **{
        "hundred": 100,
        "thousand": 10**3,
        "million": 10**6,
        "billion": 10**9,
        "trillion": 10**12,
        "dozen": 12,
    },
    **{"mio": 10**6, "mln": 10**6, "mn": 10**6, "bn": 10**9, "tn": 10**12, "lakh": 10**5, "lac": 10**5},
    **{"crore": 10**7, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12, **CHINESE_SCALES},
}
_BY_THE_WAY = re.compile(
    r"[ -]*\b(?:(?:(?:square|sq\.?|cubic) )?units?(?: ?\^ ?[23]| squared| cubed)?|in total|in all|altogether"
    r"|total|long|tall|high|wide|deep|thick|old|of age|each|only|exactly)$",
    re.IGNORECASE,
)
_HYPHEN = re.compile(r"\A ?-(?=[a-zA-Z]{2})")
_NOUN = re.compile(r"[^\W\d_]+(?:[ '-][^\W\d_]+){0,2}")
_NO_NOUN = frozenset(
    [
        *[
            "of",
            "or",
            "to",
            "and",
            "in",
            "on",
            "at",
            "by",
            "from",
            "for",
            "as",
            "per",
            "vs",
            "with",
            "without",
        ],
        *[
            "is",
            "are",
            "was",
            "were",
            "not",
            "than",
            "if",
            "but",
            "more",
            "less",
            "fewer",
            "out",
            "past",
            "left",
        ],
        *["o'clock", "am", "pm", "bc", "ad", "bce", "ce", "plus", "minus", "times", "up", "off"],
        *["the", "a", "an", "this", "that", "these", "those"],
    ]
)
_MEASURE_WORDS = frozenset("个個只隻条條本张張位名辆輛座棵朵件支枝片块塊头頭匹架艘颗粒瓶杯碗双次层人つ개명")
_SECOND = re.compile(r"(?P<unit>[^\d]{1,20}?)[ ,]*(?:and )?(?P<next>[0-9].*)")


class _Number:
    name = AnswerKind.number
    by: Decider = "rule"

    def read(self, text: str, form: AnswerForm) -> Reading | None:
        return _read(text, form.decimal_comma) if len(text) <= _LONGEST else None

    def same(self, given: Reading, expected: Reading, form: AnswerForm) -> bool | None:
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


@lru_cache(maxsize=16384)
def _read(text: str, decimal_comma: bool) -> Reading | None:
    if (found := _PLAIN.fullmatch(text)) and not (decimal_comma and found[1]):
        return (Quantity(Fraction(text) if found[1] else int(text), places=len(found[1] or "")),)
    text = bare(text)
    if lead := _LEAD.match(text):
        text = text[lead.end() :]
    return tuple(_quantities(text, decimal_comma)) or None


def _quantities(text: str, decimal_comma: bool, depth: int = 0) -> list[Quantity]:
    """All meanings of a number with sign, currency, scale, unit or noun."""
    if roman := read_roman(text):
        return [Quantity(roman, sort="roman")]
    sign, currency = 1, ""
    for _ in range(2):
        if mark := _SIGN.match(text):
            sign = 1 if mark[0] == "+" else -sign
            text = text[mark.end() :]
        if not currency and (money := _MONEY.match(text)):
            currency = money[0].strip()
            text = text[money.end() :]
    numeral = read_numeral(text, decimal_comma)
    if numeral is None:
        return []
    value = numeral.value * sign
    if numeral.ordinal:
        noun = _noun(numeral.rest)
        return [] if noun is None or currency else [Quantity(value, noun=noun, sort="ordinal")]
    plain = Quantity(value, places=numeral.places, spelled=numeral.spelled)
    found: list[Quantity] = []
    for scaled, rest in _scaled(plain, numeral.rest, bool(currency)):
        found += _with_unit(scaled, rest, currency)
    if value == 1 and text[:1] in "aA":
        found = [quantity for quantity in found if quantity.unit]  # an hour is one, and a pair is not
    if not found and not currency and depth < 3:
        found = _compound(plain, numeral.rest, decimal_comma, depth)
    return found


def _scaled(plain: Quantity, rest: str, money: bool) -> list[tuple[Quantity, str]]:
    """The number without a scale, and with the one that follows it: "5 m" is first of all no million."""
    readings = [(plain, rest)]
    if found := _SCALE.match(rest):
        word = found[0].strip().lower().rstrip(".").removesuffix("s")
        scale = _SCALES[word]
        places = plain.places and plain.places - len(str(scale)) + 1
        scaled = replace(plain, value=plain.value * scale, places=places, scale=scale)
        after = rest[found.end() :]
        if again := _SCALE.match(after):
            more = _SCALES[again[0].strip().lower().rstrip(".").removesuffix("s")]
            scaled = replace(scaled, value=scaled.value * more, scale=scale * more)
            after = after[again.end() :]
        if not found["letter"]:
            return [(scaled, after)]
        readings.insert(0 if money or found["letter"] in "kMB" else 1, (scaled, after))
    return readings


def _with_unit(number: Quantity, rest: str, currency: str) -> list[Quantity]:
    """The number with what follows it as its unit or its noun; nothing if that is neither."""
    rest = _HYPHEN.sub("", rest).strip()
    if rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1].strip()
    if currency:
        per = rest.startswith("/") or rest[:4].lower() == "per "
        units = read_units(f"{currency}{'' if rest.startswith('/') else ' '}{rest}" if per else currency)
        if rest and not per:
            units = tuple(unit for unit in units if unit in read_units(rest))
        return [replace(number, unit=unit) for unit in units]
    if not rest:
        return [number]
    if units := read_units(rest) or read_units(_BY_THE_WAY.sub("", rest).rstrip("-")):
        return [replace(number, unit=unit) for unit in units]
    noun = _noun(rest)
    return [] if noun is None else [replace(number, noun=noun)]


def _noun(rest: str) -> str | None:
    """What is counted, in small letters: one to three words, none of them a preposition or a name; "" if
    nothing follows the number, None if what follows is something else.
    """
    rest = _BY_THE_WAY.sub("", rest.strip())
    if not rest:
        return ""
    if rest[0] in _MEASURE_WORDS and len(rest) <= 4:
        return rest
    if not _NOUN.fullmatch(rest) or rest != rest.lower() or len(rest) < 2 or rest[0] > "\u2e80":
        return None
    words = rest.split()
    return None if _NO_NOUN.intersection(words) else rest


def _compound(number: Quantity, rest: str, decimal_comma: bool, depth: int) -> list[Quantity]:
    """A quantity in two units, the greater first: "5 ft 6 in", "2 hours 59 minutes", "45°30'"."""
    found = _SECOND.fullmatch(rest)
    units = read_units(found["unit"]) if found else ()
    if found is None or not units:
        return []
    smaller = _quantities(found["next"], decimal_comma, depth + 1)
    return [
        Quantity((unit.base(number.value) + part.unit.base(part.value)) / unit.factor, unit, places=None)
        for unit, part in product(units, smaller)
        if part.unit and part.unit.dimensions == unit.dimensions and not unit.offset
        if 0 <= part.unit.base(part.value) < unit.factor
    ]


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
    scale = _SCALES.get(asked.strip().lower().removeprefix("in ").removesuffix("s"), 1)
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
        if kinds == {ANGLE, TEMPERATURE}:
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
    if agree is False and measured is given:
        value = measured.unit.base(measured.value)
        if any(unit.base(other.value) == value for unit in by_dimensions().get(measured.unit.dimensions, ())):
            return None
    return agree


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
