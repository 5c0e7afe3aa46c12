"""Ordinary signs: lines of text with natural spacing on plates, labels and screens, or on nothing, seen from
where people stand.

What always holds: `Thing.glyphs` has every character and every blank of every line, in reading order, with
the box it fills after all bending; the text is what a person would copy, its lines joined by blanks.
"""

import random
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .grounds import any_colour
from .palette import EVERY_COLOUR, shade
from .scene import Box, Scene, Thing, free_place
from .typefaces import draw_face, load_face, width_of

Ink = tuple[int, int, int]
Glyphs = list[tuple[str, Box]]

LOW_CONTRAST, CONTRAST = 0.16, 0.34
"""Least difference in light between ink and plate, of 1, in a tenth of the signs and in the others."""
_HALF = [value // 2 for value in range(256)]
BARE = 0.16
"""Share of the texts that stand on no plate."""


@dataclass
class _Patch:
    """A sign before it is put into a scene: RGBA, and what stands where in it."""

    image: Image.Image
    glyphs: Glyphs = field(default_factory=list[tuple[str, Box]])


def add_placard(
    rng: random.Random,
    scene: Scene,
    split: str,
    lines: tuple[str, ...],
    *,
    em: float,
    colour: str | None = None,
    at: tuple[float, float] | None = None,
    gap: float = 0,
    bent: float = 1.0,
) -> Thing | None:
    """Draw `lines` at `em` pixels an em with a face of `split`; None where no room is left.

    It goes to a free place, or with its top-left corner to `at`; `bent` scales turns and perspective. A bare
    text, which the empty colour asks for, has no colour but its ink's.
    """
    bare = colour == "" or (colour is None and rng.random() < BARE)
    plate = "" if bare else colour or rng.choice(EVERY_COLOUR)
    text = _set(rng, split, lines, max(6, round(em)))
    width, height = text.image.size
    pad = (round(em * rng.uniform(0.15, 0.9)), round(em * rng.uniform(0.05, 0.6))) if plate else (2, 2)
    size = (width + 2 * pad[0], height + 2 * pad[1])
    fill = shade(rng, plate) if plate else None
    warp = _Warp(rng, size, em, bent)
    place = at or free_place(rng, scene, *warp.size, gap)
    if place is None or not _fits(place, warp.size, scene.image.size):
        return None
    x, y = round(place[0]), round(place[1])
    behind = fill or _mean(scene.image.crop((x, y, x + warp.size[0], y + warp.size[1])))
    name, ink = _ink(rng, behind)
    patch = _plate(rng, size, fill, em) if fill else Image.new("RGBA", size, (*ink, 0))
    _write(rng, patch, text.image, pad, ink, em, outlined=bare)
    if fill:
        _light(rng, patch)
    patch = warp.image(patch)
    if fill and rng.random() < 0.4:
        _shadow(rng, scene.image, patch, (x, y), em)
    scene.image.paste(patch, (x, y), patch)
    glyphs = tuple(
        (char, _moved(warp.box((b[0] + pad[0], b[1] + pad[1], b[2] + pad[0], b[3] + pad[1])), x, y))
        for char, b in text.glyphs
    )
    box = (float(x), float(y), float(x + patch.width), float(y + patch.height))
    thing = Thing("sign" if plate else "text", plate, box, name, " ".join(lines), 0, glyphs)
    scene.things.append(thing)
    return thing


def _moved(box: Box, x: float, y: float) -> Box:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def _fits(place: tuple[float, float], size: tuple[int, int], room: tuple[int, int]) -> bool:
    return place[0] + size[0] <= room[0] and place[1] + size[1] <= room[1]


def _mean(image: Image.Image) -> Ink:
    red, green, blue = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))  # type: ignore[misc]
    return int(red), int(green), int(blue)


def _luma(ink: Ink) -> float:
    return (0.3 * ink[0] + 0.59 * ink[1] + 0.11 * ink[2]) / 255


def _ink(rng: random.Random, behind: Ink) -> tuple[str, Ink]:
    """A named ink that can be read on `behind`."""
    least = LOW_CONTRAST if rng.random() < 0.1 else CONTRAST
    for _ in range(40):
        name = rng.choice(("black", "white")) if rng.random() < 0.6 else rng.choice(EVERY_COLOUR)
        ink = shade(rng, name)
        if abs(_luma(ink) - _luma(behind)) >= least:
            return name, ink
    return ("white", (250, 250, 250)) if _luma(behind) < 0.5 else ("black", (10, 10, 10))


