"""Deep-sky objects with their place in the sky, and drawings of constellations (copyleft)."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

from PIL import Image

from ..check import slug
from ..pins import STELLARIUM
from .made import Draft, Made, Packages

_NEBULAE = "share/stellarium/nebulae/default/"
_DRAWINGS = "share/stellarium/skycultures/western/"


def make_nebulae(packages: Packages) -> Iterator[Made]:
    """Galaxies, nebulae and clusters that have a proper name, by designation."""
    wanted = (".png", "textures.json", "names.dat")
    files = packages.files(STELLARIUM, lambda name: _NEBULAE in name and name.endswith(wanted))
    files = {name.partition(_NEBULAE)[2]: data for name, data in files.items()}
    names = _names(files["names.dat"].decode())
    told: set[str] = set()
    for tile in sorted(_tiles(files["textures.json"].decode()), key=lambda tile: str(tile["imageUrl"])):
        designation = _designation(tile["imageUrl"], names)
        if not designation or designation in told or tile["imageUrl"] not in files:
            continue
        told.add(designation)
        corners = tile["worldCoords"][0]
        east = round(sum(corner[0] for corner in corners) / len(corners) % 360, 4)
        north = round(sum(corner[1] for corner in corners) / len(corners), 4)
        draft = Draft(f"nebula/{slug(designation)}", names[designation], STELLARIUM.title, STELLARIUM.licence)
        draft.aliases.append(designation.upper())
        where = f"right ascension {east} and declination {north} degrees"
        draft.write("about", draft.name, f"{draft.name} ({designation.upper()}) lies at {where}.")
        draft.know("designation", designation.upper(), page="about")
        draft.know("right ascension", east, "degrees", page="about")
        draft.know("declination", north, "degrees", page="about")
        image = Image.open(io.BytesIO(files[tile["imageUrl"]])).convert("RGB")
        said: Any = {key.lower(): value for key, value in tile.get("imageCredits", {}).items()}
        credit = ", ".join(str(said[key]) for key in ("short", "infourl") if said.get(key))
        draft.show("photo", draft.name, image, side=256, credit=credit)
        yield draft.made()


def make_constellations(packages: Packages) -> Iterator[Made]:
    """The drawings of the western constellations, by name."""
    files = packages.files(STELLARIUM, lambda name: _DRAWINGS in name and name.endswith(".png"))
    for path, data in files.items():
        name = path.rpartition("/")[2].removesuffix(".png").replace("-", " ").title()
        draft = Draft(f"constellation/{slug(name)}", name, STELLARIUM.title, STELLARIUM.licence)
        draft.write("about", name, f"{name} is a constellation of the western sky.")
        draft.show("drawing", f"Drawing of {name}", Image.open(io.BytesIO(data)).convert("RGB"), side=256)
        yield draft.made()


def _names(text: str) -> dict[str, str]:
    """Designation such as "m31" -> proper name."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = re.match(r"(\S+)\s+(\S+)\s+_\(\"(.*?)\"\)", line)
        if match and not line.startswith("#"):
            found.setdefault(f"{match[1]}{match[2]}".lower(), match[3])
    return found


def _tiles(text: str) -> list[Any]:
    """The entries of a file that is nearly JSON: numbers like -.5 and +2, and commas before brackets."""
    text = re.sub(r"(?<=[\[,:\s])([+-]?)\.(?=\d)", r"\g<1>0.", text)
    text = re.sub(r"(?<=[\[,:\s])\+(?=\d)", "", text)
    return json.loads(re.sub(r",(?=\s*[\]}])", "", text))["subTiles"]


def _designation(file: str, names: dict[str, str]) -> str | None:
    """The named object that a texture's file name means: m1dumont.png is M1, n7000.png is NGC 7000."""
    stem = file.removesuffix(".png").lower()
    match = re.match(r"(ngc|ic|m|n|c|b|sh2-|abell|barnard)?[-_ ]?(\d+)", stem)
    prefix = {"n": "ngc"}.get(match[1], match[1]) if match and match[1] else ""
    tries = (stem, f"{prefix}{match[2]}" if match else "")
    return next((one for one in tries if one in names), None)
