"""Countries as another collection tells them, at times otherwise, with fine outlines (copyleft)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..check import slug
from ..draw import draw_outline
from ..pins import WORLD_COUNTRIES
from .made import Draft, Made, Packages
from .outlines import Ring, drawn_share, main_part


def make_nations(packages: Packages) -> Iterator[Made]:
    """The countries and territories of the collection, in its order."""
    files = packages.files(
        WORLD_COUNTRIES, lambda name: name.endswith(("package/countries.json", ".geo.json"))
    )
    records: list[Any] = json.loads(files["package/countries.json"])
    names = {record["cca3"]: record["name"]["common"] for record in records}
    for record in records:
        name = record["name"]["common"]
        draft = Draft(f"nation/{slug(name)}", name, WORLD_COUNTRIES.title, WORLD_COUNTRIES.licence)
        native = [one["common"] for one in record["name"]["native"].values()]
        draft.aliases += [record["name"]["official"], *native, record["cca2"], record["cca3"]]
        facts = _facts(record, names)
        lines = [
            f"{fact}: {', '.join(value) if isinstance(value, tuple) else value}"
            for fact, value in facts.items()
        ]
        draft.write("about", name, f"{record['name']['official']}.\n" + "\n".join(lines))
        for fact, value in facts.items():
            draft.know(fact, value, page="about")
        draft.know("area", record["area"] if record["area"] > 0 else None, "km2")
        for fact, value in zip(("latitude", "longitude"), record["latlng"], strict=False):
            draft.know(fact, value, "degrees")
        shape = files.get(f"package/data/{record['cca3'].lower()}.geo.json")
        rings = _rings(json.loads(shape)) if shape else []
        rings = main_part(rings) if rings else []
        if rings and drawn_share(rings) > 0.03:
            draft.show("outline", f"Outline of {name}", draw_outline(rings, 224), side=224, quality=80)
        yield draft.made()


def _facts(record: Any, names: dict[str, str]) -> dict[str, str | tuple[str, ...]]:
    """Texts and lists; empty ones are left out."""
    facts: dict[str, str | tuple[str, ...]] = {
        "capitals": tuple(capital for capital in record["capital"] if capital),
        "region": record["region"],
        "subregion": record["subregion"],
        "languages": tuple(record["languages"].values()),
        "currencies": tuple(one["name"] for one in record["currencies"].values())
        if record["currencies"]
        else (),
        "borders": tuple(names[code] for code in record["borders"] if code in names),
        "demonym": record.get("demonyms", {}).get("eng", {}).get("m", ""),
        "landlocked": "yes" if record["landlocked"] else "no",
        "member of the United Nations": "yes" if record["unMember"] else "no",
    }
    return {name: value for name, value in facts.items() if value}


def _rings(shape: Any) -> list[Ring]:
    """Outer rings of a GeoJSON file."""
    found: list[Ring] = []
    for feature in shape["features"]:
        geometry = feature.get("geometry")
        if not geometry:
            continue  # some small territories have none
        parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
        found += [[(float(x), float(y)) for x, y, *_ in part[0]] for part in parts]
    return found
