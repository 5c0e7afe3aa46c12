"""Images: how they come in, how large a model sees them, and where they are kept.

What always holds:
- inside the package an image is an RGB PIL image; every odd file (CMYK, 16-bit, palette, alpha, EXIF
  rotation, animation) becomes one in `load_image`, or is refused there with a remedy;
- `view_size` is the only place that knows pixel limits. It is total: any width and height give a size a
  processor of the Qwen-VL family accepts and leaves as it is;
- an `ImageRef` names pixels, not files: the same pixels always have the same name, whoever encoded them.
"""

from __future__ import annotations

import io
import math
import os
import shutil
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field, model_validator

from deepeyes.core.errors import InputError, boundary
from deepeyes.core.files import replaced_file, write_atomic
from deepeyes.core.png import png_bytes
from deepeyes.core.text import encodable

MAX_FILE_PIXELS = 150_000_000
"""Images above this many pixels are refused before a byte is decoded (a decompression bomb, or a
mistake).
"""
MAX_ASPECT = 200
"""Longest side over shortest side that Qwen-VL processors accept."""

_GIVE_IMAGE = "give a PNG, JPEG, WebP, GIF, TIFF or BMP picture"


class ImageRef(BaseModel):
    """The name of an image in an `ImageStore`: hash of its RGB pixels, and its full size."""

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    format: str = "png"


class VisionSpec(BaseModel):
    """How large a model sees images: sides are multiples of `factor`, areas lie between the two limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factor: int = Field(default=28, gt=0)
    min_pixels: int = Field(default=56 * 56, gt=0)
    max_pixels: int = Field(default=1280 * 28 * 28, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> VisionSpec:
        if self.max_pixels < max(self.min_pixels, self.factor**2):
            raise ValueError("max_pixels must be at least min_pixels and factor * factor")
        return self

    def view_size(self, width: int, height: int) -> tuple[int, int]:
        return view_size(
            width, height, factor=self.factor, min_pixels=self.min_pixels, max_pixels=self.max_pixels
        )

    def view(self, image: Image.Image) -> Image.Image:
        """The image as the model sees it (RGB, `view_size`, bicubic)."""
        size = self.view_size(*image.size)
        rgb = to_rgb(image)
        return rgb if rgb.size == size else rgb.resize(size, Image.Resampling.BICUBIC)

    def made_of_own_size(self, width: int, height: int) -> bool:
        """Whether a processor with this factor and without our upper limit makes the view out of the image as
        it is. A server that has such a one need not be sent an enlarged image, and any other sees no less.
        """
        free = view_size(
            width, height, factor=self.factor, min_pixels=self.min_pixels, max_pixels=MAX_FILE_PIXELS
        )
        short, long = sorted((width, height))
        fits = short >= self.factor and long <= MAX_ASPECT * short
        return fits and free == self.view_size(width, height)

    def has_view(self, image: Image.Image) -> bool:
        """Whether `view` has nothing to render."""
        return image.mode == "RGB" and image.size == self.view_size(*image.size)


def view_size(
    width: int, height: int, *, factor: int = 28, min_pixels: int = 56 * 56, max_pixels: int = 1280 * 28 * 28
) -> tuple[int, int]:
    """(width, height) at which a Qwen-VL processor shows an image of this size.

    Equal to `smart_resize` of Transformers for ordinary images. Where that function refuses (aspect above
    200), would refuse its own result or overshoots `max_pixels` (very long strips), the short side is
    widened and the long side cut to what fits.
    """
    w, h = float(max(width, 1)), float(max(height, 1))
    if w / h > MAX_ASPECT:
        h = w / MAX_ASPECT
    elif h / w > MAX_ASPECT:
        w = h / MAX_ASPECT
    out_w, out_h = round(w / factor) * factor, round(h / factor) * factor
    if out_w * out_h > max_pixels:
        shrink = math.sqrt((h * w) / max_pixels)
        out_w = max(factor, math.floor(w / shrink / factor) * factor)
        out_h = max(factor, math.floor(h / shrink / factor) * factor)
    elif out_w * out_h < min_pixels:
        grow = math.sqrt(min_pixels / (h * w))
        out_w = math.ceil(w * grow / factor) * factor
        out_h = math.ceil(h * grow / factor) * factor
    return _fit(out_w, out_h, factor, max_pixels)


def _fit(width: int, height: int, factor: int, max_pixels: int) -> tuple[int, int]:
    """Cut the long side until area and aspect hold; does nothing to an ordinary size."""
    long, short = max(width, height), min(width, height)
    if long * short > max_pixels:
        long = max(short, max_pixels // short // factor * factor)
    if long * short > max_pixels:
        long = short = max(factor, math.isqrt(max_pixels) // factor * factor)
    long = min(long, MAX_ASPECT * short)
    return (long, short) if width >= height else (short, long)


@dataclass(frozen=True)
class LoadedImage:
    """An image ready for use, and what was done to it that its owner should know."""

    image: Image.Image
    notes: list[str] = field(default_factory=list[str])

    @cached_property
    def ref(self) -> ImageRef:
        """The image's name; the hash of some megabytes, made once."""
        return image_ref(to_rgb(self.image))


