"""What lies behind ordinary signs and shapes: one colour, a gradient, paper, stripes or a photograph; and
the camera that has seen it all.

What always holds: a ground holds nothing that could be read or counted.
"""

import functools
import io
import random

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from .backgrounds import draw_photograph

PHOTO, PLAIN, GRADIENT, PAPER = 0.42, 0.26, 0.12, 0.1
"""Shares of photographs, of single colours, of gradients and of paper; the rest are stripes and tiles."""


def draw_ground(rng: random.Random, split: str, size: tuple[int, int], *, plain: bool = False) -> Image.Image:
    """An RGB ground of `size` (width, height); a `plain` one is a single colour, a gradient or paper."""
    choice = rng.uniform(PHOTO, PHOTO + PLAIN + GRADIENT + PAPER) if plain else rng.random()
    if choice < PHOTO:
        return draw_photograph(rng, split, size)
    if choice < PHOTO + PLAIN:
        return Image.new("RGB", size, any_colour(rng))
    if choice < PHOTO + PLAIN + GRADIENT:
        corners = np.array([[any_colour(rng), any_colour(rng)], [any_colour(rng), any_colour(rng)]], np.uint8)
        steps = corners if rng.random() < 0.5 else corners[:, :1]
        return Image.fromarray(steps).resize(size, Image.Resampling.BICUBIC)
    if choice < PHOTO + PLAIN + GRADIENT + PAPER:
        return _paper(rng, size)
    return _stripes(rng, size)


def any_colour(rng: random.Random) -> tuple[int, int, int]:
    """White or nearly so in a third of all cases, now and then nearly black, else anything."""
    choice = rng.random()
    if choice < 0.35:
        low = rng.choice((255, rng.randint(225, 255)))
        return rng.randint(low, 255), rng.randint(low, 255), rng.randint(low, 255)
    if choice < 0.45:
        return rng.randint(0, 40), rng.randint(0, 40), rng.randint(0, 40)
    return rng.randint(0, 255), rng.randint(0, 255), rng.randint(0, 255)


def camera(rng: random.Random, image: Image.Image) -> Image.Image:
    """The image as a camera gives it: now and then blurred, noisy, flat, dark, or squeezed by JPEG."""
    if rng.random() < 0.25:
        image = image.filter(ImageFilter.BoxBlur(rng.uniform(0.3, 1.3) * max(image.size) / 600))
    if rng.random() < 0.2:
        image = ImageEnhance.Contrast(image).enhance(rng.uniform(0.5, 1.3))
    if rng.random() < 0.2:
        image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.55, 1.25))
    if rng.random() < 0.25:
        image = _noisy(rng, image)
    if rng.random() < 0.25:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=rng.randint(18, 80))
        image = Image.open(stream).convert("RGB")
    return image


def _paper(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    low = rng.randint(215, 250)
    image = Image.new("RGB", size, (rng.randint(low, 255), rng.randint(low, 255), rng.randint(low - 10, 255)))
    draw = ImageDraw.Draw(image)
    ink = tuple(value - rng.randint(15, 60) for value in (low, low, low + 5))
    step = rng.uniform(0.03, 0.12) * size[1]
    if rng.random() < 0.6:
        for line in range(int(size[1] / step) + 1):
            draw.line((0, line * step, size[0], line * step), fill=ink)
    if rng.random() < 0.3:
        for line in range(int(size[0] / step) + 1):
            draw.line((line * step, 0, line * step, size[1]), fill=ink)
    return image


def _stripes(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGB", size, any_colour(rng))
    draw = ImageDraw.Draw(image)
    other, step = any_colour(rng), rng.uniform(0.04, 0.3) * min(size)
    lean = rng.choice((0.0, 0.0, rng.uniform(-1, 1)))
    across = rng.random() < 0.5
    for place in range(-int(max(size) / step) - 1, int(2 * max(size) / step) + 1, 2):
        at, shift = place * step, lean * (size[0] if across else size[1])
        ends = (0, at, size[0], at + shift) if across else (at, 0, at + shift, size[1])
        draw.line(ends, fill=other, width=max(1, round(step * rng.uniform(0.1, 1))))
    return image


@functools.cache
def _grain() -> np.ndarray:
    return np.random.default_rng(7).standard_normal((512, 512, 3)).astype(np.float32)


def _noisy(rng: random.Random, image: Image.Image) -> Image.Image:
    """Grain cut out of one tile at a random place: drawing it anew would cost more than the rest."""
    pixels = np.asarray(image, np.float32)
    height, width = pixels.shape[:2]
    repeats = (-(-height // 512) + 1, -(-width // 512) + 1, 1)
    top, left = rng.randrange(512), rng.randrange(512)
    grain = np.tile(_grain(), repeats)[top : top + height, left : left + width]
    return Image.fromarray((pixels + rng.uniform(3, 18) * grain).clip(0, 255).astype(np.uint8))
