"""The image search tool: `image_search(image)` gives the five pictures most like one, with their titles.

The picture is one of the conversation or a PIL variable of the sandbox, so that the model can search for
what it cut out: a whole scene finds nothing, the flag in it does. What always holds: a name that stands for
no picture, or a picture too small to say anything, is a result that says what there is; only our own
failures leave the tool.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from PIL import Image, ImageOps

from deepeyes.core.images import to_rgb
from deepeyes.search.base import Hit, ImageSearch
from deepeyes.tools.base import Episode, ToolResult
from deepeyes.tools.search import one_line

RESULTS = 5
BRIEF_RESULTS, BRIEF_SIDE = 2, 112
"""For a model with the brief prompt: titles alone, and the best picture at this many pixels a side."""
MIN_SIDE = 8
"""Pixels; a smaller picture looks like too many others."""
_NAME = re.compile(r"[^\W\d]\w{0,99}")
_TITLE_CHARS = 200


class Pictures(Protocol):
    """Who knows the variables of an episode's sandbox (`PythonTool`)."""

    async def picture(self, name: str, episode: Episode) -> Image.Image | None: ...


class ImageSearchTool:
    """`image_search(image="image_1")` over a gallery or a provider."""

    name = "image_search"
    description = (
        "Find pictures that show the same thing. `image` names a picture of this conversation (image_1 if "
        "left out) or a PIL image in a Python variable: cut the thing out first, since a whole scene finds "
        "nothing. Gives the best 5: picture and title."
    )
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "image": {"type": "string", "description": "image_1, or the name of a Python variable."}
        },
        "required": [],
        "additionalProperties": False,
    }

    def __init__(
        self,
        engine: ImageSearch,
        python: Pictures | None = None,
        results: int = RESULTS,
        *,
        brief: bool = False,
    ) -> None:
        self._engine = engine
        self._python = python
        self._results = min(results, BRIEF_RESULTS) if brief else results
        self._brief = brief

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        name = str(arguments.get("image") or "image_1").strip()
        picture = episode.images.get(name)
        if picture is None and self._python is not None and _NAME.fullmatch(name):
            picture = await self._python.picture(name, episode)
        if picture is None:
            return ToolResult("error", stderr=self._no_picture(name, episode))
        if min(picture.size) < MIN_SIDE:
            size = f"{picture.width}x{picture.height}"
            return ToolResult(
                "error",
                stderr=f"The picture is only {size} pixels: give one of at least {MIN_SIDE} on each side.",
            )
        start = time.perf_counter()
        hits = (await self._engine.search(to_rgb(picture), self._results))[: self._results]
        if self._brief:
            hits = [replace(hit, image=_small(hit.image) if n == 0 else None) for n, hit in enumerate(hits)]
        text = told(one_line(name, 100), hits, first=len(episode.images) + 1, brief=self._brief)
        shown = tuple(hit.image for hit in hits if hit.image is not None)
        return ToolResult(stdout=text, images=shown, seconds=time.perf_counter() - start)

    def _no_picture(self, name: str, episode: Episode) -> str:
        there = ", ".join(episode.images) or "none"
        hint = (
            "; a Python variable must hold a PIL image, and exists once your code has run"
            if self._python is not None
            else ""
        )
        return f"There is no picture {one_line(name, 60)!r} (pictures of this conversation: {there}{hint})."


def _small(image: Image.Image | None) -> Image.Image | None:
    """A copy of at most `BRIEF_SIDE` pixels a side."""
    return ImageOps.contain(image, (BRIEF_SIDE, BRIEF_SIDE)) if image is not None else None


def told(name: str, hits: Sequence[Hit], first: int, *, brief: bool = False) -> str:
    """The hits as the model reads them; their pictures follow as image_<first>, image_<first + 1> ..."""
    if not hits:
        return f"No picture like {name} was found. Cut out one thing alone and search that.\n"
    if brief:
        return "".join(f"{n}. {one_line(hit.title, _TITLE_CHARS)}\n" for n, hit in enumerate(hits, start=1))
    lines: list[str] = []
    for number, hit in enumerate(hits, start=1):
        shown = f"image_{first}" if hit.image is not None else "no picture"
        first += hit.image is not None
        title = one_line(hit.title, _TITLE_CHARS) or "untitled"
        lines.append(f"{number}. {shown}: [{title}]({one_line(hit.url, 600)})")
    count = "1 picture" if len(hits) == 1 else f"{len(hits)} pictures"
    return "\n".join([f"{count} like {name}, best first:", *lines]) + "\n"
