"""Short LaTeX is worth a number, everything else nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.grading.scorers.latex_value import value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("2,000", 2000),
        ("2,000.5", 2000.5),
        (".5", 0.5),
        ("1+2*3", 7),
        ("1 - 2 - 3", -4),
        ("12/4/3", 1),
        ("8: 5", 1.6),
        ("6 \\div 3 \\cdot 2", 4),
        ("2 \\times 3", 6),
        ("-2^2", -4),
        ("(-2)^{2}", 4),
        ("2^-1", 0.5),
        ("2^{1+2}", 8),
        ("--3", 3),
        ("\\frac{1}{2}", 0.5),
        ("\\dfrac{3}{4}\\pi", 0.75 * math.pi),
        ("\\frac{\\frac{1}{2}}{2}", 0.25),
        ("$5 \\sqrt{3}$", 5 * math.sqrt(3)),
        ("\\sqrt[3]{8}", 2),
        ("6(\\sqrt{2}-1)", 6 * (math.sqrt(2) - 1)),
        ("[1+1]{3}", 6),
        ("2\\pi 3", 6 * math.pi),
        ("4^{0.5}", 2),
        ("\\frac{3^{1008}-1}{3^{1009}}", 1 / 3),
        ("\\frac{1}{4}}.then more", 0.25),
    ],
)
def test_arithmetic_has_a_value(text: str, number: float):
    found = value(text)
    assert found is not None
    assert float(found) == pytest.approx(number, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "5cm",
        "1+" * 101 + "1",
        "1e5",
        "1..2",
        "3.5.2",
        "(1",
        "1+",
        "(1]",
        "\\frac{1}",
        "\\alpha",
        "1/0",
        "0^{-1}",
        "\\sqrt{-1}",
        "\\sqrt[0]{2}",
        "(-8)^{0.5}",
        "9^{99999}",
        "2^{9^{9^{9}}}",
        "1.5^{99999}",
        "2^3^2",
        "(" * 60 + "1" + ")" * 60,
        "9" * 400,
        "２",
        "2,00",
        "__import__('os')",
    ],
)
def test_what_is_no_arithmetic_has_no_value(text: str):
    assert value(text) is None


@given(st.text(st.sampled_from("0123456789+-*/^(){}[].,: $\\fracsqtpi")))
def test_any_text_has_a_finite_value_or_none(text: str):
    found = value(text)
    assert found is None or math.isfinite(found)
