"""Numerals: the number at the start of a text, in digits or in words, and what comes after it.

What always holds: a value is exact (an int or a `Fraction`), "007", "1.2.3", "12:45", "5-6" and "1,2" are no
numerals, a numeral of more than `MAX_DIGITS` digits is none either, and reading ends in linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

Number = int | Fraction
MAX_DIGITS = 1000
"""Python refuses to read longer integers from 4,300 digits on, and nobody means them as numbers."""


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as it is written."""

    value: Number
    rest: str = ""
    """What comes after it."""
    places: int | None = None
    """Decimal places as written, 0 for a whole number, less than 0 for "1.2e5"; None for a fraction."""
    ordinal: bool = False
    spelled: bool = False
    """Whether it is written in words."""


_POINT = re.compile(
    r"""(?P<foreign>[1-9][0-9]{0,2}
          (?:(?:\.[0-9]{3})++(?=,[0-9])|(?:\.[0-9]{3}){2,}+|(?:[ '][0-9]{3})++(?=,[0-9]))
          (?P<foreign_places>,[0-9]++)?)
      | (?P<grouped>[1-9][0-9]{0,2}(?:(?:,[0-9]{3})++|(?:[ '_][0-9]{3})++|(?:,[0-9]{2}){1,12},[0-9]{3})
          (?P<grouped_places>\.[0-9]++)?)
      | (?P<plain>(?:0|[1-9][0-9]*+)?(?P<places>\.[0-9]++)?)""",
    re.VERBOSE,
)
_COMMA = re.compile(
    r"""(?P<grouped>[1-9][0-9]{0,2}(?:,[0-9]{3})++(?P<grouped_places>\.[0-9]++))
      | (?P<foreign>[1-9][0-9]{0,2}(?:(?:\.[0-9]{3})++|(?:[ '][0-9]{3})++)(?P<foreign_places>,[0-9]++)?)
      | (?P<plain>(?:0|[1-9][0-9]*+)?(?P<places>[.,][0-9]++)?)""",
    re.VERBOSE,
)
_GOES_ON = re.compile(r"[0-9]|[_.,:/-][0-9]")
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.])")
_FRACTION = re.compile(
    r"(?:(0|[1-9][0-9]*+)(?: | and |-))?([1-9][0-9]*+|0) ?/ ?([1-9][0-9]*+)(?! ?[/:.,][0-9])(?![0-9])"
)
_TIMES_TEN = re.compile(r" ?(?:[xX×*·]|\\times\b|\\cdot\b) ?10 ?\^ ?[{(]*([-+]?[0-9]{1,4})[})]*(?![0-9])")
_EXPONENT = re.compile(r"[eE]([-+]?[0-9]{1,4})(?![\w.])")
_POWER = re.compile(r" ?\^ ?[{(]*([-+]?[0-9]{1,4})[})]*(?![0-9])")
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b(?!/)", re.IGNORECASE)
_AND_PART = re.compile(
    r" ?and (?:a |one )?(half|quarter|third)\b|(?<=[0-9]) and ([1-9]) ?/ ?([1-9])(?![0-9])", re.IGNORECASE
)
_DIGIT = frozenset("0123456789.")


def read_numeral(text: str, decimal_comma: bool = False) -> Numeral | None:
    """The numeral that a text without a sign begins with; None if it begins with none."""
    if not text or len(text) > MAX_DIGITS:
        return None
    if text[0] in _DIGIT or (decimal_comma and text[0] == ","):
        return _in_digits(text, decimal_comma)
    return _in_chinese(text) if not text.isascii() and text[0] in _CHINESE else _in_words(text)


def _in_digits(text: str, decimal_comma: bool) -> Numeral | None:
    if found := _FRACTION.match(text):
        whole, above, below = found.groups()
        return Numeral(int(whole or 0) + Fraction(int(above), int(below)), text[found.end() :])
    found = (_COMMA if decimal_comma else _POINT).match(text)
    if found is None or not found[0] or _GOES_ON.match(text, found.end()):
        return None
    if found["foreign"] and _ADDRESS.fullmatch(found[0]):
        return None
    tail = found["grouped_places"] or found["foreign_places"] or found["places"] or ""
    whole = found[0].removesuffix(tail) if tail else found[0]
    whole = re.sub(r"[^0-9]", "", whole)
    places = len(tail) - 1 if tail else 0
    value: Number = int(whole or "0")
    if tail:
        value = Fraction(int((whole or "0") + tail[1:]), 10**places)
    rest = text[found.end() :]
    if not rest:
        return Numeral(value, "", places)
    if part := _AND_PART.match(rest) or _AND_PART.match(f"{found[0]}{rest}", len(found[0])):
        share = Fraction(1, _SHARES[part[1].lower()]) if part[1] else Fraction(int(part[2]), int(part[3]))
        return Numeral(value + share, rest[part.end() - part.start() :])
    if not tail and (ending := _ORDINAL.match(rest)):
        return Numeral(value, rest[ending.end() :], 0, ordinal=True)
    return _with_power(value, rest, places)


