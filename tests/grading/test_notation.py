"""Notation: what looks alike and means alike is one text, and what means something else never is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.grading.notation import bare, canonical, folded

SAME = {
    "apostrophes": ["d'Ivoire", "d’Ivoire", "d‘Ivoire", "dʼIvoire", "d´Ivoire", "d`Ivoire", "D＇IVOIRE"],
    "quotes": ["red", '"red"', "“red”", "„red“", "«red»", "「red」", "'red'", "‘red’", "`red`", "**“Red.”**"],
    "dashes": ["-5", "−5", "–5", "－5", "‑5"],
    "dashes inside": ["1990-1995", "1990–1995", "1990—1995", "1990‒1995"],
    "hyphens": ["light blue", "light-blue", "light‑blue", "Light\u00a0Blue", "light\u2009\u200bblue"],
    "full width": ["K6 (left)", "Ｋ６　（ｌｅｆｔ）"],
    "ligatures": ["fluffy office", "ﬂuﬀy oﬃce"],
    "accents": ["café", "Café", "CAFE\u0301"],
    "other digits": ["35", "٣٥", "३५", "３５", "𝟑𝟓"],
    "fractions": ["1/2", "½", "1⁄2", "¹⁄₂", "\\frac{1}{2}", "$\\dfrac12$", "\x0crac{1}{2}"],
    "mixed fractions": ["1 1/2", "1½", "1 ½", "1\\frac{1}{2}", "1\\tfrac12", "1¹⁄₂"],
    "powers": ["10^2", "10²", "10^{2}", "$10^2$", "$$10^{2}$$"],
    "longer powers": ["10^-12", "10⁻¹²", "10^{-12}"],
    "lower marks": ["x_1", "x₁", "x_{1}"],
    "formulas": ["H2O", "H₂O", "H_2O", "$\\mathrm{H_2O}$", "h2o"],
    "areas": ["12 m^2", "12 m²", "12 ㎡", "12 \\mathrm{~m}^{2}", "$12 \\text{ m}^2$"],
    "degrees": ["120°", "120 °", "120º", "120˚", "120^{\\circ}", "$120^\\circ$", "$120 ^ { \\circ }$"],
    "bold": ["12 m", "**12 m**.", "***12 m***", "*12 m*", "`12 m`", "_12 m_"],
    "percent": ["6%", "6 %", "6 \\%", "６％", "$6\\%$"],
    "a box": ["5", "\\boxed{5}", "\\boxed{5}.", "$\\boxed{5}$", "\\(\\boxed{5}\\)", "\\[ \\boxed{5} \\]"],
    "words in a box": ["january", "\\boxed{\\text{January}}", "$\\text{January}$", "\\mathrm{January}"],
    "a value with a unit": ["12 m", "$12 \\mathrm{~m}$", "$12$ m", "\\(12\\) m", "12\\,m", "12\\text{ m}"],
    "money": ["$49.40", "\\$49.40", "$\\$49.40$"],
    "thin groups": ["1234567", "1,234,567", "1\u2009234\u2009567", "1\u202f234\u202f567", "1'234'567"],
    "LaTeX groups": ["1234567", "1{,}234{,}567"],
    "leading point": ["0.5", ".5", "0.50", "٠٫٥"],
    "trade marks": ["Coca Cola", "Coca-Cola®", "Coca‑Cola™"],
    "stated": ["red", "The answer is red.", "Answer: **red**", "the final answer is “Red”"],
    "exclaimed": ["stop", "Stop!", "STOP!!"],
    "bold inside": ["the red car", "the **red** car"],
    "initials": ["U.S.", "U.S", "u.s."],
}

DIFFERENT = [
    *[("10²", "102"), ("10¹²", "1012"), ("5³", "53"), ("10₂", "102"), ("10²3", "10^23"), ("½½", "1/21/2")],
    *[("1½", "11/2"), ("1\\frac{1}{2}", "11/2"), ("①②", "12"), ("5!", "5"), ("n!", "n"), ("5'", '5"')],
    *[
        ("5'", "5"),
        ("5″", "5"),
        ("5′", "5″"),
        (".5", "5"),
        ("-.5", "5"),
        ("5°", "5"),
        ("C#", "C"),
        ("C++", "C"),
    ],
    *[
        ("A+", "A"),
        ("A-", "A"),
        ("A*", "A"),
        ("-5", "5"),
        ("+5", "5"),
        ("007", "7"),
        ("1,2", "12"),
        ("2*3", "23"),
    ],
    *[("2**3", "23"), ("50%", "50"), ("$5", "5"), ("f(x)", "f x"), ("(3,4)", "3,4"), ("[3, 4]", "(3, 4)")],
    *[("__init__", "init"), ("$5 and $6", "5 and 6"), ("x'", "x"), ("km²", "km2"), ("1 000", "1 0 00")],
    *[("{1}", "1"), ("|5|", "5"), ("~5", "5"), ("<5", "5"), (":)", ")"), ("5?", "5"), ("rm -r", "rm r")],
    *[("...", "."), ("12 345", "12345"), ("Ca²⁺", "Ca2+"), ("a_b", "ab"), ("file_1", "file1")],
]


@pytest.mark.parametrize("texts", SAME.values(), ids=SAME)
def test_notations_of_one_thing_are_one(texts: list[str]):
    assert {canonical(text) for text in texts} == {canonical(texts[0])}


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_content_is_never_dropped(one: str, other: str):
    assert canonical(one) != canonical(other)


def test_what_is_bare_keeps_its_case():
    assert bare("**\\boxed{\\text{12 MW}}**.") == "12 MW"
    assert bare(" “C” ") == "C"


def test_folding_touches_characters_only():
    assert folded("**Ｋ６** – ‘x²’") == "**K6** - 'x^2'"


@pytest.mark.parametrize(
    "text", ["...", "$", "**", "\\boxed{}", "''", "™", "?!", "()", "\\(\\)", "$$", "_", '"']
)
def test_marks_alone_are_an_answer(text: str):
    assert canonical(text)


@given(st.text())
def test_any_text_has_a_canonical_form(text: str):
    assert isinstance(canonical(text), str)
    if any(character.isalnum() or character in "!?.,;:'#$%&*+-/<=>@^_|~()[]{}" for character in text):
        assert canonical(text)


DRESSES = [
    "**{}**",
    "\\boxed{{{}}}",
    "${}$",
    "\\text{{{}}}",
    "({})",
    "“{}”",
    " {}. ",
    "\\({}\\)",
    "`{}`",
    "_{}_",
]


@given(
    st.from_regex(r"[-a-z0-9.]{0,8}[a-z0-9](?: [a-z0-9]{1,8})?", fullmatch=True),
    st.lists(st.sampled_from(DRESSES), max_size=3, unique=True),
)
def test_no_dress_changes_what_is_in_it(text: str, dresses: list[str]):
    dressed = text
    for dress in dresses:
        dressed = dress.format(dressed)
    assert canonical(dressed) == canonical(text)


@pytest.mark.parametrize(
    "text",
    [
        *["9" * 10**6, " " * 50_000, "1," * 20_000, "(" * 50_000, "(" * 25_000 + ")" * 25_000, "$" * 50_000],
        *["*" * 50_000, "**a " * 12_000, "\\boxed{" * 7_000 + "}" * 7_000, "\\text{" * 9_000, "^{" * 25_000],
        *[
            "\\frac" * 10_000,
            "\\frac{1" * 8_000,
            "A_" * 20_000,
            "A_1" * 20_000 + "é",
            "!" * 50_000,
            "½" * 50_000,
        ],
        *[
            "²" * 50_000,
            "²⁄" * 25_000,
            "₁" * 50_000,
            "$a" * 20_000,
            "\\$" * 20_000,
            "~" * 50_000,
            "a-" * 20_000,
        ],
        *[
            "\\(" * 9_000 + "\\)" * 9_000,
            "\0" * 50_000,
            "\ud800" * 50_000,
            "\u0301" * 50_000,
            "a\u0301" * 20_000,
        ],
    ],
    ids=lambda text: ascii(text[:6]),
)
def test_long_runs_end_soon(text: str):
    started = time.process_time()
    canonical(text)
    assert time.process_time() - started < 1
