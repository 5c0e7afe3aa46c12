"""Quantities: what a text says as a number with its sign, currency, scale, unit or counted noun.

What always holds: all meanings of a notation are kept ("5 m" is metres, minutes or millions), and a text that
says anything beside one quantity ("5-6 m", "about 5", "5 or 6", "7 Up") says none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import product

from deepeyes.grading.kinds.numerals import CHINESE_SCALES, Number, read_numeral, read_roman
from deepeyes.grading.kinds.units import Unit, read_units
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

_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.([0-9]{1,17}))?")
_LEAD = re.compile(r"(?:(?:the|a total of|in total|exactly|only|just|all|=) ?\b|= ?)+", re.IGNORECASE)
_SIGN = re.compile(r"\+(?=[^ ])|- ?(?=[0-9.$€£¥₹])|(?:minus|negative) ", re.IGNORECASE)
_MONEY = re.compile(
    r"(?:(?:US|AU|CA|NZ|HK|NT|MX|[ACSR]) ?\$|(?:US|AU|CA|NZ|HK|SG)D|EUR|GBP|JPY|CNY|RMB|INR|CHF|KRW|RUB"
    r"|SEK|NOK|DKK|PLN|BRL|MXN|Rs\.?|[$€£¥₹₩₽₺฿₱₪₫]) ?(?=[-0-9.])"
)
_SCALE = re.compile(
    r" ?(?:(?:hundred|thousand|million|billion|trillion|mio|mln|mn|bn|tn|dozen|lakh|lac|crore)s?\b\.?"
    rf"|(?P<letter>[kmbt])(?![\w^/'])|[{''.join(CHINESE_SCALES)}])",
    re.IGNORECASE,
)
SCALES = {
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
_DECADE = re.compile(r"[12][0-9]{2}0'?s")
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


@lru_cache(maxsize=16384)
def read_quantity(text: str, decimal_comma: bool) -> Reading | None:
    """All that a bare answer can mean as one quantity; None if it is none."""
    if (found := _PLAIN.fullmatch(text)) and not (decimal_comma and found[1]):
        places = len(found[1] or "")
        digits = int(text.replace(".", ""))
        return (Quantity(Fraction(digits, 10**places) if places else digits, places=places),)
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
            currency = money[0].replace(" ", "")
            text = text[money.end() :]
    numeral = read_numeral(text, decimal_comma)
    if numeral is None or _DECADE.fullmatch(text):
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
        scale = SCALES[word]
        places = plain.places and plain.places - len(str(scale)) + 1
        scaled = replace(plain, value=plain.value * scale, places=places, scale=scale)
        after = rest[found.end() :]
        if again := _SCALE.match(after):
            more = SCALES[again[0].strip().lower().rstrip(".").removesuffix("s")]
            scaled = replace(scaled, value=scaled.value * more, scale=scale * more)
            after = after[again.end() :]
        if not found["letter"]:
            return [(scaled, after)]
        glued = rest[0] != " "
        first = money or found["letter"] in "kMB" or (glued and found["letter"] in "KT")
        readings.insert(0 if first else 1, (scaled, after))
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
