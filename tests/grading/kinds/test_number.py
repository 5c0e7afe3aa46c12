"""Numbers: one value in many notations is one value, and another value never is."""

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.grading.kinds.number import NUMBER

FREE = AnswerForm()
COMMA = AnswerForm(decimal_comma=True)


def same(answer: str, reference: str, form: AnswerForm = FREE) -> bool | None:
    """None too where one of them is no number."""
    one, other = NUMBER.read(answer, form), NUMBER.read(reference, form)
    return None if one is None or other is None else NUMBER.same(one, other, form)


NOTATIONS = {
    "a decimal": [
        "0.5",
        ".5",
        "0.50",
        "1/2",
        "½",
        "\\frac{1}{2}",
        "$\\frac12$",
        "0.5000",
        "one half",
        "half",
        "5e-1",
    ],
    "negative": [
        "-5",
        "−5",
        "–5",
        "minus five",
        "negative 5",
        "-5.00",
        "-5.0",
        "\\(-5\\)",
        "\\boxed{-5}",
    ],
    "thousands": [
        "1234567",
        "1,234,567",
        "1 234 567",
        "1'234'567",
        "1\u2009234\u2009567",
        "1.234.567",
        "1{,}234{,}567",
    ],
    "Indian groups": ["1234567", "12,34,567", "12.34567 lakh"],
    "grouped decimals": [
        "1234.5",
        "1,234.5",
        "1 234.5",
        "1'234.50",
        "1.234,5",
        "1 234,5",
        "1.2345e3",
        "2469/2",
    ],
    "scales": [
        "3000000",
        "3 million",
        "3M",
        "3 mn",
        "3.0 million",
        "three million",
        "3×10^6",
        "3·10⁶",
        "300万",
        "3000k",
    ],
    "billions": [
        "1500000000",
        "1.5 billion",
        "1.5bn",
        "1.5B",
        "1,500 million",
        "15亿",
        "1.5 \\times 10^{9}",
        "1.5e9",
    ],
    "a dozen": ["12", "a dozen", "one dozen", "1 dozen", "twelve", "十二", "Twelve", "12.", "**12**", "= 12"],
    "dozens": ["60", "5 dozen", "five dozen", "sixty", "六十"],
    "mixed": [
        "1.5",
        "1 1/2",
        "1½",
        "1\\frac{1}{2}",
        "one and a half",
        "1 and a half",
        "3/2",
        "1-1/2",
        "1 and 1/2",
    ],
    "words": ["21", "twenty-one", "twenty one", "Twenty-One", "二十一", "２１", "٢١", "21.0"],
    "long words": ["105", "one hundred and five", "one hundred five", "a hundred and five", "一百零五"],
    "longer words": [
        "12345",
        "twelve thousand three hundred and forty-five",
        "twelve thousand, three hundred forty five",
    ],
    "shares": ["0.75", "three quarters", "3/4", "¾", "three-quarters", "three fourths", "四分之三"],
    "spoken decimals": ["3.14", "three point one four", "3.140"],
    "powers": ["1000", "10^3", "10³", "10^{3}", "1k", "one thousand", "一千", "1e3"],
    "other powers": ["2025", "45^2", "45²"],
    "percent": ["6%", "6 \\%", "6 %", "6 percent", "six percent", "6 per cent", "百分之六", "6.0%"],
    "ordinals": ["3rd", "third", "the third", "Third", "第三", "3RD"],
    "ordinals above twenty": ["21st", "twenty-first", "the twenty first"],
    "Roman": ["XIV", "XIV."],
    "dollars": [
        "$49.40",
        "49.40 USD",
        "49.4 dollars",
        "USD 49.40",
        "\\$49.40",
        "$ 49.40",
        "US$49.40",
        "4940 cents",
    ],
    "a million dollars": ["$3M", "3 million dollars", "$3,000,000", "3m USD", "$3 million", "3 million USD"],
    "metres": [
        "12 m",
        "12m",
        "12 metres",
        "12 meters",
        "$12 \\mathrm{~m}$",
        "12\\text{ m}",
        "1200 cm",
        "0.012 km",
        "twelve metres",
    ],
    "squared": [
        "5 cm²",
        "5 cm^2",
        "5 square centimetres",
        "5 sq. cm",
        "5\\text{ cm}^2",
        "5\\mathrm{~cm}^{2}",
        "500 mm²",
        "5 ㎠",
    ],
    "volumes": ["9 litres", "9 liters", "9 L", "9l", "9000 ml", "9 dm³", "9000 cm^3", "9 (litres)"],
    "speeds": [
        "36 km/h",
        "36 kmh",
        "36 kph",
        "36 kilometers per hour",
        "10 m/s",
        "10 m s^-1",
        "36 km per hour",
    ],
    "times": [
        "90 min",
        "90 minutes",
        "1.5 h",
        "1 h 30 min",
        "1 hour and 30 minutes",
        "1 hour, 30 minutes",
        "5400 s",
    ],
    "heights": ["5'6\"", "5 ft 6 in", "5 feet 6 inches", "5’6”", "66 inches", "5′6″"],
    "masses": ["2 kg", "2000 g", "2 kilograms", "two kilos", "0.002 tonnes", "2公斤"],
    "angles": ["120°", "120 degrees", "120^{\\circ}", "$120^\\circ$", "120 deg", "120{degrees}", "120º"],
    "temperatures": ["20 °C", "20°C", "20 degrees Celsius", "68 °F", "20 C", "293.15 K"],
    "data": ["2 GB", "2 gigabytes", "2000 MB"],
    "money per time": ["$5 per hour", "$5/h", "5 dollars per hour"],
    "counted": ["10 cubes", "10 cube", "ten cubes", "a total of 10 cubes"],
    "a week": ["7 days", "one week", "a week", "168 hours"],
}


