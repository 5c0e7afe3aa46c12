"""Photographs that no training and no validation shows, each with its licence and its author.

They come out of the pinned gcompris package, at full size, and from the test backgrounds of the world. What
always holds: a photograph of which the world uses a copy in training or validation, as a background or as the
picture of a thing, is not among them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from PIL import Image

from deepeyes.world.pack import Pack
from packmaker.fetch import fetch
from packmaker.kinds.credits import read_photos
from packmaker.kinds.made import Packages
from packmaker.pins import GCOMPRIS

_ACTIVITIES = (
    "erase",
    "explore_farm_animals",
    "explore_monuments",
    "explore_world_animals",
    "explore_world_music",
)
_SMALLEST = 1000
"""Pixels of the long side."""
_TEST = ("courtyard.webp", "forest_stream.webp", "coral_porthole.webp")
"""Backgrounds of the world's test split that the package does not hold itself, or not as large."""


@dataclass(frozen=True)
class Photograph:
    """`name` is its path in the package that it comes from."""

    name: str
    image: Image.Image
    licence: str
    credit: str


def fetched(folder: Path) -> Packages:
    """The pinned package, downloaded into `folder` if it is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    fetch(GCOMPRIS, folder)
    return Packages(folder)


def held_out_photographs(packages: Packages, pack: Pack) -> list[Photograph]:
    """All of them, in the order of their names."""
    used = set(_used(pack))
    found: list[Photograph] = []
    for name, photo in sorted(read_photos(packages, _ACTIVITIES).items()):
        if _address(photo.credit) in used:
            continue
        image = Image.open(io.BytesIO(photo.data))
        if max(image.size) >= _SMALLEST and image.mode == "RGB":
            found.append(Photograph(name, image, photo.licence, photo.credit))
    backgrounds = resources.files("deepeyes.world") / "assets" / "backgrounds"
    for source in json.loads((backgrounds / "SOURCES.json").read_text("utf-8")):
        if source["file"].removeprefix("test/") in _TEST:
            image = Image.open(io.BytesIO((backgrounds / source["file"]).read_bytes())).convert("RGB")
            credit = f'"{source["title"]}" by {source["author"]}, {source["source"]}'
            found.append(Photograph(source["file"], image, source["licence"], credit))
    return found


def _used(pack: Pack) -> Iterator[str]:
    """Addresses of the photographs that training or validation shows."""
    for entity in pack.entities():
        if entity.split != "test":
            yield from (address for picture in entity.pictures if (address := _address(picture.credit)))
    backgrounds = resources.files("deepeyes.world") / "assets" / "backgrounds" / "SOURCES.json"
    for source in json.loads(backgrounds.read_text("utf-8")):
        if source["split"] != "test" and (address := _address(source["source"])):
            yield address


def _address(credit: str) -> str:
    """Where a photograph was published, as a bare address; empty where nobody says."""
    start = credit.find("http")
    return (
        credit[start:]
        .split(";")[0]
        .split(" ")[0]
        .rstrip("),.")
        .removeprefix("https://")
        .removeprefix("http://")
        if start >= 0
        else ""
    )
