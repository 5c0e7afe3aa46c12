"""The dialect `deepeyes_v2/brief`: the syntax of `deepeyes_v2` in a few tokens, for a model trained on it.

Of a search it shows the best page (title and snippet), of a search by image two titles and the best image,
made small. The exact strings are what the nano model is trained on: changing one means training again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from PIL import Image, ImageOps

from deepeyes.core.actions import Action, Malformed, ToolSpec
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.results import Observation, ToolResult
from deepeyes.core.text import one_line
from deepeyes.dialects.deepeyes_v2 import DeepEyesV2
from deepeyes.dialects.words import SNIPPET, TITLE, newline_ended, result_words

HITS, IMAGE_HITS = 1, 2
"""How many are shown of a search by words, and of one by image."""
SIDE = 112
"""Pixels of the longer side of the image that is shown of a search by image."""


@dataclass(frozen=True)
class DeepEyesV2Brief(DeepEyesV2):
    @classmethod
    def with_prompt(cls, prompt: str) -> Self:
        return cls()

    @property
    def name(self) -> str:
        return "deepeyes_v2/brief"

    @property
    def snippet_chars(self) -> int:
        return 200

    def system(self, tools: Sequence[ToolSpec]) -> str | None:
        return f"Tools: {', '.join(tool.name for tool in tools)}" if tools else None

    def shown(self, result: ToolResult) -> ToolResult:
        if result.hits is None:
            return result
        if not result.searched_image:
            return replace(result, hits=result.hits[:HITS])
        hits = [replace(hit, image=None) for hit in result.hits[:IMAGE_HITS]]
        if hits and (best := result.hits[0].image) is not None:
            hits[0] = replace(hits[0], image=_small(best))
        return replace(result, hits=tuple(hits))

    def correction(self, mistake: Malformed, turns_left: int) -> tuple[Message, ...]:
        return (Message.make("user", f"Output:\n{newline_ended(mistake.reason)}"),)

    def _first(self, question: str, images: Sequence[ImagePart]) -> Message:
        return Message.make("user", *_shown(images), question)

    def _result(self, seen: Observation) -> str:
        if not seen.hits:
            return result_words(seen)
        titles = [f"{n}. {one_line(hit.title, TITLE)}\n" for n, hit in enumerate(seen.hits, start=1)]
        if seen.searched_image:
            return "".join(titles)
        snippets = [f"{one_line(hit.snippet, SNIPPET)}\n" for hit in seen.hits]
        return "".join(map(str.__add__, titles, snippets))

    def _observed(self, action: Action, said: str, seen: Observation, turns_left: int) -> tuple[Message, ...]:
        text = f"Output:\n{newline_ended(said)}{newline_ended(seen.stderr)}"
        return (Message.make("user", text, *_shown(seen.images)),)


def _shown(images: Sequence[ImagePart]) -> list[str | ImagePart]:
    parts: list[str | ImagePart] = []
    for image in images:
        size, seen = f"{image.ref.width}x{image.ref.height}", f"{image.view_width}x{image.view_height}"
        parts += [image, f"{image.name} {size} as {seen}\n"]
    return parts


def _small(image: Image.Image) -> Image.Image:
    return ImageOps.contain(image, (SIDE, SIDE))
