"""Countries and territories: flags, outlines, the factbook's sections as documents, and facts out of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from deepeyes.world.pack.entity import fold

from ..check import slug
from ..draw import draw_outline, draw_svg
from ..pins import FACTBOOK, FLAG_ICONS, GEONAMES, WORLD_ATLAS
from . import factbook
from .factbook import text_of
from .made import Draft, Made, Packages
from .outlines import Ring, drawn_share, main_part, read_topojson

Country = Mapping[str, Any]

_YEAR = "2025"
_CONTINENTS = {
    "AF": "Africa",
    "AN": "Antarctica",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}
_NAMES: dict[str, str] = {
    "Bonaire, Saint Eustatius and Saba ": "Caribbean Netherlands",
    "Aland Islands": "Åland Islands",
}
_BORROWED = frozenset(
    ["BL", "BQ", "BV", "GF", "GP", "HM", "MF", "MQ", "PM", "RE", "SH", "SJ", "UM", "WF", "YT"]
)
"""Territories whose flag file shows the flag of the state they belong to, or one that is not official."""
_GONE = frozenset({"AN", "CS"})
"""Codes of states that are no more."""


def make_countries(packages: Packages) -> Iterator[Made]:
    """Every country and territory with an ISO 3166 code, and Kosovo, in the order of their names."""
    records = json.loads(packages.file(GEONAMES, "data/countries.json"))
    pages = {name[-7:-5]: json.loads(data) for name, data in packages.files(FACTBOOK, _is_page).items()}
    flags = {
        name[-6:-4]: data.decode()
        for name, data in packages.files(
            FLAG_ICONS, lambda name: re.search(r"/4x3/\w\w\.svg$", name) is not None
        ).items()
    }
    shapes = _shapes(packages)
    countries = [record for code, record in records.items() if code not in _GONE]
    names = {record["iso"]: _NAMES.get(record["name"], str(record["name"])) for record in countries}
    known = _known_names(countries, names, pages)
    for record in sorted(countries, key=lambda record: names[record["iso"]]):
        draft = Draft(
            f"country/{slug(names[record['iso']])}", names[record["iso"]], FACTBOOK.title, FACTBOOK.licence
        )
        page = pages.get(str(record["fips"]).lower())
        if page:
            _read_page(draft, page, known)
        else:
            draft.source, draft.licence = GEONAMES.title, GEONAMES.licence
        _read_record(draft, record, names)
        if not draft.documents:
            draft.write("overview", f"{draft.name}: Overview", _overview(draft))
        flag = flags.get(record["iso"].lower())
        if flag and record["iso"] not in _BORROWED:
            image = draw_svg(flag, 256)
            source = {"source": FLAG_ICONS.title, "licence": FLAG_ICONS.licence}
            draft.show("flag", f"Flag of {draft.name}", image, side=256, quality=88, **source)
        rings = shapes.get(str(record["isonumeric"]).zfill(3)) or shapes.get(fold(draft.name))
        if rings and drawn_share(rings) > 0.03:
            source = {"source": f"{WORLD_ATLAS.title} (Natural Earth)", "licence": "public domain"}
            title = f"Outline of {draft.name}"
            draft.show("outline", title, draw_outline(rings, 224), side=224, quality=80, **source)
        yield draft.made()


def _is_page(name: str) -> bool:
    return re.search(r"/data/[\w-]+/\w\w\.json$", name) is not None


def _shapes(packages: Packages) -> dict[str, list[Ring]]:
    """Main outline by numeric ISO code, or by folded name where there is none; in detail for the small."""
    found: dict[str, list[Ring]] = {}
    for detail in ("10m", "50m"):
        for code, name, rings in read_topojson(packages.file(WORLD_ATLAS, f"countries-{detail}.json")):
            main = main_part(rings) if rings else []
            if sum(len(ring) for ring in main) >= 24 or (main and detail == "10m"):
                found[code if code and code != "-99" else fold(name)] = main
    return found


def _known_names(
    countries: list[Country], names: Mapping[str, str], pages: Mapping[str, Any]
) -> dict[str, str]:
    """Folded factbook and other names -> the name that the pack uses."""
    known = {fold(name): name for name in names.values()}
    for record in countries:
        page = pages.get(str(record["fips"]).lower(), {})
        for alias in _aliases(page):
            known.setdefault(fold(alias), names[record["iso"]])
    known.update({"burma": "Myanmar", "us": "United States", "uk": "United Kingdom", "usa": "United States"})
    return known


def _aliases(page: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for part in ("conventional short form", "conventional long form", "local short form", "local long form"):
        text = text_of(page, "Government", "Country name", part) if page else ""
        for name in re.split(r"[/;\n]| or ", re.sub(r"\s*\([^)]*\)", "", text)):
            name = re.split(r" note| - ", name)[0].strip().strip('"')
            if (
                re.match(r"[^a-z]|\S+$", name)
                and name.lower() not in ("none", "na", "the former")
                and len(name) < 80
                and ":" not in name
            ):
                found.append(name)
    return found


def _read_page(draft: Draft, page: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Documents and facts of one factbook file."""
    source = f"CIA World Factbook {_YEAR} ({FACTBOOK.title}), {FACTBOOK.licence}"
    draft.aliases += _aliases(page)
    slugs: dict[str, str] = {}
    for section, text in factbook.section_texts(page):
        if len(text) >= 20:
            slugs[section] = slug(section)
            draft.write(slugs[section], f"{draft.name}: {section}", text, source=source, date=_YEAR)
    land, state, people = (slugs.get(name, "") for name in ("Geography", "Government", "People and Society"))
    _read_capital(draft, page, state)
    for field in factbook.FIELDS:
        found = factbook.number_of(page, field)
        if found:
            draft.know(field.fact, found[0], field.unit, found[1], slugs.get(field.section, ""))
    for which in ("highest", "lowest"):
        point = factbook.read_point(text_of(page, "Geography", "Elevation", f"{which} point"))
        if point:
            draft.know(f"{which} point", point[0], page=land)
            draft.know(f"{which} elevation", point[1], "m", page=land)
    where = factbook.read_coordinates(text_of(page, "Geography", "Geographic coordinates"))
    if where:
        draft.know("latitude", where[0], "degrees", page=land)
        draft.know("longitude", where[1], "degrees", page=land)
    borders = factbook.read_borders(text_of(page, "Geography", "Land boundaries", "border countries"))
    draft.know("borders", tuple(known.get(fold(name), name) for name, _ in borders), page=land)
    for name, length in borders:
        draft.know(f"border with {known.get(fold(name), name)}", length, "km", page=land)
    languages = factbook.read_official_languages(
        text_of(page, "People and Society", "Languages", "Languages")
    )
    draft.know("official languages", languages, page=people)
    _read_government(draft, page, state)
    domain = re.match(r"\.[a-z]{2}(?=\W|$)", text_of(page, "Communications", "Internet country code"))
    if domain:
        draft.know("internet domain", domain[0], page=slugs.get("Communications", ""))
    exchange = text_of(page, "Economy", "Exchange rates", "Currency")
    currency = re.match(r"(.+?) \(([A-Z]{3})\) per US dollar", exchange)
    if currency:
        draft.know("currency", currency[1], page=slugs.get("Economy", ""))
        draft.know("currency code", currency[2], page=slugs.get("Economy", ""))


