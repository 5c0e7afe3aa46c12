"""Brands: their logo in its own colour, and what the logo's record says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, ImageColor

from ..draw import DARK, WHITE, draw_svg, luminance, on_ground
from ..pins import SIMPLE_ICONS
from .made import Draft, Made, Packages, distinct_ids

_SIDE = 112
_OPEN = frozenset({"Apache-2.0", "MIT", "MPL-2.0", "BSD-3-Clause", "Unlicense", "CC0-1.0"})
"""Licences of single logos that let anyone change and pass them on; CC-BY and CC-BY-SA do too."""


def make_brands(packages: Packages) -> Iterator[Made]:
    """Every brand whose logo may be passed on changed, in the order of the package."""
    names = ("data/simple-icons.json", ".svg")
    files = packages.files(SIMPLE_ICONS, lambda name: name.endswith(names))
    records: list[Any] = json.loads(files["package/data/simple-icons.json"])
    records = [record for record in records if _is_open(record.get("license", {}).get("type", "CC0-1.0"))]
    ids = distinct_ids("brand", [(record["title"], record["slug"]) for record in records])
    for entity_id, record in zip(ids, records, strict=True):
        icon = files.get(f"package/icons/{record['slug']}.svg")
        if icon:
            yield _make(entity_id, record, icon.decode())


def _is_open(licence: str) -> bool:
    free = licence.startswith("CC-BY-") and "NC" not in licence and "ND" not in licence
    return free or licence in _OPEN


def _make(entity_id: str, record: Any, icon: str) -> Made:
    title, colour = record["title"], f"#{record['hex'].upper()}"
    licence = record.get("license", {}).get("type", "CC0-1.0")
    draft = Draft(entity_id, title, SIMPLE_ICONS.title, SIMPLE_ICONS.licence)
    aliases = record.get("aliases", {})
    draft.aliases += [
        *aliases.get("aka", []),
        *aliases.get("old", []),
        *aliases.get("loc", {}).values(),
        record["slug"],
    ]
    domain = (urlsplit(record["source"]).hostname or "").removeprefix("www.")
    logo = _logo(icon, colour)
    hue = colour_name(ImageColor.getrgb(colour)[:3])
    draft.know("logo colour", colour)
    draft.know("logo colour name", hue)
    draft.know("logo source", domain)
    others = [
        name for name in draft.aliases if name.casefold() != title.casefold() and name != record["slug"]
    ]
    text = [f"{title} is a brand. Its logo is {hue}: the colour code is {colour}."]
    if others:
        text.append(f"It is also known as {', '.join(others)}.")
    text.append(f"The logo was taken from {domain}.")
    if record.get("guidelines"):
        text.append(f"Its guidelines are published at {urlsplit(record['guidelines']).hostname}.")
    draft.write("about", title, " ".join(text))
    credit = f"logo from {domain}; logos remain trademarks of their owners"
    draft.show("logo", f"Logo of {title}", logo, side=_SIDE, quality=80, licence=licence, credit=credit)
    return draft.made()


def _logo(icon: str, colour: str) -> Image.Image:
    """The one-coloured shape on white, or on dark grey where the colour would vanish on white."""
    shape = draw_svg(icon.replace("<svg ", f'<svg fill="{colour}" ', 1), 2 * _SIDE)
    bright = float(luminance([ImageColor.getrgb(colour)[:3]])[0])
    return on_ground(shape, 0.1, DARK if bright > 0.72 else WHITE)


_HUES = ((10, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (195, "turquoise"), (255, "blue"))
_MORE_HUES = ((290, "purple"), (345, "pink"), (361, "red"))


def colour_name(rgb: tuple[int, ...]) -> str:
    """A plain English name of a colour given as red, green, blue of 0 to 255."""
    red, green, blue = (part / 255 for part in rgb)
    high, low = max(red, green, blue), min(red, green, blue)
    if high < 0.16:
        return "black"
    if high - low < 0.1 * (1 if high > 0.5 else 1.5):
        return "white" if low > 0.92 else "black" if high < 0.22 else "grey"
    step = {red: (green - blue) % (6 * (high - low)), green: 2 * (high - low) + blue - red}
    step.setdefault(blue, 4 * (high - low) + red - green)
    hue = 60 * step[high] / (high - low) % 360
    name = next(name for end, name in (*_HUES, *_MORE_HUES) if hue < end)
    if name == "orange" and high < 0.62:
        return "brown"
    return f"dark {name}" if high < 0.45 else f"light {name}" if low > 0.7 else name
