"""Cut-outs of animals, food, vehicles and more, each with its caption (copyleft)."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image

from ..check import slug
from ..draw import on_ground
from ..pins import TUXPAINT
from .made import Draft, Made, Packages

_FOLDER = "share/tuxpaint/stamps/"
_SKIP = ("symbols/alphabets", "symbols/math")


def make_stickers(packages: Packages) -> Iterator[Made]:
    """Every captioned PNG stamp, by path; the picture is set on white or dark ground."""
    files = packages.files(TUXPAINT, lambda name: _FOLDER in name and name.endswith((".png", ".txt")))
    stamps = {name.partition(_FOLDER)[2]: data for name, data in files.items()}
    for path, data in stamps.items():
        stem = path.removesuffix(".png")
        caption = stamps.get(f"{stem}.txt", b"").decode("utf-8", "replace").partition("\n")[0].strip()
        mirrored = stem.endswith(("_mirror", "_flip", "_mirror_flip"))
        if not path.endswith(".png") or len(caption) < 3 or mirrored or path.startswith(_SKIP):
            continue
        name, category = caption.rstrip(".!"), stem.rpartition("/")[0]
        draft = Draft(f"sticker/{slug(stem)}", name, TUXPAINT.title, TUXPAINT.licence)
        draft.write("about", name, f"{caption} It belongs to the group {category.replace('/', ', ')}.")
        draft.know("category", tuple(category.split("/")), page="about")
        draft.show("picture", name, on_ground(Image.open(io.BytesIO(data))), side=200)
        yield draft.made()