def _read_capital(draft: Draft, page: Mapping[str, Any], state: str) -> None:
    text = text_of(page, "Government", "Capital", "name").partition("\n")[0].partition("; note")[0]
    capitals: list[str] = []
    for part in re.split(r"[;,] (?=[A-Z][^()]* \()|; ", text):
        name = re.split(r" in Romanian| is the ", re.sub(r"\s*\([^)]*\)?", "", part))[0].strip()
        if re.match(r"[A-Z]", name) and len(name) < 40:
            capitals.append(name)
    if len(capitals) == 1:
        draft.know("capital", capitals[0], page=state)
        where = factbook.read_coordinates(text_of(page, "Government", "Capital", "geographic coordinates"))
        if where:
            draft.know("capital latitude", where[0], "degrees", page=state)
            draft.know("capital longitude", where[1], "degrees", page=state)
    elif capitals:
        draft.know("capitals", tuple(capitals), page=state)
    zone = re.match(
        r"UTC ?([+-]?)(\d+)(?::(\d\d))?", text_of(page, "Government", "Capital", "time difference")
    )
    if zone:
        hours = int(zone[2]) + int(zone[3] or 0) / 60
        hours = -hours if zone[1] == "-" else hours
        draft.know(
            "capital time zone", int(hours) if hours == int(hours) else hours, "hours from UTC", page=state
        )


