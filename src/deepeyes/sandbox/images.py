"""Images on their way into a session.

They travel as Pillow keeps RGB in memory, four bytes a pixel, so that a session can use them where they
arrive. They are packed a strip at a time: a strip stays in the processor's cache, where a whole image
costs a page fault for every 4 KiB, which was most of the supervisor's work at a start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from keyword import iskeyword

from PIL import Image

from deepeyes.core.errors import InputError

_STRIP_BYTES = 1 << 17


class Pixels:
    """The bytes of one image. Their number is fixed from the start, whatever becomes of the image."""

    def __init__(self, image: Image.Image) -> None:
        self._image = image if image.mode == "RGB" else image.convert("RGB")
        self.width, self.height = self._image.size

    def __len__(self) -> int:
        return 4 * self.width * self.height

    def __iter__(self) -> Iterator[bytes]:
        rows = max(1, _STRIP_BYTES // (4 * self.width))
        for top in range(0, self.height, rows):
            strip = self._image.crop((0, top, self.width, min(self.height, top + rows)))
            yield strip.tobytes("raw", "RGBX")


def pack_images(images: Mapping[str, Image.Image]) -> tuple[list[list[str | int]], list[Pixels]]:
    """[name, width, height] and the pixels of each image."""
    packed = {name: Pixels(image) for name, image in images.items()}
    return [[name, pixels.width, pixels.height] for name, pixels in packed.items()], list(packed.values())


def check_names(images: Mapping[str, object]) -> None:
    for name in images:
        if not name.isidentifier() or iskeyword(name):
            raise InputError(f"an image cannot be bound to {name!r}", "use a variable name such as image_1")