ImageSource = str | os.PathLike[str] | bytes | Image.Image
"""Where an image may come from: a path, the bytes of a file, or pixels."""


def load_image(source: ImageSource) -> LoadedImage:
    """Read an image from a path, from its bytes or from pixels as upright RGB; raises `InputError` with one
    line and a remedy.
    """
    if isinstance(source, Image.Image):
        return LoadedImage(to_rgb(source))
    name, data = ("the picture", source) if isinstance(source, bytes) else _read_file(Path(source))
    if not data:
        raise InputError(f"{name} is empty (0 bytes)", _GIVE_IMAGE)
    notes: list[str] = []
    # Pillow's decoders raise anything on hostile bytes (SyntaxError, struct.error, KeyError ...), so this
    # is broad; the block holds foreign calls and our size check only.
    with (
        warnings.catch_warnings(),
        boundary(InputError, f"reading {name} as a picture", _GIVE_IMAGE, expected=Exception),
        boundary(
            InputError, f"opening {name}", "make it smaller first", expected=Image.DecompressionBombError
        ),
    ):
        warnings.simplefilter("ignore")
        with _open(name, data) as opened:
            pixels = opened.width * opened.height
            if pixels > MAX_FILE_PIXELS:
                raise InputError(
                    f"{name} has {opened.width}x{opened.height} pixels, more than {MAX_FILE_PIXELS:,}",
                    "make it smaller first",
                )
            frames = int(getattr(opened, "n_frames", 1))
            if frames > 1:
                notes.append(f"{name} has {frames} frames: only the first is used")
            opened.seek(0)
            opened.load()
            upright = _upright(opened, notes)
            image = to_rgb(upright)
    return LoadedImage(image, notes)


def _open(name: str, data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data))
    except UnidentifiedImageError as cause:
        raise InputError(f"reading {name} as a picture failed: unknown format", _GIVE_IMAGE) from cause


def to_rgb(image: Image.Image) -> Image.Image:
    """Any PIL image as RGB: transparency on white, deep greys scaled to 8 bits."""
    if image.mode == "RGB":
        return image
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I", "F"):
        return _eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


