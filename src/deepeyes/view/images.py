"""The images of a page: named in the page, and turned into bytes when somebody looks at them.

What always holds: a page names an image by its store, content hash and the size at which the model saw it,
never by a path; an image that cannot be read costs its place in the page, never the page.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from PIL import Image

from deepeyes.analysis.crops import CropFinder
from deepeyes.core.errors import InputError, boundary
from deepeyes.core.images import ImageRef, ImageStore
from deepeyes.core.messages import ImagePart

MAX_SIDE = 4096
"""Of a view, and of a full-size image in a page that holds its images itself."""
_HASH = re.compile(r"[0-9a-f]{64}")


class ImageName(NamedTuple):
    """What a page calls an image: `STORE/HASH/WxH` at the size the model saw, `STORE/HASH` at full size."""

    store: int
    ref: ImageRef
    view: tuple[int, int] | None = None

    def __str__(self) -> str:
        size = f"/{self.view[0]}x{self.view[1]}" if self.view else ""
        return f"{self.store}/{self.ref.sha256}{size}"


@dataclass(frozen=True)
class Outline:
    """A rectangle to draw over an image, in its full-size pixels."""

    kind: str
    """truth (what was asked about) or look (what the code cut out)."""
    label: str
    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, kind: str, label: str, box: tuple[float, float, float, float]) -> Outline:
        return cls(kind, label, box[0], box[1], box[2] - box[0], box[3] - box[1])


@dataclass(frozen=True)
class Shown:
    """An image as a page shows it."""

    name: str
    width: int
    height: int
    view_width: int
    view_height: int
    view: ImageName | None = None
    """None when the pixels are missing."""
    full: ImageName | None = None
    """Its full size, where that is larger than the view."""
    outlines: tuple[Outline, ...] = ()


@dataclass
class Album:
    """The images that are shown of one store, which is number `number` of the page."""

    store: ImageStore
    number: int = 0
    named: dict[ImageName, None] = field(default_factory=dict[ImageName, None])
    """All that was shown so far, in order."""

    def show(self, part: ImagePart, outlines: tuple[Outline, ...] = ()) -> Shown:
        """The image at the size the model saw it, and its full size if that is larger."""
        size = part.ref.width, part.ref.height, part.view_width, part.view_height
        if part.ref not in self.store:
            return Shown(part.name, *size)
        view = ImageName(self.number, part.ref, size[2:])
        larger = part.ref.width > part.view_width or part.ref.height > part.view_height
        full = ImageName(self.number, part.ref) if larger else None
        self.named.update(dict.fromkeys(name for name in (view, full) if name))
        return Shown(part.name, *size, view, full, outlines)

    def show_whole(self, name: str, ref: ImageRef) -> Shown:
        """An image that no model saw, at full size."""
        part = ImagePart(name=name, ref=ref, view_width=ref.width, view_height=ref.height)
        return self.show(part)

    def places(self, whole: ImageRef, parts: list[ImagePart]) -> list[Outline]:
        """Where in `whole` each of `parts` was cut from, as far as that can be seen."""
        if not parts:
            return []
        try:
            finder = CropFinder(self.store.get(whole))
            found = [(part, finder.find(self.store.get(part.ref))) for part in parts]
        except InputError:
            return []
        return [Outline.of("look", part.name, place.box) for part, place in found if place is not None]


def named(store: int, sha256: str, view: tuple[int, int] | None = None) -> ImageName | None:
    """The image that a page asks for; None for what no page can have been told of."""
    if not _HASH.fullmatch(sha256) or (view and not all(1 <= side <= MAX_SIDE for side in view)):
        return None
    return ImageName(store, ImageRef(sha256=sha256, width=1, height=1), view)


def image_file(store: ImageStore, name: ImageName) -> tuple[bytes, str]:
    """An image as a file, and its media type: as it lies in the store, or at the size the model saw. Raises
    `InputError` if it is missing or damaged.
    """
    if name.view is not None:
        return compressed(store, name), "image/webp"
    path = store.path(name.ref)
    if path is None or not path.is_file():
        raise InputError(f"image {name.ref.sha256[:12]} is not in the store", "restore the images folder")
    with boundary(InputError, f"reading {path.name}", "check that you may read it"):
        return path.read_bytes(), "image/png"


def compressed(store: ImageStore, name: ImageName) -> bytes:
    """An image as a small WebP file. Raises `InputError` if it is missing or damaged."""
    image, data = store.get(name.ref), io.BytesIO()
    if name.view is None:
        image.thumbnail((MAX_SIDE, MAX_SIDE))
    elif image.size != name.view:
        image = image.resize(name.view, Image.Resampling.BICUBIC)
    image.save(data, "WEBP", quality=80 if name.view is None else 90, method=2)
    return data.getvalue()
