"""Pictures of rows: whatever a data set calls a picture becomes an RGB picture, or a reason why not.

A picture may be a path, encoded bytes, a data URL, base64 text, a PIL picture, or an object with `bytes` or
`path` (as the `datasets` library and parquet files keep them). What always holds: nothing is fetched from a
network; a picture that cannot be used is an `Unfit` with a reason, never another exception.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from PIL import Image

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageRef, ImageStore, load_image, to_rgb
from deepeyes.data.item import Unfit
from deepeyes.data.run.recent import Recent

_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{200,}={0,2}\s*")
_NOTHING: tuple[Any, ...] = (None, "", b"", [], {})


def load_pictures(value: object, root: Path) -> list[Image.Image]:
    """All pictures of a row's field, one or many; relative paths start at `root`. Raises `Unfit`."""
    if any(value is nothing or (type(value) is type(nothing) and value == nothing) for nothing in _NOTHING):
        return []
    many = isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)
    values = cast("Sequence[object]", value) if many else [value]
    return [load_picture(one, root) for one in values]


def load_picture(value: object, root: Path) -> Image.Image:
    """One picture. Raises `Unfit` with image_missing, image_unreadable, image_url or wrong_type."""
    if isinstance(value, Image.Image):
        return to_rgb(value)
    if isinstance(value, Mapping):
        return _from_object(cast("Mapping[str, object]", value), root)
    if isinstance(value, bytes | bytearray | memoryview):
        return _decode(bytes(value))
    if isinstance(value, str):
        return _from_text(value, root)
    if value is None:
        raise Unfit("image_missing", "the picture is null")
    raise Unfit("wrong_type", f"a picture is {type(value).__name__}")


def _from_object(value: Mapping[str, object], root: Path) -> Image.Image:
    for key in ("bytes", "path", "image", "url", "image_url"):
        if value.get(key):
            return load_picture(value[key], root)
    raise Unfit("image_missing", "the picture has neither bytes nor path")


def _from_text(text: str, root: Path) -> Image.Image:
    if text.startswith(("http://", "https://")):
        raise Unfit("image_url", f"{text[:200]} is not fetched")
    encoded = _DATA_URL.match(text)
    if encoded or _BASE64.fullmatch(text[:4000]):
        try:
            return _decode(base64.b64decode(text[encoded.end() if encoded else 0 :], validate=False))
        except ValueError as error:  # also what is not ASCII
            raise Unfit("image_unreadable", f"base64: {error}") from error
    path = Path(text.removeprefix("file://"))
    path = path if path.is_absolute() else root / path
    try:
        there = path.is_file()
    except (OSError, ValueError):  # too long, or with a zero byte
        there = False
    if not there:
        raise Unfit("image_missing", f"there is no picture {text[:200]}")
    return _decode(path)


def _decode(source: Path | bytes) -> Image.Image:
    try:
        return load_image(source).image
    except InputError as error:
        raise Unfit("image_unreadable", str(error)) from error


class RecentImages(ImageStore):
    """An `ImageStore` that keeps the pictures it read last, so that eight tries at one question decode its
    picture once. Safe to read from threads.
    """

    def __init__(self, folder: str | Path, max_pixels: int = 48_000_000) -> None:
        super().__init__(folder)
        self._recent: Recent[Image.Image] = Recent(max_pixels)

    def get(self, ref: ImageRef) -> Image.Image:
        read = super().get
        return self._recent.get(ref.sha256, lambda: read(ref), lambda image: image.width * image.height)

    def held(self, ref: ImageRef) -> Image.Image | None:
        return self._recent.held(ref.sha256)
