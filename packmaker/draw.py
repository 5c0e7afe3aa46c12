"""From vectors, photographs and outlines to the small WebP pictures of a pack.

What always holds: a picture is RGB without transparency, its longest side at most what its kind allows; equal
input gives equal bytes with the same versions of the drawing libraries.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from deepeyes.core.errors import InputError, boundary
from deepeyes.world.fonts import load_font

NEEDS = "pip install -r packmaker/requirements.txt"
"""Remedy where the drawing library is missing."""
Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
DARK: Colour = (38, 42, 48)
_FLAT = 128
"""A picture with at most this many colours may be smaller without loss."""
Ring = Sequence[tuple[float, float]]
"""A closed line of points, in degrees of longitude and latitude or in pixels."""


def webp(image: Image.Image, *, side: int, quality: int = 82) -> tuple[bytes, tuple[int, int]]:
    """The picture as an RGB WebP whose longest side is at most `side` pixels, and its size.

    Flat pictures are often smaller without loss: the shorter of both files is taken.
    """
    rgb = image.convert("RGB")
    if max(rgb.size) > side:
        scale = side / max(rgb.size)
        size = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
        rgb = rgb.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    files = [io.BytesIO()]
    rgb.save(files[0], "WEBP", quality=quality, method=6)
    if rgb.getcolors(_FLAT) is not None:
        files.append(io.BytesIO())
        rgb.save(files[1], "WEBP", lossless=True, quality=80, method=4)
    return min((file.getvalue() for file in files), key=len), rgb.size


def draw_svg(text: str, side: int) -> Image.Image:
    """An SVG as an RGBA picture whose longest side is `side` pixels.

    Raises:
        InputError: it cannot be drawn, or nothing of it shows.
    """
    with boundary(InputError, "drawing an SVG", NEEDS, expected=ImportError):
        import resvg_py
    with boundary(
        InputError, "drawing an SVG", "leave the picture out", expected=(ValueError, RuntimeError, OSError)
    ):
        data = bytes(resvg_py.svg_to_bytes(svg_string=text, width=side, skip_system_fonts=True))
        image = Image.open(io.BytesIO(data)).convert("RGBA")
    box = image.getchannel("A").getbbox()
    if box is None:
        raise InputError("drawing an SVG gave an empty picture", "leave the picture out")
    return image


def on_ground(image: Image.Image, margin: float = 0.06, ground: Colour | None = None) -> Image.Image:
    """A cut-out, trimmed, with a margin (a share of its longest side), on a ground it stands out from."""
    rgba = image.convert("RGBA")
    box = rgba.getchannel("A").point([0] * 9 + [255] * 247).getbbox()
    rgba = rgba.crop(box) if box else rgba
    pad = round(max(rgba.size) * margin)
    flat = Image.new("RGB", (rgba.width + 2 * pad, rgba.height + 2 * pad), ground or ground_for(rgba))
    flat.paste(rgba, (pad, pad), rgba)
    return flat


def ground_for(image: Image.Image) -> Colour:
    """White, or a dark grey where more than half of the cut-out would vanish on white."""
    pixels = np.asarray(image.convert("RGBA"), dtype=np.float32)
    seen = pixels[..., 3] > 64
    if not seen.any():
        return WHITE
    light = luminance(pixels[..., :3][seen])
    return DARK if float((light > 0.8).mean()) > 0.5 else WHITE


def luminance(rgb: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Relative luminance of sRGB colours 0..255, 0 (black) to 1 (white); shape (..., 3) to (...)."""
    share = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def draw_outline(rings: Sequence[Ring], side: int) -> Image.Image:
    """The shape of a country, north up, sides in the proportion they have at its middle latitude."""
    xs = [x for ring in rings for x, _ in ring]
    ys = [y for ring in rings for _, y in ring]
    middle = (min(ys) + max(ys)) / 2
    squeeze = max(math.cos(math.radians(middle)), 0.05)
    width, height = (max(xs) - min(xs)) * squeeze, max(ys) - min(ys)
    span, over, pad = max(width, height, 1e-6), 3, 0.05
    scale = side * over * (1 - 2 * pad) / span
    left = (side * over - width * scale) / 2
    top = (side * over - height * scale) / 2
    image = Image.new("RGB", (side * over, side * over), (236, 242, 246))
    draw = ImageDraw.Draw(image)
    west, north = min(xs), max(ys)
    for ring in rings:
        points = _thinned([(left + (x - west) * squeeze * scale, top + (north - y) * scale) for x, y in ring])
        if len(points) > 2:
            draw.polygon(points, fill=(104, 153, 109))
            draw.line([*points, points[0]], fill=(36, 66, 44), width=2 * over, joint="curve")
    return image.resize((side, side), Image.Resampling.LANCZOS)


def _thinned(points: Ring) -> list[tuple[float, float]]:
    """The points that lie at least a pixel from the one kept before them."""
    kept: list[tuple[float, float]] = []
    for x, y in points:
        if not kept or abs(x - kept[-1][0]) + abs(y - kept[-1][1]) >= 1:
            kept.append((x, y))
    return kept


def draw_tile(number: int, symbol: str, name: str, weight: str, colour: Colour, side: int) -> Image.Image:
    """An element as in a periodic table: number above, large symbol, name and weight below."""
    image = Image.new("RGB", (side, side), colour)
    draw = ImageDraw.Draw(image)
    ink = (20, 20, 24) if float(luminance(np.array(colour))) > 0.2 else (248, 248, 248)
    unit = side / 128
    draw.rectangle((0, 0, side - 1, side - 1), outline=ink, width=max(1, round(2 * unit)))
    draw.text((8 * unit, 6 * unit), str(number), ink, load_font("Roboto-Regular.ttf", round(20 * unit)))
    big = load_font("RobotoCondensed-Bold.ttf", round(54 * unit))
    draw.text((side / 2, 56 * unit), symbol, ink, big, anchor="mm")
    small = round(16 * unit)
    while small > 8 and load_font("Roboto-Regular.ttf", small).getlength(name) > side * 0.92:
        small -= 1
    draw.text((side / 2, 94 * unit), name, ink, load_font("Roboto-Regular.ttf", small), anchor="mm")
    draw.text(
        (side / 2, 113 * unit), weight, ink, load_font("Roboto-Regular.ttf", round(14 * unit)), anchor="mm"
    )
    return image
