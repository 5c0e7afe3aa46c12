"""The fonts on the signs: open-licensed files shipped with the package."""

import functools
import io
import random
from importlib import resources

from PIL import ImageFont


@functools.cache
def font_names() -> tuple[str, ...]:
    """File names of the shipped fonts, sorted."""
    folder = resources.files("deepeyes.world") / "assets" / "fonts"
    return tuple(sorted(entry.name for entry in folder.iterdir() if entry.name.endswith((".ttf", ".otf"))))


@functools.lru_cache(maxsize=512)
def load_font(name: str, pixels: int) -> ImageFont.FreeTypeFont:
    """The font file `name` at `pixels` an em."""
    path = resources.files("deepeyes.world") / "assets" / "fonts" / name
    return ImageFont.truetype(io.BytesIO(path.read_bytes()), pixels)


def draw_font(rng: random.Random, pixels: int) -> ImageFont.FreeTypeFont:
    """One of the shipped fonts, at `pixels` an em."""
    return load_font(rng.choice(font_names()), pixels)
