"""How facts are read: numbers with units and years, points, coordinates, borders, languages, credits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packmaker.kinds.brands import colour_name
from packmaker.kinds.credits import read_credits, terms
from packmaker.kinds.factbook import (
    clean,
    read_borders,
    read_coordinates,
    read_number,
    read_official_languages,
    read_point,
    section_texts,
)
from packmaker.kinds.outlines import drawn_share, main_part


@pytest.mark.parametrize(
    ("text", "expects", "found"),
    [
        ("643,801 sq km ; 551,500 sq km (metropolitan France)", "sq km", (643801, None)),
        ("68,512,806 (2025 est.)", r"(\(|$)", (68512806, 2025)),
        ("$1.29 trillion (2023 est.)", "$", (1290000000000, 2023)),
        ("-$30.334 billion (2023 est.)", "$", (-30334000000, 2023)),
        ("-0.45% (2025 est.)", "%", (-0.45, 2025)),
        ("0.67% annual rate of change (2020-25 est.)", "%", (0.67, None)),
        ("approximately 12 km", "km", (12, None)),
        ("303.779 million metric tonnes of CO2 (2023 est.)", "metric ton", (303779000, 2023)),
        ("5 km", "sq km", None),
        ("$5", "%", None),
        ("5%", "$", None),
        ("NA", "km", None),
        ("less than 1 sq km", "sq km", None),
        ("", "km", None),
        ("uninhabited", r"(\(|$)", None),
    ],
)
def test_numbers(text: str, expects: str, found: object) -> None:
    assert read_number(text, expects) == found


@given(st.integers(-(10**13), 10**13), st.integers(1950, 2030))
def test_whole_numbers_survive(value: int, year: int) -> None:
    assert read_number(f"{value:,} sq km ({year} est.)", "sq km") == (value, year)


@given(st.text(max_size=80))
def test_no_text_breaks_the_readers(text: str) -> None:
    for read in (
        read_point,
        read_coordinates,
        read_borders,
        read_official_languages,
        clean,
        read_credits,
        terms,
    ):
        read(text)
    read_number(text, "km")


def test_points_and_places() -> None:
    assert read_point("Mont Blanc 4,810") == ("Mont Blanc", 4810)
    assert read_point("Rhone River delta -2 m") == ("Rhone River delta", -2)
    assert read_point("K2 (Mt. Godwin-Austen) 8,611 m") == ("K2", 8611)
    assert read_point("Vpadina (a lake that fell as low as -110 m (in 1990)) -81 m") == ("Vpadina", -81)
    assert read_point("As Sarawat range, 3,000 m") == ("As Sarawat range", 3000)
    assert read_point("unnamed elevation 2.8 km southeast of Nepen Diaka 648 m") is None
    assert read_point("Denman Glacier more than -3,500 m (-11,500 ft) below sea level") is None
    assert read_point("1.3 km NE of Old Bight on Cat Island 64 m") is None
    assert read_coordinates("48 52 N, 2 20 E") == (48.867, 2.333)
    assert read_coordinates("0 13 S, 78 30 W") == (-0.217, -78.5)
    assert read_coordinates("somewhere") is None


def test_borders_and_languages() -> None:
    assert read_borders("Andorra 55 km; Belgium 556 km; Italy (with enclaves) 3.4 km") == (
        ("Andorra", 55),
        ("Belgium", 556),
        ("Italy", 3.4),
    )
    assert read_borders("none") == ()
    assert read_official_languages("French (official) 100%, declining dialects (Breton, Basque)") == (
        "French",
    )
    assert read_official_languages("Russian (official) 1%, Belarusian (official)") == (
        "Russian",
        "Belarusian",
    )
    assert read_official_languages("Spanish, English") == ()


def test_sections_read_well_and_say_nothing_twice() -> None:
    page = {
        "Geography": {"Area": {"total ": {"text": "5 sq km"}, "land": {"text": "4&nbsp;sq km"}}},
        "Environment": {
            "Area": {"total ": {"text": "5 sq km"}, "land": {"text": "4&nbsp;sq km"}},
            "Real GDP": {"Real GDP 2024": {"text": "$5"}, "note": "<b>note:</b> rough"},
            "Languages": {"Languages": {"text": "Latin<br>Greek"}},
        },
    }
    assert dict(section_texts(page)) == {
        "Geography": "Area: total: 5 sq km\nland: 4 sq km",
        "Environment": "Real GDP 2024: $5\nnote: rough\n\nLanguages: Latin\nGreek",
    }


def test_credits_of_photographs() -> None:
    text = (
        "Copyright: Ann\nLicense: Public Domain\nSource: https://a.org/1\nFiles:\na.webp\nb.webp\n\n"
        "Copyright:\n  Copyright 2011 NASA\nLicense: CC-BY-SA 4.0\nFiles:\n  c.webp\n\n"
        "Copyright: Bob\nLicense: GPLv3\nFiles:\nd.ogg\n"
    )
    assert read_credits(text) == {
        "a.webp": ("public domain", "Ann, https://a.org/1"),
        "b.webp": ("public domain", "Ann, https://a.org/1"),
        "c.webp": ("CC-BY-SA-4.0", "2011 NASA"),
    }
    assert terms("GFDL-NIV-1.2") == terms("CC-BY-NC 4.0") == terms("") == ""


def test_colours_have_plain_names() -> None:
    names = {(255, 0, 0): "red", (0, 0, 0): "black", (255, 255, 255): "white", (128, 128, 128): "grey"}
    names |= {(0, 128, 0): "green", (0, 0, 255): "blue", (255, 220, 0): "yellow", (139, 69, 19): "brown"}
    assert {rgb: colour_name(rgb) for rgb in names} == names


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_every_colour_has_a_name(rgb: tuple[int, int, int]) -> None:
    assert colour_name(rgb)


def test_outlines_leave_distant_parts_out_and_cross_the_antimeridian() -> None:
    def square(x: float, y: float, side: float) -> list[tuple[float, float]]:
        return [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]

    home, island, colony = square(0, 45, 8), square(9, 42, 1), square(-54, 3, 3)
    assert main_part([island, home, colony]) == [home, island]
    east, west = square(170, 0, 9), square(-180, 0, 2)
    kept = main_part([east, west])
    assert len(kept) == 2 and kept[1][0][0] == 180
    assert drawn_share([home]) > 0.5 > drawn_share([square(0, 0, 1), square(30, 30, 1)])


def test_official_languages_are_told_only_if_the_list_is_complete() -> None:
    assert read_official_languages("German (or Swiss German) (official) 62%, French (official) 23%") == (
        "German",
        "French",
    )
    assert read_official_languages("German (official nationwide), Croatian (official in part)") == ()
    assert read_official_languages("Kyrgyz (state language) 71%, Russian (official) 9%") == ()
