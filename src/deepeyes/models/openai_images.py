"""Images as a server is sent them: as few bytes as do no harm, each encoded once.

What always holds: an image is sent at its own size where the server's processor makes the view that the
words tell of by itself, else as that view; it is not enlarged, but for one with a side shorter than a patch,
which some processors refuse. PNG, which is exact, is taken for all that is small as PNG or compresses well:
charts, screenshots, text. The rest, which is photographs, goes as JPEG with full colour resolution, at the
highest quality up to `GOOD` that comes to `AIM` bytes a pixel, or at the lowest above it that keeps to
`BOUND` over all and to `TILE_BOUND` in every tile. The same pixels always give the same bytes, so a trace,
which names pixels and sizes, tells what was sent.
"""

from __future__ import annotations

import base64
import io
import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from PIL import Image

from deepeyes.core.lru import LruCache
from deepeyes.core.messages import ImagePart

SMALL = 150_000
"""Bytes up to which PNG is taken whatever JPEG would come to: crops, and all that a small model is shown, are
exact.
"""
WORTH = 3.0
"""How many times smaller than PNG a JPEG has to be."""
AIM = 0.225
"""Bytes a pixel of a JPEG: 177 kB, or 236 kB of base64, for a photograph of 1024x768."""
QUALITIES = (60, 65, 70, 75, 80, 85, 90, 95)
GOOD = 90
BOUND, TILE_BOUND = 30.0, 26.0
"""Least peak signal-to-noise ratio in dB over the image, and in its worst tile: what is sharp and small, such
as a sign, is lost in the mean.
"""
_TILE = 32
_ROOM = 64_000_000
"""Characters of data URLs to keep."""


@dataclass(frozen=True)
class Encoded:
    """A file as it is sent."""

    data: bytes
    quality: int = 0
    """Of a JPEG; 0 for PNG."""

    @property
    def url(self) -> str:
        kind = "jpeg" if self.quality else "png"
        return f"data:image/{kind};base64,{base64.b64encode(self.data).decode()}"


@dataclass(frozen=True)
class _Sent:
    url: str
    note: str


_sent: LruCache[_Sent] = LruCache(_ROOM)


def data_url(part: ImagePart) -> str:
    """The image of `part` as a data URL."""
    return _of(part).url


def sent_as(part: ImagePart) -> str:
    """How an image was sent that was not sent exactly, in words; empty for PNG."""
    note = _of(part).note
    return f"{part.name} was sent as {note}" if note else ""


def encode(image: Image.Image) -> Encoded:
    """An RGB image as PNG or JPEG, see above."""
    png = _saved(image, "PNG", compress_level=1)
    if len(png) <= SMALL:
        return Encoded(png)
    jpegs = _Jpegs(image)
    aim = AIM * image.width * image.height
    fitting = bisect_right(QUALITIES, aim, key=lambda quality: len(jpegs.at(quality)))
    start = min(max(fitting - 1, 0), QUALITIES.index(GOOD))
    for quality in QUALITIES[start:]:
        if len(jpegs.at(quality)) * WORTH > len(png):
            break
        if jpegs.is_harmless(quality):
            return Encoded(jpegs.packed(quality), quality)
    return Encoded(png)


def psnr(image: Image.Image, other: Image.Image) -> tuple[float, float]:
    """Peak signal-to-noise ratio in dB of two RGB images of one size: over all, and in the worst tile."""
    import numpy as np  # not with the module: a command line that sends no image does without it

    difference = np.asarray(image, np.int16) - np.asarray(other, np.int16)
    error = (difference.astype(np.float32) ** 2).mean(axis=2)
    height, width = error.shape
    rows, columns = np.arange(0, height, _TILE), np.arange(0, width, _TILE)
    sums: Any = np.add.reduceat(np.add.reduceat(error, rows, axis=0), columns, axis=1)
    counts = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    return _decibel(float(error.mean())), _decibel(float((sums / counts).max()))


class _Jpegs:
    """The JPEG files of an image, each made once."""

    def __init__(self, image: Image.Image) -> None:
        self._image = image
        self._made: dict[int, bytes] = {}

    def at(self, quality: int) -> bytes:
        if quality not in self._made:
            self._made[quality] = _saved(self._image, "JPEG", quality=quality, subsampling=0)
        return self._made[quality]

    def packed(self, quality: int) -> bytes:
        """The same pixels in a few bytes less."""
        return _saved(self._image, "JPEG", quality=quality, subsampling=0, optimize=True)

    def is_harmless(self, quality: int) -> bool:
        with Image.open(io.BytesIO(self.at(quality))) as decoded:
            over_all, worst = psnr(self._image, decoded.convert("RGB"))
        return over_all >= BOUND and worst >= TILE_BOUND


def _of(part: ImagePart) -> _Sent:
    image = part.own if part.own is not None else part.pixels
    if image is None:
        raise ValueError(f"{part.name} has no pixels: use Message.with_pixels(store) before sending")
    key = (part.ref.sha256, image.size)
    return _sent.get(key, lambda: _make(image), lambda sent: len(sent.url))


def _make(image: Image.Image) -> _Sent:
    encoded = encode(image)
    size = f"{image.width}x{image.height} in {len(encoded.data):,} bytes"
    return _Sent(encoded.url, f"JPEG of quality {encoded.quality}, {size}" if encoded.quality else "")


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _decibel(error: float) -> float:
    """Of a mean squared error."""
    return math.inf if error <= 0 else 10 * math.log10(255**2 / error)