@pytest.mark.parametrize("texts", NOTATIONS.values(), ids=NOTATIONS)
def test_notations_of_one_number_are_the_same(texts: list[str]):
    assert [(one, two) for one in texts for two in texts if same(one, two) is not True] == []


WRONG = [
    *[("5", "6"), ("-5", "5"), (".5", "5"), ("0.5", "5"), ("1.5", "15"), ("10^2", "102"), ("10²", "102")],
    *[
        ("5³", "53"),
        ("1½", "11/2"),
        ("3 million", "4 million"),
        ("1/3", "1/4"),
        ("12", "21"),
    ],
    *[("twenty-one", "20"), ("3/4", "4/3"), ("6%", "7%"), ("50%", "60"), ("5 billion", "5 million")],
    *[("12 cm", "12 m"), ("12 m", "12 m²"), ("12 m", "12 kg"), ("5'", '5"'), ("$5", "€5"), ("$5", "£5")],
    *[
        ("20 °C", "20 °F"),
        ("5 km/h", "5 m/s"),
        ("13 m", "12"),
        ("12 m", "13"),
        ("13", "12 m"),
        ("1200", "12 m"),
    ],
    *[
        ("5 mW", "5 MW"),
        ("4th", "3rd"),
        ("12 cubes", "10"),
        ("12", "10 cubes"),
        ("XIV", "XV"),
        ("5 min", "5 s"),
    ],
    *[
        ("1e5", "1e4"),
        ("5 ft 6 in", "5 ft 7 in"),
        ("2 million people", "3 million people"),
        ("0", "1"),
        ("9", "10"),
    ],
    *[
        ("14.1", "14.14"),
        ("3", "2.6"),
        ("9" * 400, "8" + "9" * 399),
        ("6 m", "5"),
        ("50 m", "100 km/h"),
        ("1.2", "1200"),
        ("20%", "1/3"),
        ("60 mph", "100 km/h"),
    ],
]


@pytest.mark.parametrize(("answer", "reference"), WRONG)
def test_another_number_is_wrong(answer: str, reference: str):
    assert same(answer, reference) is False


RIGHT = [
    *[
        ("5 min", "5'"),
        ("5 s", '5"'),
        ("5 ms^{-1}", "5 m/s"),
        ("25 deg C", "25 °C"),
        ("2 dozens", "24"),
        ("5 lakhs", "500000"),
    ],
    *[
        ("12 sq. units", "12"),
        ("5 units²", "5"),
        ("3-kg", "3 kg"),
        ("3-year-old", "3"),
        ("200 calories", "200 kcal"),
    ],
    *[
        ("1 gallon", "4.54609 L"),
        ("5만", "50000"),
        ("12 cubic units", "12 cm³"),
        ("3 X 10^5", "300000"),
        ("6'2\"", "6 ft 2 in"),
    ],
    *[("12", "12 m"), ("12 m", "12"), ("10 cubes", "10"), ("10", "10 cubes"), ("5", "$5"), ("$5", "5")],
    *[
        ("20°", "20 °C"),
        ("16 years old", "16"),
        ("3 apples", "three"),
        ("5 pounds", "£5"),
        ("5 pounds", "5 lb"),
    ],
    *[("2K", "2000"), ("300 K", "300 kelvin"), ("5m", "5 metres"), ("5m", "5 minutes"), ("5m", "5 million")],
    *[("3个", "3"), ("120", "120°"), ("25 years", "25"), ("30 cm long", "30 cm"), ("1 decade", "10 years")],
]