def _read_government(draft: Draft, page: Mapping[str, Any], state: str) -> None:
    kind = text_of(page, "Government", "Government type").partition("\n")[0].partition(";")[0]
    draft.know("government type", kind.strip() if len(kind) < 120 else None, page=state)
    independence = text_of(page, "Government", "Independence").partition("\n")[0]
    match = re.match(r"(\d{1,2} [A-Z][a-z]+ )?(\d{4}) \((?:independence )?from ([^)]+)\)", independence)
    if match:
        draft.know("independence", f"{match[1] or ''}{match[2]}", year=int(match[2]), page=state)
        draft.know("independent from", match[3], page=state)
    anthem = text_of(page, "Government", "National anthem(s)", "title").partition("\n")[0]
    draft.know("national anthem", anthem if 0 < len(anthem) < 120 else None, page=state)
    colours = text_of(page, "Government", "National color(s)").partition("\n")[0]
    if re.fullmatch(r"[a-z]+(?: [a-z]+)?(?:, [a-z]+(?: [a-z]+)?)*", colours):
        draft.know("national colours", tuple(colours.split(", ")), page=state)
    heritage = factbook.read_number(
        text_of(page, "Government", "National heritage", "total World Heritage Sites"), r"(\(|$)"
    )
    if heritage:
        draft.know("World Heritage Sites", heritage[0], "sites", heritage[1], state)


def _read_record(draft: Draft, record: Country, names: Mapping[str, str]) -> None:
    """Codes, and what the factbook does not say."""
    draft.aliases += [name for name in (record["name"], record["iso"], record["iso3"]) if name]
    draft.know("ISO code", record["iso"])
    draft.know("continent", _CONTINENTS[record["continentcode"]])
    if "internet domain" not in draft.facts:
        draft.know("internet domain", record["tld"])
    phone = str(record["phone"] or "")
    draft.know("calling code", f"+{phone}" if re.fullmatch(r"\d{1,3}(-\d{3})?", phone) else None)
    if "currency" not in draft.facts:
        draft.know("currency", record["currencyname"])
        draft.know("currency code", record["currencycode"])
    elif draft.facts["currency code"].value != record["currencycode"]:
        del draft.facts["currency code"]  # the sources differ: one of them is out of date
    if draft.source == GEONAMES.title:
        draft.know("capital", record["capital"])
        draft.know("area", _whole(record["areakm2"]), "km2")
        draft.know("population", record["population"] or None, "people")
        neighbours = [names[code] for code in str(record["neighbours"]).split(",") if code in names]
        draft.know("borders", tuple(neighbours))


def _whole(value: float | None) -> int | float | None:
    return int(value) if value and value == int(value) else value or None


def _overview(draft: Draft) -> str:
    """A few sentences for a territory that the factbook has no page about."""
    facts = draft.facts
    lines = [f"{draft.name} is a country or territory in {facts['continent'].value}."]
    for name, words in (("capital", "Its capital is"), ("currency", "Its currency is the")):
        if name in facts:
            lines.append(f"{words} {facts[name].value}.")
    for name in ("population", "area"):
        if name in facts:
            lines.append(f"Its {name} is {facts[name].value:,} {facts[name].unit}.")
    return " ".join(lines)
