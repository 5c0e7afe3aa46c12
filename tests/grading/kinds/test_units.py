"""Units: exact factors, one name for each spelling, and nothing for words that are no unit."""

from fractions import Fraction

import pytest

from deepeyes.grading.kinds.units import may_be, read_units


@pytest.mark.parametrize(
    ("one", "count", "other"),
    [
        *[
            ("mi", "1.609344", "km"),
            ("ft", "12", "in"),
            ("yd", "3", "ft"),
            ("acre", "43560", "sq ft"),
            ("lb", "16", "oz"),
        ],
        *[
            ("lb", "0.45359237", "kg"),
            ("short ton", "2000", "lb"),
            ("stone", "14", "lb"),
            ("gallon", "4", "qt"),
        ],
        *[
            ("qt", "2", "pint"),
            ("pint", "2", "cup"),
            ("cup", "16", "tbsp"),
            ("tbsp", "3", "tsp"),
            ("cup", "8", "fl oz"),
        ],
        *[
            ("gallon", "3.785411784", "L"),
            ("mph", "1.609344", "km/h"),
            ("knot", "1.852", "km/h"),
            ("ha", "10000", "m²"),
        ],
        *[
            ("kWh", "3.6", "MJ"),
            ("bar", "100", "kPa"),
            ("week", "7", "days"),
            ("century", "10", "decades"),
            ("°", "60", "arcmin"),
        ],
        *[
            ("km/h", "1000", "m/h"),
            ("byte", "8", "bits"),
            ("nautical mile", "1852", "m"),
            ("tonne", "1000", "kg"),
            ("L", "1000", "cc"),
        ],
        *[
            ("g/cm^3", "1000", "kg/m^3"),
            ("N", "1", "kg m/s^2"),
            ("J", "1", "N m"),
            ("W", "1", "J/s"),
            ("V", "1", "W/A"),
        ],
    ],
)
def test_factors_are_exact(one: str, count: str, other: str):
    mine, theirs = read_units(one.replace("²", "^2"))[0], read_units(other.replace("²", "^2"))[0]
    assert mine.dimensions == theirs.dimensions
    assert mine.factor == Fraction(count) * theirs.factor


@pytest.mark.parametrize(("celsius", "fahrenheit"), [(0, 32), (100, 212), (-40, -40), (37, Fraction("98.6"))])
def test_temperatures_have_an_offset(celsius: int, fahrenheit: int):
    assert read_units("°C")[0].base(celsius) == read_units("°F")[0].base(fahrenheit)


@pytest.mark.parametrize(
    ("text", "names"),
    [("m", {"m", "minute"}), ("pounds", {"pound", "gbp"}), ("oz", {"ounce", "fluid ounce"})],
)
def test_a_symbol_of_several_units_has_them_all(text: str, names: set[str]):
    assert {unit.name for unit in read_units(text)} == names


def test_case_tells_symbols_apart():
    assert read_units("mW")[0].factor * 10**9 == read_units("MW")[0].factor
    assert read_units("Kg") == read_units("kg") == read_units("KG") == read_units("kilograms")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "cubes",
        "of them",
        "in total",
        "a",
        "k",
        "x",
        "m of",
        "m/",
        "/",
        "m^99",
        "km km km km km",
        "m" * 50,
        "per",
    ],
)
def test_other_words_are_no_units(text: str):
    assert read_units(text) == ()


@pytest.mark.parametrize(
    ("bare", "unit", "value"), [(5, "km", 5000), (12, "inch", "0.3048"), (20, "°C", "293.15")]
)
def test_a_bare_number_may_be_in_any_unit_that_measures_the_same(bare: int, unit: str, value: int | str):
    dimensions = read_units(unit)[0].dimensions

    assert may_be(bare, Fraction(value), dimensions)
    assert not may_be(bare, Fraction(value) + 1, dimensions)
    assert not may_be(bare, Fraction(value), (("ratio", 1),))
    assert not may_be(0, Fraction(value), dimensions)
