"""Times of day: what a clock, a sentence or a timetable says.

What always holds: without am, pm or an hour above 12 it is open which half of the day is meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from deepeyes.grading.kinds.numerals import read_numeral


@dataclass(frozen=True, slots=True)
class Moment:
    """One meaning of a date or a time; what is None is not said."""

    year: int | None = None
    """Negative before Christ."""
    span: int = 1
    """Years from `year` on: 10 for a decade, 100 for a century."""
    month: int | None = None
    day: int | None = None
    weekday: int | None = None
    hour: int | None = None
    """From 0 to 23."""
    minute: int | None = None
    second: int | None = None
    half_of_day: bool = True
    """Whether it is known which half of the day the hour is in."""


_TIME = re.compile(
    r"(?:at )?(?P<hour>[0-2]?[0-9])"
    r"(?:(?P<sign>[:.h]) ?(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9])(?:\.0+)?)?)?"
    r" ?(?P<half>a\.?m\.?|p\.?m\.?|o'clock(?: ?(?:[ap]\.?m\.?))?|uhr|h)?"
)
_SPOKEN_TIME = re.compile(
    r"(?P<offset>half|(?:a )?quarter|[a-z0-9-]+(?: minutes?)?) (?P<side>past|after|to|before|till)"
    r" (?P<hour>[a-z0-9]+)(?: o'clock)? ?(?P<half>a\.?m\.?|p\.?m\.?)?"
)
_NAMED_TIME = {"noon": 12, "midday": 12, "midnight": 0}
_FULL_HOUR = re.compile(r"(?P<hour>[a-z]+) o'clock ?(?P<half>a\.?m\.?|p\.?m\.?)?")
_CHINESE_TIME = re.compile(
    r"(?P<part>上午|早上|下午|晚上|中午)?(?P<hour>[0-9]{1,2}|[一二三四五六七八九十两]{1,3})[点點时時]"
    r"(?:(?P<minute>[0-9]{1,2})分?|(?P<half>半)|整)?"
)


def read_time(text: str) -> list[Moment]:
    """The time of day that a text is; none if it is none."""
    if text in _NAMED_TIME:
        return [Moment(hour=_NAMED_TIME[text], minute=0)]
    if found := _TIME.fullmatch(text):
        half = found["half"] or ""
        if not found["minute"] and (not half or half[0] == "h"):
            return []
        if found["sign"] == "." and half[:1] not in ("a", "p", "u"):
            return []
        clear = found["sign"] == "h" or half[:1] in ("u", "h")
        return _clock(int(found["hour"]), int(found["minute"] or 0), found["second"], half, clear)
    if found := _SPOKEN_TIME.fullmatch(text):
        hour, offset = _count(found["hour"]), found["offset"].removeprefix("a ").split(" minute")[0]
        minutes = {"half": 30, "quarter": 15}.get(offset) or _count(offset)
        if hour is None or not minutes or not 0 < minutes < 60:
            return []
        if (minutes % 5 and "minute" not in found["offset"]) or found["offset"].isdigit():
            return []  # "one to three" and "3 to 5" are ranges
        back = found["side"] in ("to", "before", "till")
        hour = (hour - 1) or 12 if back else hour
        return _clock(hour, 60 - minutes if back else minutes, None, found["half"] or "", False)
    if found := _FULL_HOUR.fullmatch(text):
        hour = _count(found["hour"])
        return [] if hour is None else _clock(hour, 0, None, found["half"] or "", False)
    if found := _CHINESE_TIME.fullmatch(text):
        hour, part = _count(found["hour"]), found["part"]
        half = "" if part is None else "am" if part in ("上午", "早上") else "pm"
        minute = 30 if found["half"] else int(found["minute"] or 0)
        return (
            []
            if hour is None or minute > 59
            else _clock(hour, minute, None, half if hour <= 12 else "", False)
        )
    return []


def _count(text: str) -> int | None:
    """A whole number in digits or words."""
    numeral = read_numeral(text)
    if numeral is None or numeral.rest or numeral.ordinal or not isinstance(numeral.value, int):
        return None
    return numeral.value


def _clock(hour: int, minute: int, second: str | None, half: str, clear: bool) -> list[Moment]:
    """A time on the clock; without am and pm an hour up to 12 may be in either half of the day."""
    half = half.replace("o'clock", "").strip()
    if half[:1] in ("a", "p"):
        if not 1 <= hour <= 12:
            return []
        hour = hour % 12 + (12 if half[0] == "p" else 0)
        clear = True
    if hour > 23:
        return []
    return [
        Moment(
            hour=hour,
            minute=minute,
            second=int(second or 0) or None,
            half_of_day=clear or hour > 12 or hour == 0,
        )
    ]
