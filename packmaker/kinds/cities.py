"""The largest cities and all capitals: where they lie and how many people live there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from deepeyes.world.pack.entity import fold

from ..pins import GEONAMES
from .made import Draft, Made, Packages, distinct_ids

_COUNT = 3000
_CAPITAL_NEAR = 1_000
"""A place below this population is no capital's namesake."""


def make_cities(packages: Packages) -> Iterator[Made]:
    """The most populous cities, and those that are their country's capital, by population."""
    countries: dict[str, Any] = json.loads(packages.file(GEONAMES, "data/countries.json"))
    everything: list[Any] = list(json.loads(packages.file(GEONAMES, "data/cities15000.json")).values())
    everything.sort(key=lambda city: (-city["population"], city["geonameid"]))
    capitals = _capitals(everything, countries)
    cities = [
        city
        for rank, city in enumerate(everything)
        if rank < _COUNT or capitals.get(city["countrycode"]) == city["geonameid"]
    ]
    ids = distinct_ids(
        "city", [(city["name"], f"{city['countrycode']}-{city['geonameid']}") for city in cities]
    )
    for entity_id, city in zip(ids, cities, strict=True):
        code = city["countrycode"]
        country = countries[code]["name"].strip() if code in countries else code
        yield _make(entity_id, city, country, capitals.get(code) == city["geonameid"])


def _capitals(cities: list[Any], countries: dict[str, Any]) -> dict[str, int]:
    """Country code -> id of its capital: its most populous place of that name."""
    found: dict[str, int] = {}
    for city in cities:
        record = countries.get(city["countrycode"])
        names = {fold(name) for name in (city["name"], *city["alternatenames"])}
        if (
            record
            and record["capital"]
            and fold(record["capital"]) in names
            and city["population"] >= _CAPITAL_NEAR
        ):
            found.setdefault(city["countrycode"], city["geonameid"])
    return found


def _make(entity_id: str, city: Any, country: str, is_capital: bool) -> Made:
    name: str = city["name"]
    draft = Draft(entity_id, name, GEONAMES.title, GEONAMES.licence)
    latin = [
        other for other in city["alternatenames"] if re.fullmatch(r"[A-ZÀ-Þ][A-Za-zÀ-ɏ' .-]{2,40}", other)
    ]
    latin = [other for other in latin if not re.fullmatch(r"[A-Z]{3,4}", other)]
    draft.aliases += latin[:8]
    lat, lon = round(float(city["latitude"]), 4), round(float(city["longitude"]), 4)
    draft.write("about", f"{name}, {country}", _about(name, country, city, is_capital))
    draft.know("country", country, page="about")
    draft.know("capital of", country if is_capital else None, page="about")
    draft.know("population", city["population"], "people", page="about")
    draft.know("latitude", lat, "degrees", page="about")
    draft.know("longitude", lon, "degrees", page="about")
    draft.know("time zone", city["timezone"], page="about")
    return draft.made()


def _about(name: str, country: str, city: Any, is_capital: bool) -> str:
    lat, lon = float(city["latitude"]), float(city["longitude"])
    north, east = "north" if lat >= 0 else "south", "east" if lon >= 0 else "west"
    what = f"the capital of {country}" if is_capital else f"a city in {country}"
    return (
        f"{name} is {what}. About {city['population']:,} people live there. "
        f"It lies at {abs(lat):.4f} degrees {north} and {abs(lon):.4f} degrees {east}, "
        f"in the time zone {city['timezone']}."
    )