@pytest.mark.parametrize(("answer", "reference"), RIGHT)
def test_a_unit_left_out_does_not_contradict(answer: str, reference: str):
    assert same(answer, reference) is True


UNSURE = [
    *[
        ("60", "60%"),
        ("60%", "60"),
        ("0.5", "50%"),
        ("50%", "0.5"),
        ("3", "3rd"),
        ("third", "3"),
        ("XIV", "14"),
    ],
    *[
        ("14", "XIV"),
        ("5.7735", "5.77"),
        ("0.33", "1/3"),
        ("0.667", "2/3"),
        ("1200 cm", "12"),
        ("5", "5 million"),
    ],
    *[("2.3 million", "2.3"), ("365 days", "1 year"), ("1 KB", "1024 bytes"), ("7", "seven samurai")],
    *[("1/3", "33.3%"), ("1,234,567", "1.2 million"), ("5", "$5 million"), ("62 mph", "100 km/h")],
    *[
        ("123456", "1.2e5"),
        ("1.8 m", "5.9 ft"),
        ("1 month", "30 days"),
        ("1.200", "1200"),
        ("1,234", "1.234"),
    ],
    *[("5 dogs", "5 cats"), ("5 dogs", "7 cats"), ("12 apples", "12 m")],
]


@pytest.mark.parametrize(("answer", "reference"), UNSURE)
def test_what_is_left_open_is_unsure(answer: str, reference: str):
    assert NUMBER.read(answer, FREE) and NUMBER.read(reference, FREE)
    assert same(answer, reference) is None


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            " ",
            "red",
            "007",
            "00",
            "01",
            "1,2",
            "0,5",
            "1.2.3",
            "12:45",
            "555-1234",
            "+1 555 123 4567",
            "192.168.1.10",
        ],
        *[
            "192.168.100.200",
            "3/4/2021",
            "2021-03-04",
            "about 5",
            "~5",
            "≈5",
            "5-6",
            "5 – 6",
            "between 5 and 6",
            "at least 5",
        ],
        *[
            "5+",
            "<5",
            "over 5",
            "5 or 6",
            "5 to 6",
            "5 and 6",
            "5!",
            "5?",
            "5#",
            "#5",
            "No. 5",
            "1/0",
            "2 + 3",
            "2 x 3",
            "5x",
        ],
        *[
            "x = 5",
            "√2",
            "2π",
            "\\sqrt{2}",
            "7 Up",
            "Seven Samurai",
            "One Direction",
            "one of the dogs",
            "one two",
            "A",
            "a",
        ],
        *[
            "nineteen ninety",
            "5 o'clock",
            "5 pm",
            "44 BC",
            "3 times as many",
            "two of them",
            "quarter past three",
            "三星",
            "B12",
        ],
        *[
            "0x1F",
            "a couple",
            "a pair",
            "6'2",
            "1e",
            "1e99999",
            "10^99999",
            "9^9^9",
            "2^0.5",
            "-",
            "--",
            "$",
            "€",
            "%",
            ".",
            "-.",
            "five six",
            "C",
            "I",
            "m",
        ],
        *[
            "1:2",
            "(3, 4)",
            "[5]5",
            "5 cm 6",
            "5 kg 6 m",
            "$5 €",
            "£5 USD",
            "nan",
            "inf",
            "1_2",
            "½½",
            "5''6",
            "the",
            "12E",
            "1 2345",
        ],
    ],
)
def test_what_is_no_single_number_is_none(text: str):
    assert NUMBER.read(text, FREE) is None


def test_the_form_says_the_unit():
    percent, metres = AnswerForm(unit="%"), AnswerForm(unit="m")
    assert same("60", "60%", percent) is True and same("60%", "60", percent) is True
    assert same("61", "60%", percent) is False
    assert same("1200 cm", "12", metres) is True and same("12 cm", "12", metres) is False
    assert same("12", "12 m", metres) is True and same("12 kg", "12", metres) is False
    assert same("5 million", "5", AnswerForm(unit="million")) is True
    assert same("5 years", "5", AnswerForm(unit="years")) is True
    assert same("5", "5 million", AnswerForm(unit="in millions")) is True


