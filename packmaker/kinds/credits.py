"""Who made which photograph: reads the README files beside the pictures of gcompris.

What always holds: a picture without a line there, or under terms that do not allow passing on changed copies
for any purpose, is not used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..pins import GCOMPRIS
from ..unpack import read_rcc
from .made import Packages

_TERMS = {"public domain": "public domain", "cc0-1.0": "CC0-1.0", "cc0": "CC0-1.0"}
_BY = re.compile(r"cc-by(-sa)?[- ](\d\.\d)", re.IGNORECASE)
_SPELT = {
    "germany/audaPalatina.webp": "germany/aulaPalatina.webp",
    "screDriver.webp": "screwDriver.webp",
}
"""Names that a README spells otherwise than the file."""


@dataclass(frozen=True)
class Photo:
    """A photograph with its terms; `credit` names the author and the place of publication."""

    path: str
    data: bytes
    licence: str
    credit: str


def read_photos(packages: Packages, activities: tuple[str, ...]) -> dict[str, Photo]:
    """Path below `src/activities/` -> photograph, for the free ones of these activities."""
    wanted = {f"rcc/{activity}.rcc" for activity in activities}
    archives = packages.files(GCOMPRIS, lambda name: name.partition("/gcompris-qt/")[2] in wanted)
    files: dict[str, bytes] = {}
    for archive in archives.values():
        files |= {name.partition("/activities/")[2]: data for name, data in read_rcc(archive).items()}
    photos: dict[str, Photo] = {}
    for name, data in files.items():
        if name.endswith("/README"):
            folder = name.removesuffix("README")
            for file, (licence, credit) in read_credits(data.decode()).items():
                content = files.get(folder + file)
                if content and file.endswith(".webp"):
                    photos[folder + file] = Photo(folder + file, content, licence, credit)
    return photos


def read_credits(text: str) -> dict[str, tuple[str, str]]:
    """File -> (licence, credit) of a README of blocks: Copyright, License, Source, and a list of Files."""
    found: dict[str, tuple[str, str]] = {}
    for block in re.split(r"\n\s*\n", text):
        fields = _fields(block)
        licence = terms(fields.get("license", [""])[0])
        if not licence:
            continue
        authors = "; ".join(fields.get("copyright", []))
        where = " ".join([*fields.get("source", []), *fields.get("comment", [])]).removeprefix(
            "original source at "
        )
        credit = ", ".join(part for part in (authors, where) if part)
        for file in fields.get("files", []):
            found[_SPELT.get(file, file)] = (licence, credit)
    return found


def terms(licence: str) -> str:
    """The licence's identifier if it lets anyone change and pass on the picture; empty if not."""
    text = licence.strip()
    match = _BY.fullmatch(text)
    if match:
        return f"CC-BY{'-SA' if match[1] else ''}-{match[2]}"
    return _TERMS.get(text.lower(), "")


def _fields(block: str) -> Mapping[str, list[str]]:
    """The block's fields by lower-case name; lines without a name belong to the field above."""
    fields: dict[str, list[str]] = {}
    last = ""
    for line in block.splitlines():
        match = re.match(r"(Copyright|License|Source|Comment|Files):\s*(.*)", line)
        if match:
            last = match[1].lower()
            fields.setdefault(last, [])
        value = (match[2] if match else line).strip()
        if value and last:
            fields[last].append(value.removeprefix("Copyright "))
    return fields
