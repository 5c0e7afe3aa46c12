"""Messages between us and a model: text and images in order, free of any chat syntax.

What always holds: an image part names its full-size pixels (`ref`), the name the sandbox knows them by,
and the size at which the model sees them. The view's pixels travel with the part to the model but are never
serialised: they follow from `ref` and the size. An assistant message may carry what the sampler recorded;
nobody derives it again from text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from deepeyes.core.actions import ToolCall
from deepeyes.core.images import ImageRef, ImageStore, VisionSpec
from deepeyes.core.text import Text

Role = Literal["system", "user", "assistant", "tool"]


class TextPart(BaseModel):
    model_config = ConfigDict(frozen=True)

    type: Literal["text"] = "text"
    text: Text


class ImagePart(BaseModel):
    """An image in a message, at the size the model sees it."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    type: Literal["image"] = "image"
    name: str
    """`image_1`, `image_2` ...: the variable of the full-size image in the sandbox."""
    ref: ImageRef
    view_width: int
    view_height: int
    pixels: Image.Image | None = Field(default=None, exclude=True, repr=False)
    """RGB at (view_width, view_height); None after reading from disk, see `with_pixels`."""

    own: Image.Image | None = Field(default=None, exclude=True, repr=False)
    """The full-size image (RGB) where a server makes the view of it by itself, see
    `VisionSpec.made_of_own_size`; it travels like `pixels`.
    """

    @classmethod
    def of(cls, name: str, image: Image.Image, ref: ImageRef, vision: VisionSpec) -> ImagePart:
        """The part that shows `image` (full size) to a model with this `vision`."""
        view = vision.view(image)
        own = image if vision.made_of_own_size(*image.size) and image.mode == "RGB" else None
        return cls(name=name, ref=ref, view_width=view.width, view_height=view.height, pixels=view, own=own)

    def without_pixels(self) -> ImagePart:
        return self.model_copy(update={"pixels": None, "own": None})

    def with_pixels(self, images: ImageStore) -> ImagePart:
        """This part with its pixels rendered again from the store, at the recorded size."""
        if self.pixels is not None:
            return self
        full, size = images.get(self.ref), (self.view_width, self.view_height)
        view = full if full.size == size else full.resize(size, Image.Resampling.BICUBIC)
        return self.model_copy(update={"pixels": view})


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class Message(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(frozen=True)

    role: Role
    parts: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    """Assistant only: calls made through the server's own tool-call syntax."""
    tool_call_id: str = ""
    """Tool only: which call this answers."""
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    loss_mask: tuple[int, ...] | None = None
    """Assistant only, as long as `token_ids`: 1 where the model chose the token."""

    @classmethod
    def make(cls, role: Role, *parts: str | ImagePart) -> Message:
        """A message from strings and images; neighbouring strings are joined, empty ones dropped."""
        return cls(role=role, parts=tuple(_joined(parts)))

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def images(self) -> tuple[ImagePart, ...]:
        return tuple(part for part in self.parts if isinstance(part, ImagePart))

    def with_pixels(self, images: ImageStore) -> Message:
        """This message with all image parts rendered from the store."""
        parts = tuple(
            part.with_pixels(images) if isinstance(part, ImagePart) else part for part in self.parts
        )
        return self.model_copy(update={"parts": parts})


def _joined(parts: Iterable[str | ImagePart]) -> Iterable[TextPart | ImagePart]:
    pending = ""
    for part in parts:
        if isinstance(part, str):
            pending += part
            continue
        if pending:
            yield TextPart(text=pending)
            pending = ""
        yield part
    if pending:
        yield TextPart(text=pending)
