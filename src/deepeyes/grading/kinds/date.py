"""Dates and times of day: which day, month, year or minute a text names.

What always holds: what a notation leaves open is kept open. "03/04/2021" is two days, and is the same as
neither of them for certain; a month is neither the same as one of its days nor different from it; and a day
that is not on the calendar is no date.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import replace
from functools import lru_cache
from itertools import product

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.verdict import Decider
from deepeyes.grading.kinds.clock import Moment, read_time
from deepeyes.grading.kinds.kind import Kind
from deepeyes.grading.notation import bare

Reading = tuple[Moment, ...]
"""What a text can mean: two days for "03/04/2021"."""

_LONGEST = 80
_MONTHS = [
    "january jan january janvier januar jänner januari enero ene gennaio janeiro",
    "february feb februar febr février fév februari febrero febbraio fevereiro",
    "march mar märz mars maart marzo março",
    "april apr avril avr abril aprile",
    "may mai mei mayo maggio maio",
    "june jun juni juin junio giugno junho",
    "july jul juli juillet julio luglio julho",
    "august aug août augustus agosto ago",
    "september sep sept septembre septiembre settembre setembro",
    "october oct okt oktober octobre octubre ottobre outubro",
    "november nov novembre noviembre novembro",
    "december dec dez dezember décembre déc december diciembre dicembre dezembro",
]
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
_WEEKDAYS = [
    "monday mon montag lundi lunes lunedì segunda-feira 星期一",
    "tuesday tue tues dienstag mardi martes martedì 星期二",
    "wednesday wed mittwoch mercredi miércoles mercoledì 星期三",
    "thursday thu thur thurs donnerstag jeudi jueves giovedì 星期四",
    "friday fri freitag vendredi viernes venerdì 星期五",
    "saturday sat samstag samedi sábado sabato 星期六",
    "sunday sun sonntag dimanche domingo domenica 星期日 星期天",
]
_WEEKDAY_OF = {name: number for number, names in enumerate(_WEEKDAYS) for name in names.split()}


def _any(names: dict[str, int]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


_MONTH = rf"(?P<month>{_any(_MONTH_OF)})\b\.?"
_DAY = r"(?P<day>[0-3]?[0-9])(?:st|nd|rd|th|er|º|°|\.)?"
_ERA = r"(?: ?(?P<after>b\.?c\.?(?:e\.?)?|a\.?d\.?|c\.?e\.?))?"
_WRITTEN = [
    rf"{_DAY}[ -]?(?:of |de |d')?{_MONTH}(?:,? ?(?:of |de |del )?|-)"
    rf"(?P<year>[0-9]{{1,4}}|'[0-9]{{2}})?{_ERA}",
    rf"{_MONTH}[ -]?(?:the )?{_DAY}(?:,? |, ?|-)?"
    rf"(?P<year>(?<=[ ,-])[0-9]{{3,4}}|(?<=[ ,])'[0-9]{{2}})?{_ERA}",
    rf"{_MONTH}(?:,? (?:of |de |del )?|-)(?P<year>[0-9]{{3,4}}|'[0-9]{{2}}){_ERA}",
    rf"(?P<year>[0-9]{{4}}),? {_MONTH}(?: {_DAY})?",
    rf"{_MONTH}",
    r"(?P<year>[0-9]{4})(?P<sign>[-/.])(?P<month>[0-9]{1,2})(?P=sign)(?P<day>[0-9]{1,2})",
    r"(?P<year>[0-9]{4})[-/](?P<month>[0-9]{1,2})",
    r"(?P<year>[0-9]{4})(?P<month>(?:0[1-9]|1[0-2]))(?P<day>[0-3][0-9])",
    r"(?P<first>[0-9]{1,2})(?P<sign>[-/.])(?P<other>[0-9]{1,2})(?P=sign)(?P<year>[0-9]{4}|[0-9]{2})",
    r"(?P<year>[0-9]{2,4}) ?[年년](?: ?(?P<month>[0-9]{1,2}) ?[月월](?: ?(?P<day>[0-9]{1,2}) ?[日号號일])?)?",
    r"(?P<month>[0-9]{1,2}) ?[月월] ?(?P<day>[0-9]{1,2}) ?[日号號일]",
    r"(?:the )?(?P<year>[0-9]{3}0)'?s",
    r"(?:the )?(?:year )?(?P<year>[1-9][0-9]{3})",
    r"(?P<before>a\.?d\.?|b\.?c\.?(?:e\.?)?) ?(?P<year>[0-9]{1,4})",
    r"(?P<year>[0-9]{1,4}) ?(?P<after>b\.?c\.?(?:e\.?)?|a\.?d\.?|c\.?e\.?)",
    rf"(?:the )?(?P<century>[0-9]{{1,2}})(?:st|nd|rd|th) (?:century|c\.?){_ERA}",
]
_DATES = [re.compile(pattern) for pattern in _WRITTEN]
_LEAD = re.compile(r"\A(?:(?:on )?the|on|in|le|el|il|am|den|im|em) ")
_HINT = re.compile(
    r"[0-9点點時时]|noon|midnight|midday|o'clock"
    rf"|\b(?:{_any(_MONTH_OF | _WEEKDAY_OF)}|past|to|after|before)\b"
)
_WEEKDAY = re.compile(rf"(?:on )?(?P<weekday>{_any(_WEEKDAY_OF)})\b\.?(?:,? |$)")


class _Date:
    name = AnswerKind.date
    by: Decider = "rule"

    def read(self, text: str, form: AnswerForm) -> Reading | None:
        return _read(text) if len(text) <= 2 * _LONGEST else None

    def same(self, given: Reading, expected: Reading, form: AnswerForm) -> bool | None:
        verdicts = {_same(one, other) for one in given for other in expected}
        if len(verdicts) == 1:
            return verdicts.pop()
        return True if given == expected else None

    def show(self, value: Reading) -> str:
        return " or ".join(_shown(moment) for moment in value)


@lru_cache(maxsize=4096)
def _read(text: str) -> Reading | None:
    text = bare(text).casefold()
    if not text or len(text) > _LONGEST:
        return None
    if not _HINT.search(text):
        return None
    weekday = None
    if found := _WEEKDAY.match(text):
        weekday, text = _WEEKDAY_OF[found["weekday"]], text[found.end() :]
    if not text:
        return (Moment(weekday=weekday),)
    for moments in (read_time(text), _a_date(text), _both(text)):
        if moments:
            return tuple(replace(moment, weekday=weekday) for moment in moments)
    return None


def _both(text: str) -> list[Moment]:
    """A date and a time of day, in either order, apart by a comma, "at", a space or a T."""
    for found in re.finditer(r", ?| at |t(?=[0-9])| ", text):
        before, after = text[: found.start()], text[found.end() :]
        for dates, times in ((_a_date(before), read_time(after)), (_a_date(after), read_time(before))):
            if dates and times:
                return [
                    replace(
                        date,
                        hour=time.hour,
                        minute=time.minute,
                        second=time.second,
                        half_of_day=time.half_of_day,
                    )
                    for date, time in product(dates, times)
                ]
    return []


def _a_date(text: str) -> list[Moment]:
    """The days, months or years that a text can be; none if it is no date."""
    text = _LEAD.sub("", text)
    for pattern in _DATES:
        if found := pattern.fullmatch(text):
            parts = found.groupdict()
            era = parts.get("after") or parts.get("before") or ""
            if parts.get("century"):
                return _century(int(parts["century"]), era)
            year = _year(parts.get("year"), era)
            if parts.get("first"):
                one, other = int(parts["first"]), int(parts["other"])
                orders = [(other, one), (one, other)] if parts["sign"] != "." else [(other, one)]
                moments = [Moment(year, month=month, day=day) for month, day in dict.fromkeys(orders)]
            else:
                month, day = parts.get("month"), parts.get("day")
                number = None if month is None else _MONTH_OF.get(month) or int(month)
                span = 10 if text.endswith("s") and number is None else 1
                moments = [Moment(year, span, number, None if day is None else int(day))]
            return [moment for moment in moments if _on_the_calendar(moment)]
    return []


def _year(text: str | None, era: str) -> int | None:
    """A year from its digits: two digits are years from 1970 to 2069, and nought is none."""
    if text is None:
        return None
    digits = text.lstrip("'")
    year = int(digits)
    if len(digits) == 2 and not era and (text.startswith("'") or len(text) == 2):
        year += 1900 if year >= 70 else 2000
    return -year if era.startswith("b") else year


def _century(number: int, era: str) -> list[Moment]:
    """The hundred years of a century, as they are counted."""
    first = -100 * number if era.startswith("b") else 100 * (number - 1) + 1
    return [Moment(first, 100)] if number else []


def _on_the_calendar(moment: Moment) -> bool:
    if moment.year == 0 or (moment.month is not None and not 1 <= moment.month <= 12):
        return False
    if moment.day is None:
        return True
    year = moment.year if moment.year and moment.year > 0 else 2000
    return moment.month is not None and 1 <= moment.day <= monthrange(year, moment.month)[1]


def _same(given: Moment, expected: Moment) -> bool | None:
    """Whether two moments are one; None where one of them says less than the other."""
    verdict: bool | None = True
    told = given.year is not None and given.day is not None
    for part in ("month", "day", "minute", "second", "weekday"):
        mine, theirs = getattr(given, part), getattr(expected, part)
        if mine is not None and theirs is not None and mine != theirs:
            return False
        if (mine is None) != (theirs is None) and not (part == "weekday" and told):
            verdict = None
    for part in (_same_years(given, expected), _same_hours(given, expected)):
        if part is False:
            return False
        verdict = verdict if part else None
    return verdict


def _same_years(given: Moment, expected: Moment) -> bool | None:
    if given.year is None or expected.year is None:
        return True if given.year == expected.year else None
    if (given.year, given.span) == (expected.year, expected.span):
        return True
    apart = given.year + given.span <= expected.year or expected.year + expected.span <= given.year
    return False if apart else None


def _same_hours(given: Moment, expected: Moment) -> bool | None:
    if given.hour is None or expected.hour is None:
        return True if given.hour == expected.hour else None
    if given.hour == expected.hour:
        return True if given.half_of_day == expected.half_of_day else None
    known = given.half_of_day and expected.half_of_day
    return None if not known and given.hour % 12 == expected.hour % 12 else False


def _shown(moment: Moment) -> str:
    parts: list[str] = []
    if moment.weekday is not None:
        parts.append(_WEEKDAYS[moment.weekday].split()[0])
    date = [
        f"{moment.year:04d}" if moment.year is not None else "",
        *(f"{part:02d}" if part else "" for part in (moment.month, moment.day)),
    ]
    if any(date):
        parts.append("-".join(part or "?" for part in date).removesuffix("-?").removesuffix("-?"))
    if moment.span > 1:
        parts.append(f"for {moment.span} years")
    if moment.hour is not None:
        parts.append(
            f"{moment.hour:02d}:{moment.minute or 0:02d}"
            + ("" if moment.second is None else f":{moment.second:02d}")
        )
    return " ".join(parts)


DATE: Kind = _Date()