def _with_power(value: Number, rest: str, places: int) -> Numeral | None:
    """The numeral with the power of ten, or its own power, that follows it."""
    if found := _TIMES_TEN.match(rest) or _EXPONENT.match(rest):
        base, power = 10, int(found[1])
        if abs(power) > MAX_DIGITS:
            return None
        value *= base**power if power >= 0 else Fraction(1, base**-power)
        return Numeral(value, rest[found.end() :], places and places - power)
    if found := _POWER.match(rest):
        power = int(found[1])
        if value == 0 or abs(power) * len(str(value)) > MAX_DIGITS:
            return None
        return Numeral(Fraction(value) ** power, rest[found.end() :])
    return Numeral(value, rest, places)


_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {
    "zero": 0,
    **{word: number for number, word in enumerate([*_ONES, *_TEENS, "nineteen"], start=1)},
    **{word: 10 * number for number, word in enumerate(_TENS, start=2)},
}
_LARGE = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ODD = {
    **{
        "one": "first",
        "two": "second",
        "three": "third",
        "five": "fifth",
        "eight": "eighth",
        "nine": "ninth",
    },
    **{"twelve": "twelfth", **{word: f"{word[:-1]}ieth" for word in _TENS}},
}
_ORDINALS = {
    **{_ODD.get(word, f"{word}th"): number for word, number in _SMALL.items() if number},
    **{"hundredth": 100, "thousandth": 1000},
}
_SHARES = {
    **{"half": 2, "halves": 2, "quarter": 4, "quarters": 4},
    **{word: number for word, number in _ORDINALS.items() if number > 2},
    **{f"{word}s": number for word, number in _ORDINALS.items() if number > 2},
}


def _any(words: Iterable[str]) -> str:
    return rf"(?:{'|'.join(words)})\b"


_UNDER_100 = rf"(?:{_any(_TENS)}(?:[ -]{_any(_ONES)})?|{_any(_SMALL)})"
_UNDER_1000 = rf"(?:(?:{_UNDER_100}|an?) hundred\b(?: (?:and )?{_UNDER_100})?|{_UNDER_100})"
_CARDINAL = (
    rf"(?:(?:{_UNDER_1000}|an? (?={_any(_LARGE)}))(?: ?{_any(_LARGE)}(?:,? (?:and )?{_UNDER_1000})?){{0,4}})"
)
_TAIL = (
    rf"(?: (?P<dozen>dozen)\b| and (?P<parts>an?|one|two|three) (?P<part>{_any(_SHARES)})"
    rf"| point(?P<digits>(?: {_any(['zero', *_ONES])})++))"
)
_SHARE = re.compile(
    rf"(?:(?P<count>{_CARDINAL}|an?)[ -])?(?P<share>{_any(_SHARES)})(?: an?\b)?", re.IGNORECASE
)
_NTH = re.compile(rf"(?:(?P<before>{_CARDINAL})(?: and |[ -]))?(?P<last>{_any(_ORDINALS)})", re.IGNORECASE)
_COUNT = re.compile(rf"(?P<cardinal>{_CARDINAL}|an?\b(?= \S)){_TAIL}?", re.IGNORECASE)
_BEGINS = re.compile(rf"(?:{_any([*_SMALL, *_ORDINALS, 'half', 'quarter', 'a', 'an'])})", re.IGNORECASE)
_ANOTHER = re.compile(rf"[ -](?:{_any([*_SMALL, *_ORDINALS])})", re.IGNORECASE)


