"""What leaves the machine when an image is searched for online.

What always holds: what is sent is a new JPEG made from pixels alone (no EXIF, no name, no comment), at most
`MAX_SIDE` pixels a side and `MAX_BYTES` long, and each sending leaves an `Upload` that says what went where.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from hashlib import sha256

from PIL import Image

from deepeyes.core.images import to_rgb

MAX_SIDE = 1024
MAX_BYTES = 490_000
"""SerpApi takes files up to 500 KB."""
_LOG = logging.getLogger("deepeyes.search")


@dataclass(frozen=True)
class Upload:
    """An image that was sent to somebody."""

    to: str
    sha256: str
    """Of the bytes that were sent."""
    width: int
    height: int
    size: int
    """Bytes."""

    def __str__(self) -> str:
        return f"a {self.width}x{self.height} JPEG of {self.size:,} bytes to {self.to}"


def pack(image: Image.Image, to: str) -> tuple[bytes, Upload]:
    """The bytes to send and the record of them."""
    rgb = to_rgb(image)
    shown = Image.frombytes("RGB", rgb.size, rgb.tobytes())  # pixels alone: no metadata can come along
    shown.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    for quality in (88, 75, 60, 40):
        data = _jpeg(shown, quality)
        if len(data) <= MAX_BYTES:
            break
    else:
        shown.thumbnail((MAX_SIDE // 2, MAX_SIDE // 2), Image.Resampling.LANCZOS)
        data = _jpeg(shown, 40)
    return data, Upload(to, sha256(data).hexdigest(), shown.width, shown.height, len(data))


def tell(upload: Upload) -> None:
    _LOG.info("sent %s", upload)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
