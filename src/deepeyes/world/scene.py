"""Things drawn into pictures, each remembering exactly where it is: the ground truth of every question.

A `Thing` is a sign (a plate with a string or with dots on it) or a plain shape. Boxes are (left, top, right,
bottom) in pixels of the full picture. `Scene.glyphs` says where every single character stands, which is what
the vision warm-up learns from.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image, ImageDraw, ImageFilter

from .backgrounds import background_variant, draw_background
from .fonts import draw_font
from .palette import COLOURS, inks_on, shade

Box = tuple[float, float, float, float]
SHAPES = ("circle", "square", "triangle", "star")


@dataclass(frozen=True)
class Thing:
    """One sign or shape in the picture; `text` and `dots` are empty and 0 where it carries none."""

    kind: str
    colour: str
    box: Box
    ink: str = ""
    text: str = ""
    dots: int = 0
    glyphs: tuple[tuple[str, Box], ...] = ()
    name: str = ""
    """What a question calls it, where it has a name of its own: "the red bar"."""

    @property
    def centre(self) -> tuple[float, float]:
        """Centre of the box, in pixels."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


@dataclass
class Scene:
    """A picture and the things in it, in drawing order."""

    image: Image.Image
    things: list[Thing] = field(default_factory=list[Thing])

    @property
    def unit(self) -> float:
        """A seventh of the picture's geometric mean side, in pixels: the yardstick for sizes."""
        return math.sqrt(self.image.width * self.image.height) / 7


TURNED = (
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.ROTATE_180,
)
ASPECTS = (4 / 3, 4 / 3, 4 / 3, 3 / 2, 1.0, 3 / 4, 16 / 9)


def empty_scene(
    rng: random.Random,
    split: str,
    *,
    long_side: tuple[int, int] = (1100, 1600),
    aspect: float | None = None,
    shapes: bool = True,
    variants: int = 0,
) -> Scene:
    """A background of `split` in one of the usual aspect ratios, its long side in the given range of pixels.

    With `variants` the background is one of so many that are kept in memory, as it is or turned over, which
    makes drawing four times faster.
    """
    aspect = aspect or rng.choice(ASPECTS)
    side = rng.randint(*long_side)
    size = (side, round(side / aspect)) if aspect >= 1 else (round(side * aspect), side)
    if variants:
        kept = background_variant(rng.randrange(variants), split, size, shapes)
        return Scene(kept.transpose(rng.choice(TURNED)) if rng.random() < 0.75 else kept.copy())
    return Scene(draw_background(rng, split, size, shapes=shapes))


def free_place(
    rng: random.Random, scene: Scene, width: float, height: float, gap: float
) -> tuple[float, float] | None:
    """A top-left corner where a `width` x `height` thing stays `gap` pixels off all others, or None after 60
    tries.
    """
    margin = 4
    for _ in range(60):
        x = rng.uniform(margin, max(margin, scene.image.width - width - margin))
        y = rng.uniform(margin, max(margin, scene.image.height - height - margin))
        if all(
            x > b[2] + gap or x + width < b[0] - gap or y > b[3] + gap or y + height < b[1] - gap
            for b in (thing.box for thing in scene.things)
        ):
            return x, y
    return None


def add_sign(
    rng: random.Random,
    scene: Scene,
    *,
    height: float,
    gap: float,
    text: str = "",
    dots: int = 0,
    colour: str | None = None,
    at: tuple[float, float] | None = None,
) -> Thing | None:
    """Draw a sign `height` pixels high that carries `text` or else `dots` dots; None where no room is left.

    It goes to a free place, or with its top-left corner to `at`.

    The plate's colour is new among the scene's signs unless `colour` names it.
    """
    taken = {thing.colour for thing in scene.things}
    plate = colour or rng.choice([name for name in COLOURS if name not in taken])
    ink = rng.choice(inks_on(plate))
    patch, glyphs = _plate(rng, plate, ink, round(height), text, dots)
    place = at or free_place(rng, scene, patch.width, patch.height, gap)
    if place is None or place[0] + patch.width > scene.image.width:
        return None
    x, y = round(place[0]), round(place[1])
    scene.image.paste(patch, (x, y), patch)
    moved = tuple((char, (b[0] + x, b[1] + y, b[2] + x, b[3] + y)) for char, b in glyphs)
    thing = Thing("sign", plate, (x, y, x + patch.width, y + patch.height), ink, text, dots, moved)
    scene.things.append(thing)
    return thing


