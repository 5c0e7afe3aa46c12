"""A sheet of paper that matplotlib draws on: what charts, tables and figures are made on.

What always holds: places and sizes are pixels of the finished picture, y downwards, as everywhere in the
world; every text that is put down gives back the box it fills; the same draws give the same picture.
"""

from __future__ import annotations

import functools
import io
import random
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .fonts import font_names
from .palette import shade
from .scene import ASPECTS, Box, Scene, Thing

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

INK = (0.1, 0.1, 0.12)
NUMBER = 0.36
"""Size of a number that is to be read in a crop: pixels an em, in units."""
LARGE = 1.4
"""Size of a number that can be read from afar: a digit is about as wide as what one visual token shows."""
CAPTION = 0.22
"""Size of words that go with it, in units."""
_DPI = 100


class Sheet:
    """An empty sheet of random size and tint; `unit` is the scene's yardstick."""

    def __init__(self, rng: random.Random) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        side = rng.randint(1100, 1600)
        aspect = rng.choice([ratio for ratio in ASPECTS if 1.3 < ratio < 1.6])
        self.width, self.height = side, round(side / aspect)
        self.unit = (self.width * self.height) ** 0.5 / 7
        paper = (rng.uniform(0.93, 1.0), rng.uniform(0.93, 1.0), rng.uniform(0.93, 1.0))
        self.figure = Figure(
            figsize=((self.width + 0.01) / _DPI, (self.height + 0.01) / _DPI), dpi=_DPI, facecolor=paper
        )
        self.canvas: Any = FigureCanvasAgg(self.figure)
        self.font = _font(rng.choice(_whole_fonts()))
        self._plain: Any = None

    @property
    def plain(self) -> Any:
        """Axes over the whole sheet, in pixels, y downwards."""
        if self._plain is None:
            self._plain = self.figure.add_axes((0, 0, 1, 1))
            self._plain.set_axis_off()
            self._plain.set(xlim=(0, self.width), ylim=(self.height, 0))
        return self._plain

    def points(self, units: float) -> float:
        """A size in units as typographic points."""
        return units * self.unit * 72 / _DPI

    def write(
        self,
        text: str,
        place: tuple[float, float],
        size: float = NUMBER,
        ink: Any = INK,
        axes: Any = None,
        **more: Any,
    ) -> Thing:
        """Put `text`, `size` units an em, centred on `place`; the thing it is then.

        Its characters are taken to be of one width, as digits are.
        """
        axes = axes or self.plain
        options = {"ha": "center", "va": "center", "zorder": 9, **more}
        made = axes.text(*place, text, font=self.font, fontsize=self.points(size), color=ink, **options)
        box = self._box(made)
        step = (box[2] - box[0]) / max(len(text), 1)
        edges = [box[0] + step * place for place in range(len(text) + 1)]
        glyphs = tuple((char, (edges[n], box[1], edges[n + 1], box[3])) for n, char in enumerate(text))
        return Thing("number", "", box, text=text, glyphs=glyphs)

    def polygon(self, corners: Sequence[tuple[float, float]], fill: Any, width: float = 4) -> None:
        """A filled polygon with an outline `width` points thick."""
        from matplotlib.patches import Polygon

        self.plain.add_patch(
            Polygon(corners, closed=True, facecolor=fill, edgecolor=INK, linewidth=width, joinstyle="round")
        )

    def circle(self, centre: tuple[float, float], radius: float, fill: Any, width: float = 4) -> None:
        """A filled circle with an outline `width` points thick."""
        from matplotlib.patches import Circle

        self.plain.add_patch(Circle(centre, radius, facecolor=fill, edgecolor=INK, linewidth=width))

    def line(
        self, one: tuple[float, float], other: tuple[float, float], ink: Any = INK, width: float = 4
    ) -> None:
        """A straight line `width` points thick."""
        self.plain.plot((one[0], other[0]), (one[1], other[1]), color=ink, linewidth=width, zorder=3)

    def _box(self, made: Any) -> Box:
        extent = made.get_window_extent(self.canvas.get_renderer())
        return (
            float(extent.x0),
            float(self.height - extent.y1),
            float(extent.x1),
            float(self.height - extent.y0),
        )

    def scene(self, things: list[Thing]) -> Scene:
        """The finished picture with the things on it."""
        self.canvas.draw()
        pixels = np.asarray(self.canvas.buffer_rgba())[..., :3]
        return Scene(Image.fromarray(np.ascontiguousarray(pixels)), things)


def tint(rng: random.Random, name: str) -> tuple[float, float, float]:
    """One value of a colour of the palette, each channel 0..1."""
    red, green, blue = shade(rng, name)
    return red / 255, green / 255, blue / 255


def ink_on(name: str) -> str:
    """Black or white, whichever can be read on the colour."""
    return "black" if name in ("white", "yellow", "orange") else "white"


@functools.cache
def _whole_fonts() -> tuple[str, ...]:
    """The shipped fonts that have every plain letter, digit and sign."""
    wanted = "abcxyzABCXYZ0189.,()%/"
    found: list[str] = []
    for name in font_names():
        path = resources.files("deepeyes.world") / "assets" / "fonts" / name
        font = ImageFont.truetype(io.BytesIO(path.read_bytes()), 40)
        missing = _drawn(font, "\uffff")
        if all(_drawn(font, char) != missing for char in wanted):
            found.append(name)
    return tuple(found)


def _drawn(font: ImageFont.FreeTypeFont, char: str) -> bytes:
    """What the font draws for a character."""
    paper = Image.new("L", (80, 80))
    ImageDraw.Draw(paper).text((10, 10), char, font=font, fill=255)
    return paper.tobytes()


@functools.cache
def _font(name: str) -> FontProperties:
    from matplotlib.font_manager import FontProperties

    with resources.as_file(resources.files("deepeyes.world") / "assets" / "fonts" / name) as path:
        return FontProperties(fname=str(path))
