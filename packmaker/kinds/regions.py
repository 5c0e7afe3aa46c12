"""Maps whose regions have exact colours, and the regions: capital, colour, flag (copyleft).

A map's picture keeps every pixel's colour, so that the region under a point can be read off it.
"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

from PIL import Image

from deepeyes.world.pack.entity import PictureRecord

from ..check import slug
from ..pins import KGEOGRAPHY
from .made import Draft, Made, Packages, distinct_ids


def make_maps(packages: Packages) -> Iterator[Made]:
    """The maps, by file name."""
    files = _files(packages)
    for name, root in _maps(files):
        title, what = _text(root, "name"), _text(root, "divisionsName") or "divisions"
        draft = Draft(f"map/{name}", title, KGEOGRAPHY.title, KGEOGRAPHY.licence)
        regions = _regions(root)
        listed = "; ".join(
            f"{region} (capital {capital})" if capital else region for region, capital, _, _ in regions
        )
        draft.write("about", f"Map of {title}", f"The map of {title} shows these {what.lower()}: {listed}.")
        draft.know("regions shown", len(regions), "regions", page="about")
        image = Image.open(io.BytesIO(files[_text(root, "mapFile")])).convert("RGB")
        _show_exactly(draft, image)
        yield draft.made()


def make_regions(packages: Packages) -> Iterator[Made]:
    """The regions of every map, in the map's order."""
    files = _files(packages)
    for name, root in _maps(files):
        title, regions = _text(root, "name"), _regions(root)
        ids = distinct_ids("region", [(f"{name} {region}", colour) for region, _, colour, _ in regions])
        for entity_id, (region, capital, colour, flag) in zip(ids, regions, strict=True):
            draft = Draft(entity_id, region, KGEOGRAPHY.title, KGEOGRAPHY.licence)
            said = f" Its capital is {capital}." if capital else ""
            text = (
                f"{region} is a region on the map of {title}.{said} The map shows it in the colour {colour}."
            )
            draft.write("about", f"{region} ({title})", text)
            draft.know("map", f"map/{name}", page="")
            draft.know("part of", title, page="about")
            draft.know("capital", capital, page="about")
            draft.know("map colour", colour, page="about")
            picture = next(
                (files[path] for path in (f"flags/{name}/{flag}", f"flags/{flag}") if path in files), None
            )
            if flag and picture:
                image = Image.open(io.BytesIO(picture)).convert("RGBA")
                ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
                draft.show("flag", f"Flag of {region}", Image.alpha_composite(ground, image), side=160)
            yield draft.made()


def _show_exactly(draft: Draft, image: Image.Image) -> None:
    """Put the map into the draft without loss and at its full size."""
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, quality=90, method=4)
    data, url = file.getvalue(), draft.url("map.webp")
    terms = (draft.source, draft.licence, "", draft.documents[0].url)
    draft.pictures.append(PictureRecord(url, draft.documents[0].title, *image.size, len(data), *terms))
    draft.files.append(data)


def _files(packages: Packages) -> dict[str, bytes]:
    found = packages.files(
        KGEOGRAPHY, lambda name: "share/kgeography/" in name and name.endswith((".kgm", ".png"))
    )
    return {name.partition("share/kgeography/")[2]: data for name, data in found.items()}


def _maps(files: dict[str, bytes]) -> Iterator[tuple[str, ElementTree.Element]]:
    for name, data in files.items():
        if name.endswith(".kgm"):
            # The file comes out of a package whose sha256 is pinned, so its XML is trusted.
            root = ElementTree.fromstring(data)
            if _regions(root) and _text(root, "mapFile") in files:
                yield slug(name.removesuffix(".kgm")), root


def _regions(root: ElementTree.Element) -> list[tuple[str, str, str, str]]:
    """Name, capital, colour "#RRGGBB" and flag file of each region that is not left out of the game."""
    found: list[tuple[str, str, str, str]] = []
    for division in root.iter("division"):
        name = _text(division, "name")
        red, green, blue = (int(_text(division, f"color/{part}") or 0) for part in ("red", "green", "blue"))
        if name and _text(division, "ignore") != "yes":
            colour = f"#{red:02X}{green:02X}{blue:02X}"
            found.append((name, _text(division, "capital"), colour, _text(division, "flag")))
    return found


def _text(node: ElementTree.Element, path: str) -> str:
    return (node.findtext(path) or "").strip()