def add_shape(
    rng: random.Random, scene: Scene, kind: str, *, side: float, gap: float, colour: str
) -> Thing | None:
    """Draw a filled shape of `side` pixels; None where no room is left."""
    place = free_place(rng, scene, side, side, gap)
    if place is None:
        return None
    x, y = place
    draw = ImageDraw.Draw(scene.image)
    middle, radius = (x + side / 2, y + side / 2), side / 2
    fill, line = shade(rng, colour), (20, 20, 20) if colour != "black" else (235, 235, 235)
    width = max(2, round(side / 40))
    if kind == "circle":
        draw.ellipse((x, y, x + side, y + side), fill=fill, outline=line, width=width)
    elif kind == "square":
        draw.rectangle((x, y, x + side, y + side), fill=fill, outline=line, width=width)
    else:
        corners = 3 if kind == "triangle" else 10
        points: list[tuple[float, float]] = []
        for corner in range(corners):
            reach = radius * (0.45 if kind == "star" and corner % 2 else 1)
            angle = 2 * math.pi * corner / corners - math.pi / 2
            points.append((middle[0] + reach * math.cos(angle), middle[1] + reach * math.sin(angle)))
        draw.polygon(points, fill=fill, outline=line, width=width)
    thing = Thing(kind, colour, (x, y, x + side, y + side))
    scene.things.append(thing)
    return thing


def soften(rng: random.Random, scene: Scene) -> Scene:
    """One scene in five is blurred by a pixel, as by a lens that is not quite sharp."""
    if rng.random() < 0.2:
        scene.image = scene.image.filter(ImageFilter.BoxBlur(1))
    return scene


def _plate(
    rng: random.Random, plate: str, ink: str, height: int, text: str, dots: int
) -> tuple[Image.Image, list[tuple[str, Box]]]:
    """A sign as an RGBA patch, and the box of every glyph in it (the text's characters; none for dots)."""
    pad = height * rng.uniform(0.14, 0.26)
    fill = shade(rng, ink)
    content = _text_on(rng, height, text) if text else _dots_on(rng, height, dots)
    patch = Image.new("RGBA", (max(round(content.width + 2 * pad), height), height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(patch)
    edge = (245, 245, 245) if plate in ("black", "blue", "purple") or rng.random() < 0.3 else (25, 25, 25)
    if plate == "white":
        edge = (25, 25, 25)
    draw.rounded_rectangle(
        (0, 0, patch.width - 1, height - 1),
        radius=height * rng.choice((0.0, 0.12, 0.3)),
        fill=shade(rng, plate),
        outline=edge,
        width=max(1, round(height * rng.uniform(0.03, 0.07))),
    )
    glyphs = content.draw(draw, (patch.width - content.width) / 2, fill)
    return _turn(rng, patch), glyphs


@dataclass(frozen=True)
class _Content:
    """What goes on a plate: its width, and how to draw it from a left edge in a colour."""

    width: float
    draw: Callable[[ImageDraw.ImageDraw, float, tuple[int, int, int]], list[tuple[str, Box]]]


def _text_on(rng: random.Random, height: int, text: str) -> _Content:
    font = draw_font(rng, max(6, round(height * rng.uniform(0.70, 0.84))))
    pitch = height * rng.uniform(0.52, 0.60)
    widths = [max(font.getlength(char) + height * 0.03, pitch) for char in text]
    _, top, _, bottom = font.getbbox(text)
    y = (height - (bottom - top)) / 2 - top

    def put(draw: ImageDraw.ImageDraw, x: float, fill: tuple[int, int, int]) -> list[tuple[str, Box]]:
        glyphs: list[tuple[str, Box]] = []
        for char, width in zip(text, widths, strict=True):
            draw.text((x + (width - font.getlength(char)) / 2, y), char, font=font, fill=fill)
            glyphs.append((char, (x, y + top, x + width, y + bottom)))
            x += width
        return glyphs

    return _Content(sum(widths), put)


def _dots_on(rng: random.Random, height: int, dots: int) -> _Content:
    radius = height * rng.uniform(0.13, 0.17)
    step = radius * rng.uniform(2.5, 3.0)

    def put(draw: ImageDraw.ImageDraw, x: float, fill: tuple[int, int, int]) -> list[tuple[str, Box]]:
        for dot in range(dots):
            middle = height / 2 + rng.uniform(-0.10, 0.10) * height
            left = x + dot * step
            draw.ellipse((left, middle - radius, left + 2 * radius, middle + radius), fill=fill)
        return []

    return _Content(step * (dots - 1) + 2 * radius, put)


def _turn(rng: random.Random, patch: Image.Image) -> Image.Image:
    """Turn the patch by up to three degrees about its centre, keeping its size."""
    return patch.rotate(rng.uniform(-3, 3), Image.Resampling.BILINEAR)
