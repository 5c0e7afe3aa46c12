"""Dates and times: one day in many notations is one day, and what is left open stays open."""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.core.answers import AnswerForm
from deepeyes.grading.kinds.date import DATE

FREE = AnswerForm()


def same(answer: str, reference: str) -> bool | None:
    one, other = DATE.read(answer, FREE), DATE.read(reference, FREE)
    return None if one is None or other is None else DATE.same(one, other, FREE)


NOTATIONS = {
    "a day": [
        *[
            "3 March 2021",
            "March 3, 2021",
            "March 3rd, 2021",
            "3rd of March 2021",
            "2021-03-03",
            "2021/3/3",
            "3 Mar 2021",
        ],
        *[
            "Mar. 3, 2021",
            "03.03.2021",
            "3/3/2021",
            "3-Mar-2021",
            "20210303",
            "2021年3月3日",
            "２０２１年３月３日",
            "3. März 2021",
        ],
        *[
            "3 mars 2021",
            "3 de marzo de 2021",
            "le 3 mars 2021",
            "MARCH 3 2021",
            "**3 March 2021**.",
            "2021, March 3",
            "3/3/21",
        ],
        *["Wednesday, March 3, 2021", "on 3 March 2021", "March 3, '21", "2021년 3월 3일"],
    ],
    "a month": [
        "March 2021",
        "Mar 2021",
        "2021-03",
        "2021年3月",
        "March, 2021",
        "Mar. 2021",
        "mars 2021",
        "2021/03",
    ],
    "a month alone": ["March", "march", "Mar", "Mar.", "März", "in March"],
    "a day without a year": ["3 March", "March 3", "March 3rd", "3月3日", "3rd of March", "Mar 3"],
    "a year": ["2021", "in 2021", "the year 2021", "2021年", "AD 2021", "2021 CE"],
    "a decade": ["1990s", "the 1990s", "1990's", "the 1990’s"],
    "a century": ["19th century", "the 19th century", "19th century AD"],
    "before Christ": ["44 BC", "44 B.C.", "44 BCE", "BC 44"],
    "noon": ["12:00 pm", "12 pm", "noon", "12.00pm", "12 p.m.", "midday"],
    "midnight": ["midnight", "00:00", "0:00", "12 am", "12:00 a.m."],
    "after noon": ["12:45 pm", "12.45pm", "12:45 P.M.", "12:45PM", "quarter to one pm", "at 12:45 pm"],
    "in the afternoon": ["15:30", "3:30 pm", "15h30", "half past three pm", "下午3点半", "3:30:00 pm"],
    "on the dial": [
        "3:15",
        "quarter past three",
        "a quarter past 3",
        "fifteen past three",
        "15 minutes past 3",
        "3点15分",
    ],
    "before the hour": ["2:40", "twenty to three", "20 minutes to 3"],
    "the full hour": ["3:00", "3 o'clock", "three o'clock", "3 o’clock", "三点"],
    "a day and a time": [
        "3 March 2021, 3:30 pm",
        "2021-03-03T15:30",
        "2021-03-03 15:30:00",
        "3:30 pm on March 3, 2021",
    ],
    "a weekday": ["Monday", "Mon", "lundi", "Montag", "on Monday", "星期一"],
}


