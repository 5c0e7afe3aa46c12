"""Scenes: a photograph, and panels that stand in it, small, a little turned, in its light and with a shadow.

What always holds: boxes are (left, top, right, bottom) in pixels of the finished image, and follow what is
pasted through every turn; panels of a scene do not overlap.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageStat

from .photos import Photograph

Box = tuple[float, float, float, float]
BYTES = 26_500
"""What one image may take: 300 of them stay below 8 MB, since most need less."""
_QUALITIES = (58, 50, 44, 38, 33, 28)


@dataclass
class Panel:
    """Something drawn by itself, with the places of what stands on it."""

    image: Image.Image
    boxes: dict[str, Box] = field(default_factory=dict[str, Box])
    flat: bool = False
    """Whether it casts no shadow and keeps its own light, such as a screen."""


@dataclass
class Scene:
    """An image under construction; `places` are those taken, `boxes` what was asked to be remembered."""

    image: Image.Image
    photo: Photograph | None
    boxes: dict[str, Box] = field(default_factory=dict[str, Box])
    places: list[Box] = field(default_factory=list[Box])


def scene_of(
    rng: random.Random, photo: Photograph, side: int = 1280, blur: float = 1.8, keep: float = 0.75
) -> Scene:
    """A window of the photograph (at least a share `keep` of it), as through a lens that is focused on what
    is nearer.
    """
    share = rng.uniform(keep, 1.0)
    width, height = photo.image.width * share, photo.image.height * share
    left, top = rng.uniform(0, photo.image.width - width), rng.uniform(0, photo.image.height - height)
    scale = side / max(width, height)
    size = round(width * scale), round(height * scale)
    box = (left, top, left + width, top + height)
    image = photo.image.convert("RGB").resize(size, Image.Resampling.LANCZOS, box=box)
    return Scene(image.filter(ImageFilter.GaussianBlur(blur)), photo)


def free(
    rng: random.Random, scene: Scene, width: float, height: float, gap: float = 14
) -> tuple[float, float]:
    """A top-left corner where there is room. Raises `ValueError` where there is none."""
    for _ in range(400):
        x = rng.uniform(gap, scene.image.width - width - gap)
        y = rng.uniform(gap, scene.image.height - height - gap)
        if x < gap or y < gap:
            break
        if all(
            x > b[2] + gap or x + width < b[0] - gap or y > b[3] + gap or y + height < b[1] - gap
            for b in scene.places
        ):
            return x, y
    raise ValueError(f"there is no room for {width:.0f}x{height:.0f}")


def stick(
    rng: random.Random,
    scene: Scene,
    panel: Panel,
    width: float,
    at: tuple[float, float] | None = None,
    name: str = "",
    turn: float = 3.0,
) -> Box:
    """Put the panel, `width` pixels wide, into the scene; its box. With a `name` it and what stands on it are
    remembered as `name` and `name/...`.
    """
    height = width * panel.image.height / panel.image.width
    x, y = at or free(rng, scene, width, height)
    away = turn / 100 * width
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    tall = rng.uniform(-1, 1) * min(away, 0.12 * height)
    lean = rng.uniform(-1, 1) * min(away, 0.08 * width)
    moved = [
        (corners[0][0] + lean, corners[0][1] + tall),
        (corners[1][0] + lean, corners[1][1] - tall),
        (corners[2][0] - lean, corners[2][1] - tall * 0.6),
        (corners[3][0] - lean, corners[3][1] + tall * 0.6),
    ]
    source = [(0.0, 0.0), (panel.image.width, 0.0), panel.image.size, (0.0, panel.image.height)]
    forward = _homography(source, moved)
    box = _bounds(moved)
    patch = _warped(panel.image, source, moved, box)
    if not panel.flat:
        patch = _lit(scene, patch, box)
        _shadow(scene, patch, box)
    scene.image.paste(patch, (int(box[0]), int(box[1])), patch)
    scene.places.append(box)
    if name:
        scene.boxes[name] = box
        for part, (left, top, right, bottom) in panel.boxes.items():
            points = [(left, top), (right, top), (right, bottom), (left, bottom)]
            scene.boxes[f"{name}/{part}"] = _bounds([_through(forward, point) for point in points])
    return box


def encoded(image: Image.Image, most: int = BYTES) -> bytes:
    """The image as lossy WebP, as good as about `most` bytes allow; a quick try says which quality does."""
    fitting = (quality for quality in _QUALITIES if len(_webp(image, quality, 0)) <= most * 1.4)
    return _webp(image, next(fitting, _QUALITIES[-1]), 4)


def _webp(image: Image.Image, quality: int, method: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", quality=quality, method=method)
    return file.getvalue()


def _warped(
    image: Image.Image, source: list[tuple[float, float]], moved: list[tuple[float, float]], box: Box
) -> Image.Image:
    """The panel in its place, as a patch of the size of `box`: drawn twice as large, then halved."""
    size = int(box[2] - box[0]) + 2, int(box[3] - box[1]) + 2
    local = [((x - int(box[0])) * 2, (y - int(box[1])) * 2) for x, y in moved]
    shrink = max(image.width / (size[0] * 2), 1.0)
    if shrink > 1.2:
        small = max(round(image.width / shrink), 1), max(round(image.height / shrink), 1)
        source = [(x * small[0] / image.width, y * small[1] / image.height) for x, y in source]
        image = image.resize(small, Image.Resampling.LANCZOS)
    back = _homography(local, source)
    large = image.convert("RGBA").transform(
        (size[0] * 2, size[1] * 2),
        Image.Transform.PERSPECTIVE,
        tuple(back.flatten()[:8]),
        Image.Resampling.BICUBIC,
    )
    return large.resize(size, Image.Resampling.BOX)


def _lit(scene: Scene, patch: Image.Image, box: Box) -> Image.Image:
    """The patch a little darker where the photograph is dark."""
    around = scene.image.crop((int(box[0]), int(box[1]), int(box[2]), int(box[3]))).convert("L")
    light = ImageStat.Stat(around).mean[0] / 255
    share = min(1.0, 0.82 + 0.25 * light)
    red, green, blue, alpha = patch.split()
    dark = [band.point([round(value * share) for value in range(256)]) for band in (red, green, blue)]
    return Image.merge("RGBA", (*dark, alpha))


def _shadow(scene: Scene, patch: Image.Image, box: Box) -> None:
    reach = max(3, round(min(patch.size) * 0.05))
    grown = Image.new("L", (patch.width + 4 * reach, patch.height + 4 * reach), 0)
    grown.paste(patch.getchannel("A"), (2 * reach, 2 * reach))
    soft = grown.filter(ImageFilter.GaussianBlur(reach)).point([value // 2 for value in range(256)])
    scene.image.paste((0, 0, 0), (int(box[0]) - reach, int(box[1]) - reach), soft)


def _homography(source: list[tuple[float, float]], target: list[tuple[float, float]]) -> np.ndarray:
    """3 x 3, takes the four `source` points to `target`."""
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    solved = np.linalg.solve(np.array(rows), np.array([value for point in target for value in point]))
    return np.append(solved, 1.0).reshape(3, 3)


def _through(matrix: np.ndarray, point: tuple[float, float]) -> tuple[float, float]:
    x, y, w = matrix @ np.array([point[0], point[1], 1.0])
    return float(x / w), float(y / w)


def _bounds(points: list[tuple[float, float]]) -> Box:
    across, down = [x for x, _ in points], [y for _, y in points]
    return min(across), min(down), max(across), max(down)


def outlined(image: Image.Image, boxes: list[Box]) -> Image.Image:
    """A copy with red frames: for people who check."""
    copy = image.convert("RGB").copy()
    draw = ImageDraw.Draw(copy)
    for left, top, right, bottom in boxes:
        draw.rectangle((left - 4, top - 4, right + 4, bottom + 4), outline=(255, 0, 0), width=3)
    return copy
