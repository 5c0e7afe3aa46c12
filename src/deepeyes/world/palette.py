"""The colours the world speaks of: a name, and a small cloud of RGB values round it."""

import colorsys
import random

_HSV: dict[str, tuple[float, float, float]] = {
    "red": (0.99, 0.85, 0.80),
    "orange": (0.075, 0.92, 0.95),
    "yellow": (0.15, 0.85, 0.96),
    "green": (0.37, 0.80, 0.55),
    "blue": (0.61, 0.82, 0.80),
    "purple": (0.78, 0.65, 0.60),
    "white": (0.0, 0.0, 0.96),
    "black": (0.0, 0.0, 0.09),
}
COLOURS = tuple(_HSV)

_MORE_HSV: dict[str, tuple[float, float, float]] = {
    "pink": (0.93, 0.45, 0.93),
    "brown": (0.07, 0.68, 0.42),
    "grey": (0.0, 0.0, 0.55),
}
EVERY_COLOUR = (*COLOURS, *_MORE_HSV)
"""The colours of ordinary pictures: those of the drawn world's signs, and three more."""

_INKS: dict[str, tuple[str, ...]] = {
    "red": ("white", "yellow"),
    "orange": ("black", "white", "blue"),
    "yellow": ("black", "blue", "red"),
    "green": ("white", "yellow"),
    "blue": ("white", "yellow"),
    "purple": ("white", "yellow"),
    "white": ("black", "red", "blue", "green"),
    "black": ("white", "yellow", "orange"),
}


def shade(rng: random.Random, name: str) -> tuple[int, int, int]:
    """One RGB value (0..255 each) that anybody would call `name`."""
    hue, saturation, value = _HSV.get(name) or _MORE_HSV[name]
    hue = (hue + rng.uniform(-0.012, 0.012)) % 1
    saturation = min(1.0, max(0.0, saturation + rng.uniform(-0.08, 0.08) * (saturation > 0)))
    value = min(1.0, max(0.0, value + rng.uniform(-0.07, 0.04)))
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def inks_on(plate: str) -> tuple[str, ...]:
    """The colours that can be told apart from `plate` when they are thin strokes on it."""
    return _INKS[plate]
