"""The image search tool: `image_search(image)` gives the five images most like one, with their titles.

The image is one of the conversation or a PIL variable of the sandbox, so that the model can search for what
it cut out: a whole scene finds nothing, the flag in it does. What always holds: a name that stands for no
image, or an image too small to say anything, is a result that says what there is; only our own failures
leave the tool.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol, Self

from PIL import Image

from deepeyes.core.images import to_rgb
from deepeyes.search.base import ImageSearch
from deepeyes.tools.base import Episode, ToolResult
from deepeyes.tools.python import PythonTool, no_image
from deepeyes.tools.services import Services

RESULTS = 5
MIN_SIDE = 8
"""Pixels; a smaller image looks like too many others."""


class ImageVariables(Protocol):
    """Who knows the variables of an episode's sandbox (`PythonTool`)."""

    async def image_named(self, name: str, episode: Episode) -> Image.Image | None: ...


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

    needs = ("images",)

    def __init__(
        self, engine: ImageSearch, python: ImageVariables | None = None, results: int = RESULTS
    ) -> None:
        self._engine = engine
        self._python = python
        self._results = results

    @classmethod
    def of(cls, services: Services) -> Self:
        """With a sandbox its variables can be searched for too: their sessions belong to the episode."""
        assert services.images is not None
        return cls(services.images, PythonTool(services.sandbox) if services.sandbox is not None else None)

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        name = str(arguments.get("image") or "image_1").strip()
        image = episode.images.get(name)
        if image is None and self._python is not None:
            image = await self._python.image_named(name, episode)
        if image is None:
            return ToolResult("error", stderr=no_image(name, episode, variables=self._python is not None))
        if min(image.size) < MIN_SIDE:
            size = f"{image.width}x{image.height}"
            return ToolResult(
                "error",
                stderr=f"The picture is only {size} pixels: give one of at least {MIN_SIDE} on each side.",
            )
        start = time.perf_counter()
        hits = (await self._engine.search(to_rgb(image), self._results))[: self._results]
        return ToolResult(hits=hits, searched_image=name, seconds=time.perf_counter() - start)