@pytest.mark.parametrize("texts", NOTATIONS.values(), ids=NOTATIONS)
def test_notations_of_one_time_are_the_same(texts: list[str]):
    assert [(one, two) for one in texts for two in texts if same(one, two) is not True] == []


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        *[
            ("3 March 2021", "4 March 2021"),
            ("3 March 2021", "3 April 2021"),
            ("3 March 2021", "3 March 2022"),
        ],
        *[
            ("March 2021", "3 April 2021"),
            ("2020", "March 2021"),
            ("March", "April"),
            ("1990s", "2001"),
            ("1990s", "1980s"),
        ],
        *[
            ("44 BC", "44 AD"),
            ("12:45", "12:46"),
            ("3:30 pm", "3:30 am"),
            ("12:45 pm", "00:45"),
            ("15:30", "4:30"),
        ],
        *[
            ("Monday", "Tuesday"),
            ("19th century", "1950"),
            ("quarter past three", "quarter to three"),
            ("noon", "midnight"),
        ],
        *[
            ("13/04/2021", "04/14/2021"),
            ("03/04/2021", "5 May 2021"),
            ("3:15:20", "3:15:21"),
            ("19th century", "20th century"),
        ],
        *[("3 March", "4 March"), ("2021-03-03 15:30", "2021-03-03 16:30")],
    ],
)
def test_another_time_is_wrong(answer: str, reference: str):
    assert same(answer, reference) is False
    assert same(reference, answer) is False


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        *[("03/04/2021", "3 April 2021"), ("03/04/2021", "4 March 2021"), ("03/04/2021", "04/03/2021")],
        *[
            ("March 2021", "3 March 2021"),
            ("3 March", "3 March 2021"),
            ("2021", "March 2021"),
            ("1995", "1990s"),
        ],
        *[
            ("3:30", "15:30"),
            ("3:30", "3:30 am"),
            ("Monday", "3 March 2021"),
            ("15:30", "3 March 2021"),
            ("1880", "19th century"),
        ],
    ],
)
def test_what_is_left_open_is_unsure(answer: str, reference: str):
    assert DATE.read(answer, FREE) and DATE.read(reference, FREE)
    assert same(answer, reference) is None
    assert same(reference, answer) is None


def test_the_same_open_notation_is_the_same():
    assert same("03/04/2021", "3/4/2021") is True


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            " ",
            "red",
            "32 March 2021",
            "30 February 2021",
            "29 February 2021",
            "2021-13-01",
            "13/13/2021",
            "25:00",
            "12:60",
        ],
        *[
            "13:00 pm",
            "0 am",
            "12",
            "5",
            "12.45",
            "March or April",
            "about 1990",
            "1990-1995",
            "3 to 5",
            "one to three",
            "5 to 8",
            "20 to 11",
            "the day after",
            "0 BC",
        ],
        *[
            "marching",
            "Maybe",
            "12345",
            "1.2.3.4",
            "half past",
            "half past forty",
            "99 minutes past 3",
            "3 cm",
            "0th century",
        ],
    ],
)
def test_what_is_no_date_is_none(text: str):
    assert DATE.read(text, FREE) is None


def test_a_year_of_two_digits_is_of_this_age():
    assert same("3/3/85", "3 March 1985") is True and same("3 March '21", "3 March 2021") is True


def test_a_leap_day_is_on_the_calendar():
    assert same("29 February 2020", "2020-02-29") is True


def test_a_date_is_shown_in_one_line():
    shown = [
        DATE.show(DATE.read(text, FREE) or ())
        for text in ("3 March 2021", "March 3", "3:30 pm", "03/04/2021", "1990s")
    ]
    assert shown == ["2021-03-03", "?-03-03", "15:30", "2021-04-03 or 2021-03-04", "1990 for 10 years"]


FORMATS = [
    "%Y-%m-%d",
    "%d %B %Y",
    "%B %d, %Y",
    "%d %b %Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%Y%m%d",
    "%A, %d %B %Y",
    "**%b. %d, %Y**",
]
DAYS = st.dates(date(1000, 1, 1), date(2999, 12, 31))


@given(DAYS, st.sampled_from(FORMATS), st.sampled_from(FORMATS))
def test_a_day_is_the_same_in_any_notation(day: date, one: str, other: str):
    assert same(day.strftime(one), day.strftime(other)) is True


@given(DAYS, DAYS, st.sampled_from(FORMATS), st.sampled_from(FORMATS))
def test_other_days_are_always_wrong(day: date, other: date, one: str, two: str):
    assert same(day.strftime(one), other.strftime(two)) is (day == other)


@given(st.text() | st.text(alphabet="0123456789/-.:, 'amprchjuneyth年月日点oclkqf"))
def test_any_text_is_read_or_not(text: str):
    reading = DATE.read(text, FREE)
    if reading is not None:
        assert DATE.same(reading, reading, FREE) is True
        assert "\n" not in DATE.show(reading)


@pytest.mark.parametrize(
    "unit", ["9", " ", "1/", "march ", "a ", "3 march 2021 ", ":", "12:", "-", "monday ", "年", "\0", "t1"]
)
@pytest.mark.parametrize("length", [75, 160, 50_000])
def test_long_runs_end_soon(unit: str, length: int):
    started = time.process_time()
    DATE.read(unit * (length // len(unit)), FREE)
    assert time.process_time() - started < 0.2
