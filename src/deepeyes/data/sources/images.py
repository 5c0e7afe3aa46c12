"""Images of rows: whatever a data set calls an image becomes an RGB image, or a reason why not.

An image may be a path, encoded bytes, a data URL, base64 text, a PIL image, or an object with `bytes` or
`path` (as the `datasets` library and parquet files keep them). What always holds: nothing is fetched from a
network; an image that cannot be used is an `Unusable` with a reason, never another exception.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from PIL import Image

from deepeyes.core.errors import InputError
from deepeyes.core.images import load_image
from deepeyes.data.item import Unusable

_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{200,}={0,2}\s*")
_NOTHING: tuple[Any, ...] = (None, "", b"", [], {})


def read_images(value: object, root: Path) -> list[Image.Image]:
    """All images of a row's field, one or many; relative paths start at `root`. Raises `Unusable`."""
    return [read_image(one, root) for one in images_of(value)]


def read_image(value: object, root: Path) -> Image.Image:
    """One image. Raises `Unusable` with image_missing, image_unreadable, image_url or wrong_type."""
    return _decode(_found(value, root))


def check_image(value: object, root: Path) -> None:
    """Raises `Unusable` where the image is not there; one that is there is not decoded."""
    _found(value, root)


def images_of(value: object) -> Sequence[object]:
    """The images of a field, one or many."""
    if any(value is nothing or (type(value) is type(nothing) and value == nothing) for nothing in _NOTHING):
        return []
    many = isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)
    return cast("Sequence[object]", value) if many else [value]


def _found(value: object, root: Path) -> Path | bytes | Image.Image:
    """Where the image is. Raises `Unusable`."""
    if isinstance(value, Image.Image):
        return value
    if isinstance(value, Mapping):
        return _in_object(cast("Mapping[str, object]", value), root)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str):
        return _in_text(value, root)
    if value is None:
        raise Unusable("image_missing", "the image is null")
    raise Unusable("wrong_type", f"an image is {type(value).__name__}")


def _in_object(value: Mapping[str, object], root: Path) -> Path | bytes | Image.Image:
    for key in ("bytes", "path", "image", "url", "image_url"):
        if value.get(key):
            return _found(value[key], root)
    raise Unusable("image_missing", "the image has neither bytes nor path")


def _in_text(text: str, root: Path) -> Path | bytes:
    if text.startswith(("http://", "https://")):
        raise Unusable("image_url", f"{text[:200]} is not fetched")
    encoded = _DATA_URL.match(text)
    if encoded or _BASE64.fullmatch(text[:4000]):
        try:
            return base64.b64decode(text[encoded.end() if encoded else 0 :], validate=False)
        except ValueError as error:  # also what is not ASCII
            raise Unusable("image_unreadable", f"base64: {error}") from error
    path = Path(text.removeprefix("file://"))
    path = path if path.is_absolute() else root / path
    try:
        there = path.is_file()
    except (OSError, ValueError):  # too long, or with a zero byte
        there = False
    if not there:
        raise Unusable("image_missing", f"there is no image {text[:200]}")
    return path


def _decode(source: Path | bytes | Image.Image) -> Image.Image:
    try:
        return load_image(source).image
    except InputError as error:
        raise Unusable("image_unreadable", str(error)) from error
