"""Reads the CIA World Factbook: clean text of its sections, and typed facts out of its fields.

What always holds: a number is taken only from the beginning of a field that has the expected unit; a field
that reads otherwise gives no fact. The documents keep everything.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Number = int | float

_SCALES = {"trillion": 10**12, "billion": 10**9, "million": 10**6}
_NUMBER = re.compile(
    r"(?:approximately |about |~ ?)?(?P<sign>-)?(?P<dollar>\$)?(?P<minus>-)?(?P<digits>\d[\d,]*(?:\.\d+)?)"
    r"(?:\s*(?P<scale>trillion|billion|million)\b)?\s*(?P<rest>.*)",
    re.DOTALL,
)
_YEAR = re.compile(r"\((?:FY ?)?(\d{4})(?: est\.?| estimate)?\)")


@dataclass(frozen=True)
class Field:
    """A numeric fact and where it stands: `part` is a sub-field, "" the field itself, "*" the latest year."""

    fact: str
    section: str
    name: str
    part: str
    expects: str
    """Regular expression for what follows the number; "$" alone marks an amount of dollars."""
    unit: str


_PEOPLE, _LAND, _MONEY, _ENERGY = "People and Society", "Geography", "Economy", "Energy"
FIELDS = (
    Field("population", _PEOPLE, "Population", "total", r"(\(|$)", "people"),
    Field("area", _LAND, "Area", "total", "sq km", "km2"),
    Field("land area", _LAND, "Area", "land", "sq km", "km2"),
    Field("water area", _LAND, "Area", "water", "sq km", "km2"),
    Field("coastline", _LAND, "Coastline", "", "km", "km"),
    Field("land boundaries", _LAND, "Land boundaries", "total", "km", "km"),
    Field("mean elevation", _LAND, "Elevation", "mean elevation", r"m\b", "m"),
    Field("forest", _LAND, "Land use", "forest", "%", "%"),
    Field("agricultural land", _LAND, "Land use", "agricultural land", "%", "%"),
    Field("irrigated land", _LAND, "Irrigated land", "", "sq km", "km2"),
    Field("median age", _PEOPLE, "Median age", "total", "years", "years"),
    Field("population growth", _PEOPLE, "Population growth rate", "", "%", "%"),
    Field("birth rate", _PEOPLE, "Birth rate", "", r"births/1,000", "per 1000 people"),
    Field("death rate", _PEOPLE, "Death rate", "", r"deaths/1,000", "per 1000 people"),
    Field("urban population", _PEOPLE, "Urbanization", "urban population", "%", "%"),
    Field("life expectancy", _PEOPLE, "Life expectancy at birth", "total population", "years", "years"),
    Field("fertility rate", _PEOPLE, "Total fertility rate", "", "children", "children per woman"),
    Field("infant mortality", _PEOPLE, "Infant mortality rate", "total", "deaths/1,000", "per 1000 births"),
    Field("literacy", _PEOPLE, "Literacy", "total population", "%", "%"),
    Field("adult obesity", _PEOPLE, "Obesity - adult prevalence rate", "", "%", "%"),
    Field(
        "alcohol consumption", _PEOPLE, "Alcohol consumption per capita", "total", "liters", "l per person"
    ),
    Field("GDP (PPP)", _MONEY, "Real GDP (purchasing power parity)", "*", "$", "USD"),
    Field("GDP per capita (PPP)", _MONEY, "Real GDP per capita", "*", "$", "USD"),
    Field("GDP (official exchange rate)", _MONEY, "GDP (official exchange rate)", "", "$", "USD"),
    Field("GDP growth", _MONEY, "Real GDP growth rate", "*", "%", "%"),
    Field("inflation", _MONEY, "Inflation rate (consumer prices)", "*", "%", "%"),
    Field("unemployment", _MONEY, "Unemployment rate", "*", "%", "%"),
    Field("public debt", _MONEY, "Public debt", "*", "%", "% of GDP"),
    Field("labor force", _MONEY, "Labor force", "", r"(\(|$)", "people"),
    Field(
        "Gini index",
        _MONEY,
        "Gini Index coefficient - distribution of family income",
        "*",
        r"(\(|$)",
        "index",
    ),
    Field("exports", _MONEY, "Exports", "*", "$", "USD"),
    Field("imports", _MONEY, "Imports", "*", "$", "USD"),
    Field("electricity consumption", _ENERGY, "Electricity", "consumption", "kWh", "kWh"),
    Field("internet users", "Communications", "Internet users", "percent of population", "%", "%"),
    Field("airports", "Transportation", "Airports", "", r"(\(|$)", "airports"),
    Field("railways", "Transportation", "Railways", "total", "km", "km"),
    Field("CO2 emissions", "Environment", "Carbon dioxide emissions", "total emissions", "metric ton", "t"),
)


def clean(text: str) -> str:
    """Text without markup: breaks become line ends, entities characters, white space single."""
    text = re.sub(r"<\s*(br|/p|/div|/li)\b[^>]*>", "\n", text, flags=re.IGNORECASE)
    text = html.unescape(re.sub(r"<[^>]+>", "", text)).replace("\xa0", " ").replace("\u200b", "")
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def section_texts(page: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and readable text of each section: a paragraph a field, a line a sub-field. A field that a later
    section repeats word for word stands in the first one only.
    """
    told: set[str] = set()
    for section, fields in page.items():
        parts: list[str] = []
        for name, field in fields.items() if isinstance(fields, dict) else ():
            text = _field_text(name, field)
            if text and text not in told:
                parts.append(text)
            told.add(text)
        if parts:
            yield section, "\n\n".join(parts)


