"""Images inside the page: WebP data URLs at the size the model saw, and the full size where there is room.

What always holds: an image that cannot be read costs its place in the page, never the page; the same
full-size pixels are embedded once; full sizes stop when their budget of bytes is used, so a page of five
hundred episodes still opens.
"""

from __future__ import annotations

import io
from base64 import b64encode
from dataclasses import dataclass, field

from PIL import Image

from deepeyes.analysis.crops import CropFinder
from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageRef, ImageStore
from deepeyes.core.messages import ImagePart

FULL_BUDGET = 32_000_000
"""Bytes of base64 that all full-size images of a page may take together."""
_MAX_SIDE = 4096


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
    """An image as the page shows it."""

    name: str
    width: int
    height: int
    view_width: int
    view_height: int
    url: str = ""
    """The view as a data URL; empty when the pixels are missing."""
    full: str = ""
    """Key of the full-size image in the page; empty when it has none."""
    outlines: tuple[Outline, ...] = ()


@dataclass
class Album:
    """Renders the images of one page and keeps its full sizes."""

    store: ImageStore
    budget: int = FULL_BUDGET
    full: dict[str, str] = field(default_factory=dict[str, str])
    """Data URLs by content hash."""
    left_out: int = 0
    """Full sizes that did not fit the budget."""

    def show(self, part: ImagePart, outlines: tuple[Outline, ...] = ()) -> Shown:
        """The image at the size the model saw it; its full size too, if that is larger and fits."""
        size = part.ref.width, part.ref.height, part.view_width, part.view_height
        try:
            image = self.store.get(part.ref)
        except InputError:
            return Shown(part.name, *size)
        view = part.with_pixels(self.store).pixels
        url = "" if view is None else data_url(view, 90)
        larger = part.ref.width > part.view_width or part.ref.height > part.view_height
        key = self._keep(part.ref, image) if larger else ""
        return Shown(part.name, *size, url, key, outlines)

    def places(self, whole: ImageRef, parts: list[ImagePart]) -> list[Outline]:
        """Where in `whole` each of `parts` was cut from, as far as that can be seen."""
        try:
            finder = CropFinder(self.store.get(whole))
            found = [(part, finder.find(self.store.get(part.ref))) for part in parts]
        except InputError:
            return []
        return [Outline.of("look", part.name, place.box) for part, place in found if place is not None]

    def _keep(self, ref: ImageRef, image: Image.Image) -> str:
        if ref.sha256 in self.full:
            return ref.sha256
        if self.budget <= 0:
            self.left_out += 1
            return ""
        small = image.copy()
        small.thumbnail((_MAX_SIDE, _MAX_SIDE))
        url = data_url(small, 80)
        self.budget -= len(url)
        self.full[ref.sha256] = url
        return ref.sha256


def data_url(image: Image.Image, quality: int) -> str:
    data = io.BytesIO()
    image.save(data, "WEBP", quality=quality, method=2)
    return "data:image/webp;base64," + b64encode(data.getvalue()).decode("ascii")
