"""The chemical elements: their numbers, where they come from, what they are for, their tile in the table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from PIL import ImageColor

from deepeyes.world.pack.entity import Value

from ..draw import draw_tile
from ..pins import MENDELEEV
from .made import Draft, Made, Packages

_NUMBERS = (
    ("atomic number", "atomic_number", "protons"),
    ("atomic weight", "atomic_weight", "u"),
    ("period", "period", "row"),
    ("group", "group_id", "column"),
    ("density", "density", "g/cm3"),
    ("melting point", "melting_point", "K"),
    ("boiling point", "boiling_point", "K"),
    ("electronegativity (Pauling)", "en_pauling", "ratio"),
    ("atomic radius", "atomic_radius", "pm"),
    ("electron affinity", "electron_affinity", "eV"),
    ("first ionization energy", "ionization", "eV"),
    ("thermal conductivity", "thermal_conductivity", "W/(m K)"),
    ("specific heat", "specific_heat_capacity", "J/(g K)"),
    ("abundance in the crust", "abundance_crust", "mg/kg"),
    ("abundance in the sea", "abundance_sea", "mg/l"),
)
_TEXTS = (
    ("symbol", "symbol"),
    ("series", "series"),
    ("block", "block"),
    ("electron configuration", "electronic_configuration"),
    ("CAS number", "cas"),
)
_QUERY = """
SELECT elements.*, series.name AS series, series.color AS series_colour, melting_point, boiling_point,
       (SELECT ionization_energy FROM ionizationenergies
        WHERE ionizationenergies.atomic_number = elements.atomic_number AND ion_charge = 0) AS ionization
FROM elements LEFT JOIN series ON series.id = series_id
LEFT JOIN (SELECT * FROM phasetransitions WHERE COALESCE(is_sublimation_point, 0) = 0
           AND COALESCE(is_transition, 0) = 0 AND atomic_number IN
           (SELECT atomic_number FROM phasetransitions GROUP BY atomic_number HAVING COUNT(*) = 1)) AS phase
       ON phase.atomic_number = elements.atomic_number
ORDER BY elements.atomic_number
"""


def make_elements(packages: Packages) -> Iterator[Made]:
    """The 118 elements by atomic number. Boiling and melting points only of those with one common form."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.deserialize(packages.file(MENDELEEV, "elements.db"))
        db.row_factory = sqlite3.Row
        for row in db.execute(_QUERY).fetchall():
            yield _make(dict(row))


def _make(row: dict[str, Any]) -> Made:
    name: str = row["name"]
    draft = Draft(f"element/{name.lower()}", name, MENDELEEV.title, MENDELEEV.licence, [row["symbol"]])
    draft.aliases += {"Aluminum": ["Aluminium"], "Cesium": ["Caesium"], "Sulfur": ["Sulphur"]}.get(name, [])
    draft.write("about", name, _about(row))
    for fact, column, unit in _NUMBERS:
        draft.know(fact, _number(row[column]), unit, page="data")
    for fact, column in _TEXTS:
        draft.know(fact, (row[column] or "").strip(), page="data")
    draft.know(
        "discovered",
        row["discovery_year"] and str(row["discovery_year"]),
        year=row["discovery_year"],
        page="about",
    )
    for fact, column in (("discoverers", "discoverers"), ("place of discovery", "discovery_location")):
        draft.know(fact, (row[column] or "").strip(" ."), page="about")
    draft.write("data", f"{name}: Properties", _table(draft))
    colour = ImageColor.getrgb(row["series_colour"])[:3]
    tile = draw_tile(row["atomic_number"], row["symbol"], name, f"{row['atomic_weight']:.6g}", colour, 128)
    draft.show("tile", f"{name} in the periodic table", tile, side=128, quality=80)
    return draft.made()


def _number(value: Any) -> int | float | None:
    """The number as it was meant: 116 for 115.99999999999999, an int where it is whole."""
    if value is None:
        return None
    rounded = float(f"{value:.10g}")
    return int(rounded) if rounded == int(rounded) else rounded


def _about(row: dict[str, Any]) -> str:
    lines = [f"{row['name']} ({row['symbol']}) is the element with atomic number {row['atomic_number']}."]
    for label, column in (
        ("", "description"),
        ("Sources: ", "sources"),
        ("Uses: ", "uses"),
        ("Name: ", "name_origin"),
    ):
        text = " ".join((row[column] or "").split())
        if text:
            lines.append(f"{label}{text}")
    who, when, where = row["discoverers"], row["discovery_year"], row["discovery_location"]
    if who:
        place = ", ".join(str(part) for part in (where, when) if part)
        lines.append(f"Discovered by: {who.strip(' .')}{f' ({place})' if place else ''}.")
    return "\n\n".join(lines)


def _table(draft: Draft) -> str:
    def show(value: Value) -> str:
        return ", ".join(value) if isinstance(value, tuple) else str(value)

    lines = [f"{fact.name}: {show(fact.value)} {fact.unit}".strip() for fact in draft.facts.values()]
    return f"Properties of {draft.name}.\n" + "\n".join(lines)
