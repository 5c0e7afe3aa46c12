"""What a tool was given and what came back, as text with images for Inspect's log. Pure.

What always holds: what a model or a tool wrote stands in a fence that it cannot close.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from PIL import Image

from deepeyes.core.images import to_rgb
from deepeyes.core.png import png_bytes
from deepeyes.core.results import ToolResult
from deepeyes.core.text import cut_middle

_CHARS = 20_000
"""Of each text in the log."""
_SIDE = 768
"""Pixels of an image in the log: it is there to be looked at; the model's own view is in its messages."""


def step_text(arguments: Mapping[str, Any], result: ToolResult) -> str:
    """A tool's step as Markdown, images as data URLs."""
    code = arguments.get("code")
    asked = _fenced(code, "python") if isinstance(code, str) else _fenced(_json(arguments), "json")
    parts = [asked, f"status: {result.status}, {result.seconds:.2f} s"]
    if result.searched_image:
        parts.append(f"searched for {_fenced(result.searched_image)}")
    parts += [_fenced(text) for text in (result.stdout, result.stderr) if text.strip()]
    for number, hit in enumerate(result.hits or (), 1):
        parts.append(_fenced(f"{number}. {hit.title}\n{hit.url}\n{hit.snippet}"))
    if result.hits == ():
        parts.append("nothing was found")
    if result.page is not None:
        parts.append(_fenced(f"{result.page.title}\n{result.page.url}\n\n{result.page.text}"))
    parts += [f"![{image.width} x {image.height} pixels]({_small(image)})" for image in result.all_images]
    return "\n\n".join(parts)


def data_url(image: Image.Image) -> str:
    """The image, lossless."""
    return f"data:image/png;base64,{base64.b64encode(png_bytes(to_rgb(image))).decode()}"


def _small(image: Image.Image) -> str:
    small = to_rgb(image).copy()
    small.thumbnail((_SIDE, _SIDE))
    return data_url(small)


def _json(arguments: Mapping[str, Any]) -> str:
    return json.dumps(dict(arguments), ensure_ascii=False, indent=1, default=str)


def _fenced(text: str, language: str = "text") -> str:
    text = cut_middle(text, _CHARS)
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