def _set(rng: random.Random, split: str, lines: tuple[str, ...], em: int) -> _Patch:
    """The lines as ink ("L"), cut to what they fill, and the place of every character."""
    face = draw_face(rng, split)
    font = load_face(split, face, em)
    spread = em * rng.uniform(0.02, 0.25) if rng.random() < 0.15 else 0.0
    lead = em * rng.uniform(0.95, 1.35)
    pens = [_pens(font, line, spread) for line in lines]
    width = max(pen[-1] for pen in pens)
    centred = rng.random() < 0.7
    ink = Image.new("L", (round(width + em), round(lead * len(lines) + em)), 0)
    draw = ImageDraw.Draw(ink)
    up, down = font.getbbox("H")[1], font.getbbox("H")[3]
    glyphs: Glyphs = []
    for number, (line, pen) in enumerate(zip(lines, pens, strict=True)):
        left = em / 2 + ((width - pen[-1]) / 2 if centred else 0)
        top = em / 2 + number * lead - up
        if spread:
            for char, at in zip(line, pen, strict=False):
                draw.text((left + at, top), char, font=font, fill=255)
        else:
            draw.text((left, top), line, font=font, fill=255, features=["-liga", "-clig"])
        for place, char in enumerate(line):
            glyphs.append((char, (left + pen[place], top + up, left + pen[place + 1], top + down)))
        if number + 1 < len(lines):
            glyphs.append(("\n", (left + pen[-1], top + up, left + pen[-1], top + down)))
    filled = ink.getbbox() or (0, 0, 1, 1)
    moved = [(char, _moved(box, -filled[0], -filled[1])) for char, box in glyphs]
    return _Patch(ink.crop(filled), moved)


def _pens(font: object, line: str, spread: float) -> list[float]:
    """Where every character begins, and where the last one ends, in pixels."""
    places = [width_of(font, line[:end]) for end in range(len(line) + 1)]  # type: ignore[arg-type]
    return [place + spread * number for number, place in enumerate(places)]


