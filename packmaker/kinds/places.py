"""Monuments, and the Sun with its planets: photographs with their credits, described in our own words."""

from __future__ import annotations

import io
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any

import numpy as np
from PIL import Image

from ..draw import on_ground
from ..pins import GCOMPRIS
from .credits import Photo, read_photos
from .made import Draft, Made, Packages

_OURS = ("the DeepEyes authors", "Apache-2.0")


def read_table(name: str) -> dict[str, Any]:
    """A table of this folder."""
    return tomllib.loads((resources.files(__package__ or "") / name).read_text(encoding="utf-8"))


def make_monuments(packages: Packages) -> Iterator[Made]:
    """Every monument of the table, in its order."""
    photos = read_photos(packages, ("explore_monuments", "categorization"))
    for slug, row in read_table("monuments.toml").items():
        draft = Draft(f"monument/{slug}", row["name"], *_OURS, list(row.get("aliases", ())))
        draft.write("about", row["name"], f"{row['text']}\n\n{_summary(row)}")
        draft.know("country", row.get("country"), page="about")
        draft.know("place", row["place"], page="about")
        draft.know("completed", row.get("year"), "year", page="about")
        draft.know("height", row.get("height"), "m", page="about")
        for number, path in enumerate(row["photos"], 1):
            add_photo(draft, photos[path], number)
        yield draft.made()


def _summary(row: dict[str, Any]) -> str:
    """The facts of a monument as lines."""
    lines = [f"Place: {', '.join(row[key] for key in ('place', 'country') if key in row)}"]
    lines += [f"Completed: {row['year']}"] if "year" in row else []
    lines += [f"Height: {row['height']} m"] if "height" in row else []
    return "\n".join(lines)


_MEASURES = (
    ("mean radius", "radius", "km"),
    ("distance from the Sun", "distance", "million km"),
    ("orbital period", "year", "days"),
    ("moons", "moons", "moons"),
    ("order from the Sun", "order", "place"),
)


def make_planets(packages: Packages) -> Iterator[Made]:
    """The Sun and the eight planets, from the inside outwards."""
    photos = read_photos(packages, ("solar_system",))
    for slug, row in read_table("planets.toml").items():
        draft = Draft(f"planet/{slug}", row["name"], *_OURS, ["the Sun", "Sol"] if slug == "sun" else [])
        known = [(fact, row[key], unit) for fact, key, unit in _MEASURES if key in row]
        lines = [f"{fact}: {value:,} {unit}" for fact, value, unit in known]
        draft.write("about", row["name"], row["text"] + "\n\n" + "\n".join(lines))
        draft.know("kind", "star" if slug == "sun" else "planet", page="about")
        for fact, value, unit in known:
            draft.know(fact, value, unit, page="about")
        add_photo(draft, photos[f"solar_system/resource/{slug}.webp"], 1, ground=(8, 8, 16), side=256)
        yield draft.made()


def add_photo(
    draft: Draft, photo: Photo, number: int, *, ground: tuple[int, int, int] | None = None, side: int = 320
) -> None:
    """Put a photograph into a draft; cut-outs get the ground."""
    image = Image.open(io.BytesIO(photo.data))
    if image.mode in ("RGBA", "LA", "P") and np.asarray(image.convert("RGBA"))[..., 3].min() < 128:
        image = on_ground(image, ground=ground)
    licence = {"source": GCOMPRIS.title, "licence": photo.licence, "credit": photo.credit}
    name = "photo" if number == 1 else f"photo-{number}"
    draft.show(name, f"Photograph of {draft.name}", image, side=side, quality=76, **licence)
