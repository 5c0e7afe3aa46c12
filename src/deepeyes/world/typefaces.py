"""The typefaces of ordinary signs: unmodified open-licensed web fonts, whole families dealt to the splits.

What always holds: a family is in one split only, so whoever reads a sign of the test split has not seen its
letters before.
"""

import functools
import io
import math
import random
from importlib import resources

from PIL import ImageFont

_STEP = 13 / 12
_FEATURES = ["-liga", "-clig"]
"""Ligatures are off, so that every character has a place of its own."""


@functools.cache
def face_names(split: str) -> tuple[str, ...]:
    """File names of the faces of `split`, sorted."""
    folder = resources.files("deepeyes.world") / "assets" / "faces" / split
    return tuple(sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".woff2")))


@functools.cache
def _family_faces(split: str) -> tuple[tuple[str, ...], ...]:
    families: dict[str, list[str]] = {}
    for name in face_names(split):
        families.setdefault(name.rsplit("-", 2)[0], []).append(name)
    return tuple(tuple(faces) for faces in families.values())


def draw_face(rng: random.Random, split: str) -> str:
    """A face of `split`, its families drawn evenly."""
    return rng.choice(rng.choice(_family_faces(split)))


def load_face(split: str, name: str, pixels: float) -> ImageFont.FreeTypeFont:
    """The face at about `pixels` an em: one of few sizes, each a twelfth larger than the one before, which
    are kept.
    """
    return _loaded(split, name, round(_STEP ** round(math.log(max(pixels, 6), _STEP))))


@functools.lru_cache(maxsize=4000)
def _loaded(split: str, name: str, pixels: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(io.BytesIO(_data(split, name)), pixels)


@functools.cache
def _data(split: str, name: str) -> bytes:
    return (resources.files("deepeyes.world") / "assets" / "faces" / split / name).read_bytes()


def width_of(font: ImageFont.FreeTypeFont, text: str) -> float:
    """Pixels that `text` advances, kerning included."""
    return font.getlength(text, features=_FEATURES)