def test_the_form_says_how_exact():
    near, two = AnswerForm(tolerance=0.05), AnswerForm(precision=2)
    assert same("95", "100", near) is True and same("94.99", "100", near) is False
    assert same("-95", "-100", near) is True and same("95", "-100", near) is False
    assert same("10.5 m", "10 m", near) is True and same("1050 cm", "10 m", near) is True
    assert same("5.7735", "5.77", two) is True and same("5.78", "5.77", two) is False
    assert same("0.125", "0.12", two) is True and same("0.125", "0.13", two) is True
    assert same("-0.125", "-0.13", two) is True and same("2/3", "0.67", two) is True
    assert same("3", "2.6", AnswerForm(precision=0)) is True


def test_the_form_says_that_a_comma_is_decimal():
    assert same("1,5", "3/2", COMMA) is True and same("1.500", "1500", COMMA) is True
    assert same("1.500,25", "6001/4", COMMA) is True and same("1,500", "1500", COMMA) is None
    assert same("1,234.5", "2469/2", COMMA) is True and same(",5", "1/2", COMMA) is True


def test_a_declared_number_of_words_is_a_number():
    declared = AnswerForm(kind=AnswerKind.number)
    assert same("7", "seven apples", declared) is True


def test_a_number_is_shown_in_one_line():
    shown = {
        text: NUMBER.show(NUMBER.read(text, FREE) or ()) for text in ("½", "1/3", "12 metres", "-.25", "3rd")
    }
    assert shown == {"½": "0.5", "1/3": "1/3", "12 metres": "12 m", "-.25": "-0.25", "3rd": "3 ordinal"}


def written(value: Fraction) -> list[str]:
    texts = [f"{value.numerator}/{value.denominator}", f"\\frac{{{value.numerator}}}{{{value.denominator}}}"]
    if 1000 % value.denominator == 0:
        texts = [
            f"{float(value):.3f}",
            f"{float(value):,.4f}",
            f"{float(value):,.3f}".replace(",", " "),
            f"{float(value):.9e}",
        ]
    return [*texts, *(f"${text}$" for text in texts), *(f"**{text}**." for text in texts)]


VALUES = st.integers(0, 10**6).map(lambda n: Fraction(n, 1000)) | st.fractions(0, 10**6, max_denominator=99)


@given(VALUES, st.data())
def test_a_value_is_the_same_in_any_notation(value: Fraction, data: st.DataObject):
    one, other = data.draw(st.sampled_from(written(value))), data.draw(st.sampled_from(written(value)))
    assert same(one, other) is True


@given(VALUES, VALUES, st.data())
def test_other_values_are_never_the_same(value: Fraction, other: Fraction, data: st.DataObject):
    answer, reference = data.draw(st.sampled_from(written(value))), data.draw(st.sampled_from(written(other)))
    assert (same(answer, reference) is True) == (value == other)


@given(st.text() | st.text(alphabet="0123456789.,-/ ^%$mk'\"eE½三百\\{}()acdofhntwis"), st.booleans())
def test_any_text_is_read_or_not(text: str, comma: bool):
    form = AnswerForm(decimal_comma=comma)
    reading = NUMBER.read(text, form)
    if reading is not None:
        assert NUMBER.same(reading, reading, form) is True
        assert "\n" not in NUMBER.show(reading)


@pytest.mark.parametrize(
    "unit",
    [
        *[
            "9",
            " ",
            "1,",
            "(",
            ".",
            "-",
            "1 ",
            "1/",
            "1,234",
            "^",
            "10^",
            "e",
            "1e",
            "$",
            "twenty ",
            "one hundred and ",
        ],
        *[
            "million ",
            "a ",
            "三",
            "万",
            "百",
            "m ",
            "/m",
            "5 m ",
            "1'",
            "½",
            "\\frac{",
            "5 ft ",
            "M",
            "X",
            "\0",
            "\ud800",
        ],
    ],
)
@pytest.mark.parametrize("length", [300, 1_100, 50_000])
def test_long_runs_end_soon(unit: str, length: int):
    for start in ("", "5 ", "5", "1,000", "one "):
        text = start + unit * (length // len(unit))
        started = time.process_time()
        for form in (FREE, COMMA):
            if (reading := NUMBER.read(text, form)) is not None:
                NUMBER.same(reading, reading, form)
                NUMBER.show(reading)
        assert time.process_time() - started < 0.5