def _field_text(name: str, field: Any) -> str:
    """`name: text`, or a line a sub-field; a sub-field that says the field's name itself goes without it."""
    name = name.strip()
    lines: list[str] = []
    for part, value in field.items() if isinstance(field, dict) else [("text", field)]:
        text = clean(str(value.get("text", "")) if isinstance(value, dict) else str(value or ""))
        label = part.strip()
        if not text:
            continue
        if label == name or label in ("text", "note") or _says(text, label.rpartition(": ")[2]):
            label = ""
        lines.append(f"{label}: {text}" if label else text)
    if lines and not lines[0].startswith(name):
        lines[0] = f"{name}: {lines[0]}"
    return "\n".join(lines)


def _says(text: str, label: str) -> bool:
    return text.lower().startswith(f"{label.lower()}:")


def text_of(data: Mapping[str, Any], section: str, name: str, part: str = "text") -> str:
    """Clean text of a field, or of its sub-field; empty if there is none."""
    fields = data.get(section)
    field = fields.get(name) if isinstance(fields, dict) else None
    if not isinstance(field, dict):
        return clean(str(field or "")) if part == "text" else ""
    value = {key.strip(): value for key, value in field.items()}.get(part)
    return clean(str(value.get("text", "")) if isinstance(value, dict) else str(value or ""))


def number_of(data: Mapping[str, Any], field: Field) -> tuple[Number, int | None] | None:
    """The field's number in the field's unit and the year it is of, or None if it does not read so."""
    part = field.part or "text"
    if part == "*":
        content = data.get(field.section, {}).get(field.name, {})
        years = [key.strip() for key in content if re.search(r" \d{4}$", key.strip())]
        if not years:
            return None
        part = max(years, key=lambda key: key[-4:])
    return read_number(text_of(data, field.section, field.name, part), field.expects)


def read_number(text: str, expects: str) -> tuple[Number, int | None] | None:
    """The number that `text` begins with, if what follows begins with `expects`, and its year if it has one.

    "$" expects an amount of dollars. "1.29 trillion" is 1290000000000; a number is an int where it is whole.
    """
    line = text.partition("\n")[0].partition(";")[0].strip()
    match = _NUMBER.fullmatch(line)
    if match is None or bool(match["dollar"]) != (expects == "$"):
        return None
    if expects != "$" and not re.match(expects, match["rest"].lstrip()):
        return None
    value = Decimal(match["digits"].replace(",", "")) * _SCALES.get(match["scale"] or "", 1)
    value = -value if match["sign"] or match["minus"] else value
    year = _YEAR.search(match["rest"])
    return int(value) if value == value.to_integral_value() else float(value), int(year[1]) if year else None


def read_coordinates(text: str) -> tuple[float, float] | None:
    """Latitude and longitude in degrees, north and east positive, from "48 52 N, 2 20 E"."""
    match = re.match(r"(\d+) (\d+) ([NS]), ?(\d+) (\d+) ([EW])", text.strip())
    if match is None:
        return None
    lat = (int(match[1]) + int(match[2]) / 60) * (1 if match[3] == "N" else -1)
    lon = (int(match[4]) + int(match[5]) / 60) * (1 if match[6] == "E" else -1)
    return round(lat, 3), round(lon, 3)


def read_point(text: str) -> tuple[str, Number] | None:
    """Name and elevation in metres from "Mont Blanc 4,810" or "Rhone River delta -2 m"; asides in brackets
    are left out.
    """
    text = re.sub(r"\s*\([^()]*\)", "", re.sub(r"\s*\([^()]*\)", "", text)).strip()
    match = re.match(r"(K2|[^\d\n;()]+?),? (-?)(\d[\d,]*(?:\.\d+)?) ?(?:m\b|$|;)", text)
    if match is None or re.search(r"^unnamed|-$|\b(was|than|about|approximately)$", match[1]):
        return None
    metres = Decimal(match[3].replace(",", "")) * (-1 if match[2] else 1)
    return match[1].strip(), int(metres) if metres == metres.to_integral_value() else float(metres)


def read_borders(text: str) -> tuple[tuple[str, int | float], ...]:
    """Neighbour and length in kilometres of each border, from "Andorra 55 km; Belgium 556 km"."""
    found: list[tuple[str, Number]] = []
    for part in text.partition("\n")[0].split(";"):
        match = re.match(r"([^\d(]+?)(?: \([^)]*\))? (\d[\d,]*(?:\.\d+)?) ?km\b", part.strip())
        if match:
            length = Decimal(match[2].replace(",", ""))
            whole = length == length.to_integral_value()
            found.append((match[1].strip(), int(length) if whole else float(length)))
    return tuple(found)


def read_official_languages(text: str) -> tuple[str, ...]:
    """The languages that a list marks as official, if it marks them all in one plain way; else none.

    "French (official) 100%, Breton" gives French; a list that also has state languages, or languages that are
    official in a part of the country, gives nothing, because the answer would not be complete.
    """
    plain = re.split(r"\n|\bnote\b", text)[0]
    found: list[str] = []
    for part in re.split(r"[,;](?![^(]*\))", plain):
        match = re.match(r"(?:and )?([A-Za-z' -]+?)(?: \([^()]*\))? \(official(?: language)?\)", part.strip())
        if match:
            found.append(match[1].strip())
    mixed = re.search(r"\b(state|national|constitution|facto)\b", plain, re.IGNORECASE)
    return tuple(found) if not mixed and len(found) == plain.lower().count("official") else ()
