"""Pictograms with their keywords (copyleft)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from deepeyes.core.errors import InputError

from ..draw import draw_svg, on_ground
from ..pins import OPENMOJI
from .made import Draft, Made, Packages, distinct_ids

_SKIP = ("flags", "component", "extras-unicode")


def make_pictograms(packages: Packages) -> Iterator[Made]:
    """Every pictogram in its neutral skin tone, in the package's order; flags and brands are left out."""
    wanted = ("data/openmoji.json", ".svg")
    files = packages.files(OPENMOJI, lambda name: name.endswith(wanted) and "/black/" not in name)
    records: list[Any] = [
        record
        for record in json.loads(files["package/data/openmoji.json"])
        if not record["skintone"] and record["group"] not in _SKIP and "brand" not in record["subgroups"]
    ]
    ids = distinct_ids("pictogram", [(record["annotation"], record["hexcode"]) for record in records])
    for entity_id, record in zip(ids, records, strict=True):
        picture = files.get(f"package/color/svg/{record['hexcode']}.svg")
        if picture is None:
            continue
        try:
            image = on_ground(draw_svg(picture.decode(), 192))
        except InputError:
            continue
        name = record["annotation"]
        words = sorted(
            {word.strip() for key in ("tags", "openmoji_tags") for word in record[key].split(",")} - {""}
        )
        draft = Draft(entity_id, name, OPENMOJI.title, OPENMOJI.licence)
        group = record["subgroups"].replace("-", " ")
        draft.write(
            "about",
            name,
            f"{name} is a pictogram of the group {group}. Keywords: {', '.join(words) or name}.",
        )
        draft.know("group", group, page="about")
        draft.know("code point", record["hexcode"])
        draft.know("keywords", tuple(words), page="about")
        draft.know("date", record["openmoji_date"])
        draft.show(
            "picture", name, image, side=96, quality=78, credit=f"OpenMoji, {record['openmoji_author']}"
        )
        yield draft.made()
