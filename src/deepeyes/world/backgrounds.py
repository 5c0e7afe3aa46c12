"""Backgrounds in the foreground's way: photographs (one split each) and generated clutter (seeded by
split).
"""

import functools
import random
from importlib import resources

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

_PHOTO_SHARE = 0.65
_BLENDED = 0.35
"""Share of the training photographs that are seen through another one."""


def draw_background(
    rng: random.Random, split: str, size: tuple[int, int], *, shapes: bool = True
) -> Image.Image:
    """An RGB picture of `size` (width, height): a window of a photograph of `split`, or clutter drawn from
    `rng`.

    Photographs of the train split come in other colours and other light as often as in their own, and some
    through another one: a few dozen are too few for a model to learn what a background is.

    Without `shapes` the clutter holds lines and stains only, nothing that could be counted as a shape.
    """
    if photo_names(split) and rng.random() < _PHOTO_SHARE:
        return draw_photograph(rng, split, size)
    return _clutter(rng, size, shapes)


def draw_photograph(rng: random.Random, split: str, size: tuple[int, int]) -> Image.Image:
    """A window of a photograph of `split`, at `size` (width, height)."""
    photo = _photo_window(rng, split, size)
    if split != "train":
        return photo
    if rng.random() < _BLENDED:
        photo = Image.blend(photo, _photo_window(rng, split, size), rng.uniform(0.2, 0.8))
    return _other_light(rng, photo)


@functools.lru_cache(maxsize=1600)
def background_variant(variant: int, split: str, size: tuple[int, int], shapes: bool) -> Image.Image:
    """Background number `variant`, kept: training draws many pictures on few hundred backgrounds. Copy before
    drawing.
    """
    return draw_background(random.Random(f"background/{split}/{variant}/{size}"), split, size, shapes=shapes)


@functools.cache
def photo_names(split: str) -> tuple[str, ...]:
    """File names of the photographs that `split` may show, sorted."""
    folder = resources.files("deepeyes.world") / "assets" / "backgrounds" / split
    return tuple(sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".webp")))


@functools.lru_cache(maxsize=96)
def _photo(split: str, name: str, half: bool) -> Image.Image:
    """The photograph, decoded; at half its size where `half` (small pictures are drawn faster from that)."""
    if half:
        return _photo(split, name, False).reduce(2)
    path = resources.files("deepeyes.world") / "assets" / "backgrounds" / split / name
    with path.open("rb") as file:
        return Image.open(file).convert("RGB")


def _photo_window(rng: random.Random, split: str, size: tuple[int, int]) -> Image.Image:
    """A part of one of the photographs of `split`, at `size`."""
    photo = _photo(split, rng.choice(photo_names(split)), max(size) <= 800)
    aspect = size[0] / size[1]
    full = (min(photo.width, photo.height * aspect), min(photo.height, photo.width / aspect))
    share = rng.uniform(0.6, 1.0)
    width, height = full[0] * share, full[1] * share
    left, top = rng.uniform(0, photo.width - width), rng.uniform(0, photo.height - height)
    window = photo.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))
    return window.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else window


def _other_light(rng: random.Random, image: Image.Image) -> Image.Image:
    """Half of the time as it is; else with its channels swapped and each bent by a curve of its own."""
    if rng.random() < 0.5:
        return image
    channels = list(image.split())
    rng.shuffle(channels)
    curves: list[int] = []
    for _ in channels:
        gamma, low, high = rng.uniform(0.6, 1.7), rng.uniform(0, 70), rng.uniform(170, 255)
        curves += [round(low + (high - low) * (value / 255) ** gamma) for value in range(256)]
    return Image.merge("RGB", channels).point(curves)


def _clutter(rng: random.Random, size: tuple[int, int], shapes: bool) -> Image.Image:
    width, height = size
    noise = np.random.default_rng(rng.getrandbits(32))
    coarse = noise.integers(40, 220, (rng.randint(2, 7), rng.randint(2, 7), 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(20, 110)):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        a, b = rng.uniform(0.01, 0.2) * width, rng.uniform(0.01, 0.2) * height
        vivid = rng.uniform(0.2, 0.75)
        fill = tuple(round(128 + vivid * (rng.randint(0, 255) - 128)) for _ in range(3))
        match rng.randrange(4) if shapes else 1:
            case 0:
                draw.ellipse((x - a, y - b, x + a, y + b), fill=fill)
            case 1:
                draw.line(
                    (x, y, x + rng.choice((-1, 1)) * a * 2, y + b * 2), fill=fill, width=rng.randint(2, 16)
                )
            case 2:
                points = [(x + rng.uniform(-a, a), y + rng.uniform(-b, b)) for _ in range(rng.randint(3, 6))]
                draw.polygon(points, fill=fill)
            case _:
                draw.arc(
                    (x - a, y - a, x + a, y + a),
                    rng.randint(0, 180),
                    rng.randint(181, 360),
                    fill=fill,
                    width=8,
                )
    return image.filter(ImageFilter.BoxBlur(rng.choice((0, 1, 2))))
