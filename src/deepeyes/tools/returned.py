"""What a function returned or raised, as a tool's result.

What always holds: images come back as images, wherever in a value they are, and everything else as text a
model can read; what an exception says is told without the folders of this machine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from PIL import Image
from pydantic_core import to_json

from deepeyes.core.errors import DeepEyesError
from deepeyes.core.images import MAX_FILE_PIXELS, to_rgb
from deepeyes.core.results import ToolResult
from deepeyes.core.text import one_line

_FOLDERS = re.compile(r"(?:file://)?(?<![\w.:/-])~?/(?:[^\s/'\"<>:]+/)+|file:///(?:[^\s/'\"<>:]+/)*")
_REASON = 500
"""Characters of what an exception says."""


def result_of(value: object) -> ToolResult:
    """A returned value as a result: text for text, JSON for what JSON has, images for PIL images, alone, in
    lists or inside other values. Raises whatever its parts raise, and `TypeError` for what cannot be told.
    """
    if isinstance(value, ToolResult):
        return replace(value, images=tuple(map(_usable, value.images)))
    images: list[Image.Image] = []
    parts = cast("Sequence[object]", value) if _holds_images(value) else (value,)
    texts = [_words(part, images) for part in parts]
    return ToolResult(stdout="\n".join(filter(None, texts)), images=tuple(map(_usable, images)))


def failure(error: BaseException) -> str:
    """An exception in one line, its kind first."""
    said = error.message if isinstance(error, DeepEyesError) else str(error)
    return one_line(f"{type(error).__name__}: {_FOLDERS.sub('', said)}", _REASON).rstrip(": ")


def _holds_images(value: object) -> bool:
    return isinstance(value, list | tuple) and any(
        isinstance(part, Image.Image) for part in cast("Sequence[object]", value)
    )


def _words(value: object, images: list[Image.Image]) -> str:
    """A value as text; its images are put to `images`."""
    if isinstance(value, Image.Image):
        images.append(value)
        return ""
    if value is None or isinstance(value, str):
        return value or ""

    def tell(part: Any) -> Any:
        if isinstance(part, Image.Image):
            images.append(part)
            return "(shown below)"
        if hasattr(part, "tolist"):  # arrays and their numbers
            return part.tolist()
        raise TypeError(f"it returned a {type(part).__name__}, which cannot be told in JSON")

    return to_json(value, fallback=tell, inf_nan_mode="constants").decode()


def _usable(image: Image.Image) -> Image.Image:
    """The image, read and as RGB. Raises `ValueError` for one that is empty or huge, and what PIL raises."""
    if not 0 < image.width * image.height <= MAX_FILE_PIXELS:
        raise ValueError(f"it returned an image of {image.width}x{image.height} pixels")
    image.load()  # one that was only opened would fail later, where nobody expects it
    return to_rgb(image)