def _plate(rng: random.Random, size: tuple[int, int], fill: Ink, em: float) -> Image.Image:
    """A plate as RGBA: square or round corners, an oval, an arrow, a tag; plain, framed or grained."""
    width, height = size
    image = Image.new("RGBA", size, (*fill, 0))
    draw = ImageDraw.Draw(image)
    edge = any_colour(rng) if rng.random() < 0.5 else fill
    line = max(1, round(em * rng.uniform(0.02, 0.12))) if rng.random() < 0.5 else 0
    shape = rng.random()
    if shape < 0.86:
        radius = min(size) * rng.choice((0.0, 0.0, 0.1, 0.25, 0.5))
        draw.rounded_rectangle((0, 0, width - 1, height - 1), radius, fill=fill, outline=edge, width=line)
    else:
        point = height * 0.25
        ends = [
            (0, 0),
            (width - point, 0),
            (width - 1, height / 2),
            (width - point, height - 1),
            (0, height - 1),
        ]
        if shape < 0.93:
            ends = [(width - 1 - x, y) for x, y in ends]
        draw.polygon(ends, fill=fill, outline=edge, width=line)
    if rng.random() < 0.25:
        grain = np.random.default_rng(rng.getrandbits(32)).integers(
            -14, 15, (max(1, height // 3), max(1, width // 40))
        )
        rough = Image.fromarray((grain + 128).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
        alpha = image.getchannel("A")
        image = ImageChops.add(image.convert("RGB"), Image.merge("RGB", [rough] * 3), 1, -128).convert("RGBA")
        image.putalpha(alpha)
    return image


def _write(
    rng: random.Random,
    patch: Image.Image,
    ink: Image.Image,
    at: tuple[int, int],
    colour: Ink,
    em: float,
    *,
    outlined: bool,
) -> None:
    """Put the ink on, now and then with a shadow of its own or, where it stands on nothing, an outline."""
    other = (20, 20, 20) if _luma(colour) > 0.5 else (240, 240, 240)
    if outlined and rng.random() < 0.5:
        thick = ink.filter(ImageFilter.MaxFilter(3))
        patch.paste((*other, 255), at, thick)
    elif rng.random() < 0.12:
        off = max(1, round(em * 0.05))
        patch.paste((*other, 255), (at[0] + off, at[1] + off), ink.point(_HALF))
    patch.paste((*colour, 255), at, ink)


def _light(rng: random.Random, patch: Image.Image) -> None:
    """A shade over the plate, or glare on it."""
    choice = rng.random()
    if choice > 0.35:
        return
    width, height = patch.size
    alpha = patch.getchannel("A")
    if choice < 0.2:
        steps = np.array([[rng.randint(0, 90), rng.randint(0, 90)], [rng.randint(0, 90), rng.randint(0, 90)]])
        veil = Image.fromarray(steps.astype(np.uint8)).resize(patch.size, Image.Resampling.BILINEAR)
        patch.paste(rng.choice(((0, 0, 0), (255, 255, 255))), (0, 0), veil)
    else:
        veil = Image.new("L", patch.size, 0)
        x, y, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.3, 1.0) * height
        ImageDraw.Draw(veil).ellipse((x - r, y - r * 0.6, x + r, y + r * 0.6), fill=rng.randint(60, 150))
        patch.paste((255, 255, 255), (0, 0), veil.filter(ImageFilter.BoxBlur(r / 3)))
    patch.putalpha(alpha)


def _shadow(
    rng: random.Random, image: Image.Image, patch: Image.Image, at: tuple[int, int], em: float
) -> None:
    alpha = patch.getchannel("A").point(_HALF).filter(ImageFilter.BoxBlur(max(1, em * 0.08)))
    off = round(em * rng.uniform(0.05, 0.2))
    image.paste((0, 0, 0), (at[0] + off, at[1] + off), alpha)


class _Warp:
    """A turn, a slant, a curve and a perspective, drawn once for a patch of `size`."""

    def __init__(self, rng: random.Random, size: tuple[int, int], em: float, bent: float) -> None:
        width, height = size
        self.curve = rng.uniform(-0.35, 0.35) * em * bent if rng.random() < 0.12 else 0.0
        self.rise = int(np.ceil(abs(self.curve)))
        height += self.rise
        turn = rng.gauss(0, 0.045) * bent
        slant = rng.uniform(-0.25, 0.25) * bent if rng.random() < 0.2 else 0.0
        depth = 0.14 * bent * height if rng.random() < 0.35 else 0.0
        corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
        moved = corners + [(rng.uniform(0, depth), rng.uniform(0, depth)) for _ in range(4)]
        moved[:, 0] += slant * (height - moved[:, 1])
        cos, sin = np.cos(turn), np.sin(turn)
        moved = moved @ np.array([[cos, sin], [-sin, cos]])
        moved -= moved.min(0)
        self.before = (width, height)
        self.size = (max(1, int(np.ceil(moved[:, 0].max()))), max(1, int(np.ceil(moved[:, 1].max()))))
        self.forward = _homography(corners, moved)

    def image(self, patch: Image.Image) -> Image.Image:
        """The patch, bent."""
        if self.rise:
            patch = self._curved(patch)
        back = np.linalg.inv(self.forward)
        data = (back / back[2, 2]).reshape(-1)[:8]
        return patch.transform(
            self.size,
            Image.Transform.PERSPECTIVE,
            tuple(data),
            Image.Resampling.BILINEAR,
            fillcolor=(0, 0, 0, 0),
        )

    def box(self, box: Box) -> Box:
        """The box round what a box of the patch has become."""
        lift = self._lift((box[0] + box[2]) / 2)
        xs, ys = (box[0], box[2]), (box[1] + lift, box[3] + lift)
        points = np.array([(x, y, 1.0) for x in xs for y in ys]) @ self.forward.T
        points = points[:, :2] / points[:, 2:]
        left, top = points.min(0)
        right, bottom = points.max(0)
        return float(left), float(top), float(right), float(bottom)

    def _lift(self, x: float) -> float:
        bow = self.curve * (1 - (2 * x / self.before[0] - 1) ** 2)
        return bow if self.curve >= 0 else bow + self.rise

    def _curved(self, patch: Image.Image) -> Image.Image:
        pixels = np.asarray(patch)
        height, width = pixels.shape[:2]
        lifts = np.array([self._lift(x + 0.5) for x in range(width)])
        rows = np.arange(height + self.rise)[:, None] - lifts[None].round().astype(int)
        inside = (rows >= 0) & (rows < height)
        bent = pixels[rows.clip(0, height - 1), np.arange(width)[None]].copy()
        bent[~inside] = 0
        return Image.fromarray(bent)


def _homography(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The projective map (3, 3) that takes four points (4, 2) to four others."""
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(start, end, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    found = np.linalg.solve(np.array(rows), end.reshape(-1))
    return np.append(found, 1.0).reshape(3, 3)
