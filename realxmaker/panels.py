"""What stands in the scenes: tables and boards, price tags, charts, clocks, app icons, cards and labels.

Panels are drawn about three times as large as they will be seen. What always holds: the box of every cell,
bar, tag or icon that a question may ask about is known by name.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

from deepeyes.world.fonts import load_font

from .paste import Box, Panel

Cell = str | Image.Image
Colour = tuple[int, int, int]
SANS, BOLD, MONO, SERIF = (
    "Roboto-Regular.ttf",
    "Quicksand-Bold.ttf",
    "DejaVuSansMono.ttf",
    "EBGaramond08-Regular.otf",
)
CONDENSED, SLAB, PLAIN = "RobotoCondensed-Bold.ttf", "RobotoSlab-Bold.otf", "DejaVuSans.ttf"
COLOURS: dict[str, Colour] = {
    "red": (200, 40, 40),
    "blue": (35, 85, 190),
    "green": (35, 135, 70),
    "yellow": (245, 205, 50),
    "orange": (240, 135, 30),
    "purple": (120, 60, 150),
    "white": (246, 246, 242),
    "black": (28, 28, 30),
}


@dataclass(frozen=True)
class Look:
    """How a board looks."""

    ground: Colour
    ink: Colour
    head: Colour
    line: Colour
    font: str
    heading: str
    radius: int = 12


PAPER = Look((250, 249, 244), (30, 30, 34), (110, 40, 30), (205, 203, 196), SANS, SLAB)
AMBER = Look((18, 18, 20), (255, 190, 60), (255, 255, 255), (48, 48, 50), MONO, CONDENSED)
CHALK = Look((38, 62, 52), (238, 240, 232), (250, 225, 140), (70, 98, 86), PLAIN, BOLD)
NAVY = Look((20, 36, 80), (245, 247, 255), (255, 214, 90), (48, 66, 116), CONDENSED, CONDENSED)
CREAM = Look((252, 244, 224), (62, 40, 28), (150, 60, 20), (222, 206, 178), SERIF, SERIF)
SCREEN = Look((244, 246, 250), (24, 28, 40), (20, 80, 170), (212, 218, 228), SANS, SANS)
LOOKS = (PAPER, AMBER, CHALK, NAVY, CREAM, SCREEN)


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    look: Look = PAPER,
    size: int = 44,
    right: Sequence[int] = (),
    foot: str = "",
) -> Panel:
    """A board with a title and rows of texts and small images; `right` are the columns set to the right.

    The box of the cell in row 2 and column 0 is named `2,0`.
    """
    font, heading = load_font(look.font, size), load_font(look.heading, round(size * 1.25))
    small = load_font(look.font, round(size * 0.72))
    pad, high = round(size * 0.55), round(size * 1.55)
    widths = [
        max(
            [small.getlength(columns[place])]
            + [_width(row[place], font, high) for row in rows if place < len(row)]
        )
        for place in range(len(columns))
    ]
    named = any(columns)
    inner = max(sum(widths) + pad * 2 * (len(widths) - 1), heading.getlength(title), small.getlength(foot))
    top = pad + (round(size * 1.9) if title else 0)
    first = top + (high if named else 0)
    image = Image.new(
        "RGBA",
        (round(inner + 2 * pad), round(first + high * len(rows) + (high if foot else 0) + pad)),
        (0, 0, 0, 0),
    )
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle(
        (0, 0, image.width - 1, image.height - 1), look.radius, fill=look.ground, outline=look.line, width=3
    )
    if title:
        draw.text((pad, pad), title, font=heading, fill=look.head)
    spare = (inner - sum(widths) - pad * 2 * (len(widths) - 1)) / max(len(widths) - 1, 1)
    lefts = [pad + sum(widths[:place]) + place * (pad * 2 + spare) for place in range(len(widths))]
    boxes: dict[str, Box] = {}
    if named:
        for place, words in enumerate(columns):
            across = lefts[place] + (widths[place] - small.getlength(words) if place in right else 0)
            draw.text((across, top + high * 0.25), words, font=small, fill=look.head)
    for number, row in enumerate(rows):
        y = first + number * high
        draw.line((pad, y, image.width - pad, y), fill=look.line, width=2)
        for place, cell in enumerate(row):
            width = _width(cell, font, high)
            x = lefts[place] + (widths[place] - width if place in right else 0)
            if isinstance(cell, str):
                draw.text((x, y + (high - size * 1.17) / 2), cell, font=font, fill=look.ink)
            else:
                shown = _fitted(cell, high)
                image.paste(shown, (round(x), round(y + (high - shown.height) / 2)), shown)
            boxes[f"{number},{place}"] = (x, y, x + width, y + high)
    if foot:
        draw.text((pad, image.height - high), foot, font=small, fill=look.head)
    return Panel(image, boxes)


def _width(cell: Cell, font: ImageFont.FreeTypeFont, high: int) -> float:
    return font.getlength(cell) if isinstance(cell, str) else _fitted(cell, high).width


def _fitted(image: Image.Image, high: int) -> Image.Image:
    height = round(high * 0.66)
    return image.resize(
        (max(1, round(image.width * height / image.height)), height), Image.Resampling.LANCZOS
    )


def plate(text: str, colour: str, font: str = CONDENSED, size: int = 90) -> Panel:
    """A plate of one of `COLOURS` with a text."""
    ground = COLOURS[colour]
    ink = (20, 20, 22) if colour in ("white", "yellow", "orange") else (250, 250, 250)
    face = load_font(font, size)
    width, pad = round(face.getlength(text)), round(size * 0.45)
    image = Image.new("RGBA", (width + 2 * pad, round(size * 1.7)), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle(
        (0, 0, image.width - 1, image.height - 1), round(size * 0.22), fill=ground, outline=ink, width=6
    )
    draw.text((image.width / 2, image.height / 2), text, font=face, fill=ink, anchor="mm")
    return Panel(image)


def card(picture: Image.Image, caption: str = "", size: int = 44, ground: Colour = (252, 252, 250)) -> Panel:
    """A card with a picture, and under it a line of text."""
    picture = picture.resize((360, round(360 * picture.height / picture.width)), Image.Resampling.LANCZOS)
    below = round(size * 1.7) if caption else 18
    font = load_font(SANS, size)
    width = max(396, round(font.getlength(caption)) + 36)
    image = Image.new("RGBA", (width, picture.height + 18 + below), (*ground, 255))
    image.paste(picture, ((width - picture.width) // 2, 18), picture if picture.mode == "RGBA" else None)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, image.width - 1, image.height - 1), outline=(190, 190, 186), width=3)
    boxes = {"picture": (18.0, 18.0, width - 18.0, 18.0 + picture.height)}
    if caption:
        middle = (image.width / 2, image.height - below / 2 - 3)
        draw.text(middle, caption, font=font, fill=(30, 30, 34), anchor="mm")
        boxes["caption"] = (0.0, image.height - below, image.width, image.height)
    return Panel(image, boxes)


def item(picture: Image.Image, tag: str, size: int = 58, flag: Image.Image | None = None) -> Panel:
    """A thing for sale on a light board, with a price tag, and a small flag of where it comes from."""
    side = 330
    shown = ImageOps.contain(picture, (side - 40, side - 60), Image.Resampling.LANCZOS)
    image = Image.new("RGBA", (side, side + 100), (238, 232, 220, 255))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, side - 1, side + 99), outline=(170, 160, 140), width=4)
    image.paste(
        shown,
        ((side - shown.width) // 2, (side - shown.height) // 2),
        shown if shown.mode == "RGBA" else None,
    )
    draw.rectangle((24, side + 6, side - 24, side + 88), fill=(255, 244, 190), outline=(120, 90, 20), width=3)
    boxes = {"tag": (24.0, side + 6.0, side - 24.0, side + 88.0), "thing": (0.0, 0.0, side, side)}
    left = 34
    if flag is not None:
        small = flag.resize((84, round(84 * flag.height / flag.width)), Image.Resampling.LANCZOS)
        image.paste(small, (36, side + 47 - small.height // 2), small)
        boxes["flag"] = (36.0, side + 47 - small.height / 2, 120.0, side + 47 + small.height / 2)
        left = 126
    font = load_font(CONDENSED, size)
    while font.getlength(tag) > side - 30 - left:
        size -= 2
        font = load_font(CONDENSED, size)
    draw.text(((left + side - 30) / 2, side + 47), tag, font=font, fill=(60, 20, 10), anchor="mm")
    return Panel(image, boxes)


def bars(
    title: str,
    labels: Sequence[Cell],
    values: Sequence[int],
    top: int,
    step: int,
    unit: str,
    colours: Sequence[Colour],
    lying: bool = False,
) -> Panel:
    """A bar chart on paper with a scale from 0 to `top` and a line every `step`; bars are named by number."""
    image = Image.new("RGBA", (1000, 720), (252, 252, 250, 255))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 999, 719), outline=(160, 160, 160), width=4)
    draw.text((30, 24), title, font=load_font(SLAB, 44), fill=(30, 30, 34))
    draw.text((30, 84), unit, font=load_font(SANS, 30), fill=(90, 90, 96))
    font = load_font(SANS, 32)
    boxes: dict[str, Box] = {}
    if lying:
        left, right, first, room = 230, 960, 130, 500 / len(values)
        for mark in range(0, top + 1, step):
            x = left + (right - left) * mark / top
            draw.line((x, 130, x, 640), fill=(205, 205, 205), width=3)
            draw.text((x, 670), str(mark), font=font, fill=(60, 60, 66), anchor="mm")
        for number, (label, value) in enumerate(zip(labels, values, strict=True)):
            y = first + room * number + room * 0.18
            box = (left, y, left + (right - left) * value / top, y + room * 0.64)
            draw.rectangle(box, fill=colours[number % len(colours)])
            boxes[str(number)] = box
            _label(image, draw, label, (215, y + room * 0.32), "rm", font)
        return Panel(image, boxes)
    left, right, low, high = 120, 970, 600, 140
    for mark in range(0, top + 1, step):
        y = low - (low - high) * mark / top
        draw.line((left, y, right, y), fill=(205, 205, 205), width=3)
        draw.text((left - 14, y), str(mark), font=font, fill=(60, 60, 66), anchor="rm")
    room = (right - left) / len(values)
    for number, (label, value) in enumerate(zip(labels, values, strict=True)):
        x = left + room * number + room * 0.2
        box = (x, low - (low - high) * value / top, x + room * 0.6, low)
        draw.rectangle(box, fill=colours[number % len(colours)])
        boxes[str(number)] = box
        _label(image, draw, label, (x + room * 0.3, low + 52), "mm", font)
    return Panel(image, boxes)


def _label(
    image: Image.Image,
    draw: ImageDraw.ImageDraw,
    label: Cell,
    at: tuple[float, float],
    anchor: str,
    font: ImageFont.FreeTypeFont,
) -> None:
    if isinstance(label, str):
        draw.text(at, label, font=font, fill=(30, 30, 34), anchor=anchor)
        return
    small = label.resize((112, round(112 * label.height / label.width)), Image.Resampling.LANCZOS).convert(
        "RGBA"
    )
    left = at[0] - (small.width if anchor == "rm" else small.width / 2)
    image.paste(small, (round(left), round(at[1] - small.height / 2)), small)


def clock(hour: int, minute: int, below: Image.Image | None = None, words: str = "") -> Panel:
    """A wall clock; under it a small flag or a word."""
    image = Image.new("RGBA", (360, 480 if below is not None or words else 360), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((6, 6, 354, 354), fill=(250, 250, 248), outline=(40, 40, 44), width=14)
    for mark in range(60):
        angle, long = mark * math.pi / 30, mark % 5 == 0
        outer, inner = 158, 136 if long else 150
        draw.line((*_on(angle, inner), *_on(angle, outer)), fill=(30, 30, 34), width=8 if long else 3)
    for number in range(1, 13):
        draw.text(
            _on(number * math.pi / 6, 112),
            str(number),
            font=load_font(SANS, 34),
            fill=(30, 30, 34),
            anchor="mm",
        )
    draw.line((180, 180, *_on((hour % 12 + minute / 60) * math.pi / 6, 78)), fill=(20, 20, 24), width=14)
    draw.line((180, 180, *_on(minute * math.pi / 30, 128)), fill=(20, 20, 24), width=8)
    draw.ellipse((170, 170, 190, 190), fill=(180, 30, 30))
    boxes: dict[str, Box] = {"face": (0.0, 0.0, 360.0, 360.0)}
    if below is not None:
        small = below.resize((130, round(130 * below.height / below.width)), Image.Resampling.LANCZOS)
        image.paste(small, (115, 370), small if small.mode == "RGBA" else None)
        draw.rectangle((115, 370, 245, 370 + small.height), outline=(90, 90, 90), width=2)
        boxes["flag"] = (115.0, 370.0, 245.0, 370.0 + small.height)
    if words:
        draw.rounded_rectangle((60, 380, 300, 450), 8, fill=(30, 30, 34))
        draw.text((180, 415), words, font=load_font(SANS, 40), fill=(250, 250, 250), anchor="mm")
        boxes["words"] = (60.0, 380.0, 300.0, 450.0)
    return Panel(image, boxes)


def _on(angle: float, radius: float) -> tuple[float, float]:
    return 180 + radius * math.sin(angle), 180 - radius * math.cos(angle)


def grey(logo: Image.Image) -> Image.Image:
    """A logo without its colour, on white."""
    white = Image.new("RGBA", logo.size, "white")
    return ImageOps.autocontrast(Image.alpha_composite(white, logo.convert("RGBA")).convert("L"))


def sticker(logo: Image.Image, colour: Colour = (255, 255, 255)) -> Panel:
    """A sticker with a logo in black on white, and a rim of a colour."""
    image = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, 299, 299), 40, fill=colour, outline=(200, 200, 200), width=4)
    draw.rounded_rectangle((26, 26, 273, 273), 26, fill=(255, 255, 255))
    shown = ImageOps.contain(grey(logo), (206, 206), Image.Resampling.LANCZOS)
    image.paste(shown, ((300 - shown.width) // 2, (300 - shown.height) // 2))
    return Panel(image)


def phone(
    rng: random.Random,
    apps: Sequence[tuple[str, Image.Image, int]],
    columns: int = 4,
    clock_text: str = "9:41",
) -> Panel:
    """A phone's screen: icons with names (may be empty) and, where above 0, the number of unread messages."""
    cell, high = 250, 280
    rows = -(-len(apps) // columns)
    image = Image.new("RGBA", (cell * columns + 80, high * rows + 220), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, image.width - 1, image.height - 1), 70, fill=(20, 20, 24))
    ground = rng.choice(((48, 66, 110), (88, 52, 92), (30, 92, 92), (96, 70, 52)))
    draw.rounded_rectangle((18, 18, image.width - 19, image.height - 19), 56, fill=ground)
    draw.text((90, 56), clock_text, font=load_font(SANS, 46), fill=(255, 255, 255))
    boxes: dict[str, Box] = {"clock": (80.0, 50.0, 220.0, 110.0)}
    for number, (name, logo, unread) in enumerate(apps):
        x, y = 40 + number % columns * cell, 140 + number // columns * high
        draw.rounded_rectangle((x + 50, y + 10, x + 200, y + 160), 34, fill=(255, 255, 255))
        shown = ImageOps.contain(logo.convert("RGBA"), (104, 104), Image.Resampling.LANCZOS)
        image.paste(shown, (x + 125 - shown.width // 2, y + 85 - shown.height // 2), shown)
        boxes[f"{number}"] = (x + 50, y + 10, x + 200, y + 160)
        if name:
            draw.text((x + 125, y + 192), name, font=load_font(SANS, 34), fill=(255, 255, 255), anchor="mm")
        if unread:
            text = str(unread)
            font = load_font(SANS, 36)
            wide = max(56, font.getlength(text) + 28)
            badge = (x + 212 - wide / 2 - 14, y - 12, x + 212 + wide / 2 - 14, y + 44)
            draw.rounded_rectangle(badge, 28, fill=(225, 40, 40))
            draw.text(((badge[0] + badge[2]) / 2, y + 16), text, font=font, fill="white", anchor="mm")
            boxes[f"badge {number}"] = badge
    return Panel(image, boxes)


def flask(symbol: str, cap: str, label: str = "") -> Panel:
    """A bottle with an element's symbol on its label, maybe a second line, and a coloured cap."""
    image = Image.new("RGBA", (240, 420), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((20, 90, 220, 415), 40, fill=(186, 206, 214, 255), outline=(90, 110, 120), width=5)
    draw.rectangle((84, 50, 156, 100), fill=(186, 206, 214), outline=(90, 110, 120), width=4)
    draw.rounded_rectangle((72, 6, 168, 60), 12, fill=COLOURS[cap], outline=(40, 40, 40), width=3)
    draw.rectangle((36, 180, 204, 360), fill=(252, 252, 248), outline=(120, 120, 120), width=3)
    draw.text((120, 245 if label else 270), symbol, font=load_font(SLAB, 86), fill=(20, 20, 24), anchor="mm")
    boxes: dict[str, Box] = {"label": (36.0, 180.0, 204.0, 360.0), "cap": (72.0, 6.0, 168.0, 60.0)}
    if label:
        draw.text((120, 325), label, font=load_font(SANS, 40), fill=(20, 20, 24), anchor="mm")
        boxes["line"] = (36.0, 300.0, 204.0, 350.0)
    return Panel(image, boxes)


def arrow(text: str, distance: str, left: bool, colour: Colour = (30, 90, 60)) -> Panel:
    """An arm of a signpost."""
    font = load_font(CONDENSED, 70)
    words = f"{text}   {distance}"
    width = round(font.getlength(words)) + 170
    image = Image.new("RGBA", (width, 130), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    points = [(0, 0), (width - 70, 0), (width - 1, 65), (width - 70, 129), (0, 129)]
    if left:
        points = [(width - 1 - x, y) for x, y in points]
    draw.polygon(points, fill=colour, outline=(240, 240, 240), width=6)
    draw.text((width / 2 + (20 if left else -20), 65), words, font=font, fill=(250, 250, 250), anchor="mm")
    return Panel(image)


def month(title: str, first: int, days: int, ringed: Sequence[int]) -> Panel:
    """A calendar's page; `first` is the weekday of the 1st, Monday being 0."""
    image = Image.new("RGBA", (760, 700), (252, 252, 250, 255))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 759, 699), outline=(150, 150, 150), width=4)
    draw.text((380, 60), title, font=load_font(SLAB, 56), fill=(150, 30, 30), anchor="mm")
    font = load_font(SANS, 42)
    for place, name in enumerate(("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")):
        draw.text((82 + place * 100, 140), name, font=font, fill=(110, 110, 116), anchor="mm")
    boxes: dict[str, Box] = {}
    for day in range(1, days + 1):
        column, row = (first + day - 1) % 7, (first + day - 1) // 7
        x, y = 82 + column * 100, 220 + row * 84
        if day in ringed:
            draw.ellipse((x - 38, y - 36, x + 38, y + 36), outline=(20, 60, 190), width=7)
            boxes[str(day)] = (x - 38, y - 36, x + 38, y + 36)
        draw.text((x, y), str(day), font=font, fill=(30, 30, 34), anchor="mm")
    return Panel(image, boxes)