class ImageStore:
    """Images by content: PNG files named by hash in `folder`, or objects in memory when `folder` is None.

    Writes are atomic (a killed run leaves no half image) and repeated writes are free. `parent` is read
    when an image is not here, so an episode can add images without touching the data set it draws from.
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, parent: ImageStore | None = None
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self._parent = parent
        self._memory: dict[str, Image.Image] = {}

    def put(self, image: Image.Image, ref: ImageRef | None = None) -> ImageRef:
        """Keep the image; `ref` is its name where that is known already."""
        rgb = to_rgb(image)
        ref = ref or image_ref(rgb)
        path = self.path(ref)
        if path is None:
            self._memory.setdefault(ref.sha256, rgb)
        elif not path.exists():
            write_atomic(path, png_bytes(rgb))
        return ref

    def get(self, ref: ImageRef) -> Image.Image:
        """The image at full size (RGB). Raises `InputError` if it is not here."""
        if ref.sha256 in self._memory:
            return self._memory[ref.sha256]
        path = self.path(ref)
        if path is not None and path.exists():
            with boundary(
                InputError, f"reading {path.name}", "restore the images folder", expected=Exception
            ):
                with Image.open(path) as opened:
                    return opened.convert("RGB")
        if self._parent is not None:
            return self._parent.get(ref)
        raise InputError(
            f"picture {ref.sha256[:12]} is not in the store", "keep the images folder beside its JSONL file"
        )

    def held(self, ref: ImageRef) -> Image.Image | None:
        """The image if it is in memory: what `get` would give without reading a file."""
        if ref.sha256 in self._memory:
            return self._memory[ref.sha256]
        return None if self._parent is None else self._parent.held(ref)

    def __contains__(self, ref: ImageRef) -> bool:
        path = self.path(ref)
        here = ref.sha256 in self._memory or (path is not None and path.exists())
        return here or (self._parent is not None and ref in self._parent)

    def path(self, ref: ImageRef) -> Path | None:
        """Where the image's file is (or will be); None in memory."""
        return None if self.folder is None else self.folder / f"{ref.sha256}.png"

    def copy_from(self, other: ImageStore, refs: Iterable[ImageRef]) -> None:
        """Make sure all `refs` are in this store itself; files are copied, not encoded again."""
        for ref in refs:
            target = self.path(ref)
            if target is None:
                self._memory.setdefault(ref.sha256, other.get(ref))
            elif not target.exists():
                source = other._file(ref)
                if source is None:
                    self.put(other.get(ref), ref)
                else:
                    with replaced_file(target) as part:
                        shutil.copyfile(source, part)

    def _file(self, ref: ImageRef) -> Path | None:
        path = self.path(ref)
        if path is not None and path.exists():
            return path
        return None if self._parent is None else self._parent._file(ref)


def image_ref(image: Image.Image) -> ImageRef:
    """The content name of an RGB image: SHA-256 over its size and pixels."""
    digest = sha256(f"RGB {image.width}x{image.height}\n".encode())
    digest.update(image.tobytes())
    return ImageRef(sha256=digest.hexdigest(), width=image.width, height=image.height)


def _read_file(path: Path) -> tuple[str, bytes]:
    with boundary(InputError, f"reading {path}", "check the path, and that you may read it"):
        if not path.exists():
            raise InputError(f"there is no picture {path}", "check the path")
        if path.is_dir():
            raise InputError(f"{path} is a folder", "name one picture file")
        return encodable(path.name), path.read_bytes()


def _upright(image: Image.Image, notes: list[str]) -> Image.Image:
    """EXIF rotation applied; broken EXIF data never costs the image."""
    try:
        turned: Any = ImageOps.exif_transpose(image)
    except (SyntaxError, ValueError, KeyError, TypeError, OSError, AttributeError):
        notes.append("its EXIF data is broken: any rotation stored there is ignored")
        return image
    return image if turned is None else turned


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float greys to 8 bits: 0..65535 maps to 0..255, any other range is stretched."""
    extrema: Any = image.getextrema()
    low, high = float(extrema[0]), float(extrema[1])
    if image.mode.startswith("I;16") or (image.mode == "I" and low >= 0 and 255 < high <= 65535):
        scale, offset = 1 / 257, 0.0
    elif low >= 0 and high <= 255 and image.mode == "I":
        scale, offset = 1.0, 0.0
    else:
        scale = 255 / (high - low) if high > low else 0.0
        offset = -low * scale
    wide = image if image.mode == "F" else image.convert("I").convert("F")
    return wide.point(lambda value: value * scale + offset).convert("L")