def _in_words(text: str) -> Numeral | None:
    """A number in English words; None for what is not well formed ("one two", "nineteen ninety")."""
    if not _BEGINS.match(text):
        return None
    found = _SHARE.match(text)
    if found and (found["count"] or found["share"].lower() in ("half", "quarter")):
        count, share = (found["count"] or "a").lower(), found["share"].lower()
        above = _cardinal(count)
        if above is not None and (above == 1) == (share[-1] != "s"):
            return Numeral(Fraction(above, _SHARES[share]), text[found.end() :], spelled=True)
    if found := _NTH.match(text):
        before, last = _cardinal((found["before"] or "zero").lower()), _ORDINALS[found["last"].lower()]
        if before is None or before % (10 if last < 10 else 100) or before % 100 == 10:
            return None
        return Numeral(before + last, text[found.end() :], 0, ordinal=True, spelled=True)
    found = _COUNT.match(text)
    value = _cardinal(found["cardinal"].lower()) if found else None
    if found is None or value is None or _ANOTHER.match(text, found.end()):
        return None
    rest = text[found.end() :]
    if found["dozen"]:
        return Numeral(value * 12, rest, 0, spelled=True)
    if found["part"]:
        parts = _cardinal(found["parts"].lower()) or 1
        return Numeral(value + Fraction(parts, _SHARES[found["part"].lower()]), rest, spelled=True)
    if found["digits"]:
        digits = "".join(str(_SMALL[word]) for word in found["digits"].lower().split())
        return Numeral(value + Fraction(int(digits), 10 ** len(digits)), rest, len(digits), spelled=True)
    return Numeral(value, rest, 0, spelled=True)


def _cardinal(words: str) -> int | None:
    """The value of well-formed number words; None if a scale is not below the one before it."""
    total, current, limit = 0, 0, 10**15
    for word in words.replace("-", " ").replace(",", "").split():
        if word == "hundred":
            current *= 100
        elif scale := _LARGE.get(word):
            if scale >= limit:
                return None
            total, current, limit = total + current * scale, 0, scale
        elif word != "and":
            current += 1 if word in ("a", "an") else _SMALL[word]
    return total + current


_CHINESE_DIGITS = {
    **{character: number for number, character in enumerate("零一二三四五六七八九")},
    **{character: number for number, character in enumerate("〇壹贰叁肆伍陆柒捌玖")},
    **{"两": 2, "兩": 2, "貳": 2, "參": 3, "陸": 6},
}
_CHINESE_POWERS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
CHINESE_SCALES = {"万": 10**4, "萬": 10**4, "만": 10**4, "亿": 10**8, "億": 10**8, "억": 10**8}
_CHINESE = frozenset({*_CHINESE_DIGITS, *_CHINESE_POWERS, "第", "半"})
_CHINESE_RUN = re.compile(
    f"(第)?([{''.join(_CHINESE_DIGITS)}{''.join(_CHINESE_POWERS)}{''.join(CHINESE_SCALES)}]{{1,40}})"
    f"(?:(分之)([{''.join(_CHINESE_DIGITS)}{''.join(_CHINESE_POWERS)}]{{1,10}}))?(半)?"
)


def _in_chinese(text: str) -> Numeral | None:
    """A number in Chinese numerals: 三十五, 两百, 二〇二一, 第三, 三分之二, 百分之五."""
    found = _CHINESE_RUN.match(text)
    if found is None:
        return None
    value: Number | None = _chinese(found[2])
    if found[3] and value is not None:
        above = _chinese(found[4])
        if above is not None and value == 100:
            return Numeral(above, f"%{text[found.end() :]}", 0, spelled=True)
        value = None if above is None or value == 0 else Fraction(above, value)
    if value is None or found[5]:
        return None
    return Numeral(value, text[found.end() :], None if found[3] else 0, ordinal=bool(found[1]), spelled=True)


def _chinese(run: str) -> int | None:
    """The value of a run of Chinese numerals; None if it is not well formed."""
    if all(character in _CHINESE_DIGITS for character in run):
        digits = "".join(str(_CHINESE_DIGITS[character]) for character in run)
        return int(digits) if digits == "0" or digits[0] != "0" else None
    total, section, digit, last = 0, 0, 0, 10**9
    for character in run:
        if (number := _CHINESE_DIGITS.get(character)) is not None:
            if digit:
                return None
            digit = number
        elif power := _CHINESE_POWERS.get(character):
            if power >= last:
                return None
            section, digit, last = section + (digit or 1) * power, 0, power
        else:
            total, section, digit, last = (total + section + digit) * CHINESE_SCALES[character], 0, 0, 10**9
    return total + section + digit


_ROMAN = re.compile(r"(?=[IVXLCDM]{2})M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def read_roman(text: str) -> int | None:
    """The value of a Roman numeral of two letters or more, in capitals; None if it is none."""
    if len(text) > 15 or not _ROMAN.fullmatch(text):
        return None
    values = [_ROMAN_VALUES[letter] for letter in text]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))
