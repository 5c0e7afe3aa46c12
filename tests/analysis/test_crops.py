"""Crops found again: exactly when unscaled, closely when resized, never by guessing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from deepeyes.analysis.crops import CropFinder, contains, find_crop

Box = tuple[int, int, int, int]


def scene(width: int = 640, height: int = 480) -> Image.Image:
    """Smooth like a photograph, with a flat part and black parts."""
    rng = np.random.default_rng(7)
    small = Image.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8), "RGB")
    picture = small.resize((width, height), Image.Resampling.BICUBIC).filter(ImageFilter.BoxBlur(1))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((100, 100, 260, 220), fill=(10, 120, 200))
    draw.rectangle((400, 0, 639, 40), fill=(0, 0, 0))
    draw.text((150, 150), "A7K", fill=(255, 255, 255))
    return picture


PICTURE = scene()
FINDER = CropFinder(PICTURE)


@settings(max_examples=60)
@given(st.integers(-60, 600), st.integers(-60, 440), st.integers(24, 200), st.integers(24, 160))
def test_unscaled_crops_are_exact_even_over_the_edge(x: int, y: int, width: int, height: int) -> None:
    box = (x, y, x + width, y + height)
    found = FINDER.exact(PICTURE.crop(box))
    visible = max(0, min(640, box[2]) - max(0, x)) * max(0, min(480, box[3]) - max(0, y))
    # Flat or all-black crops fit in many places, and then nothing is said.
    assert found in (box, None)
    if visible > 0.8 * width * height and not (x + width > 380 and y < 60) and not (x > 60 and y > 60):
        assert found == box


@pytest.mark.parametrize(
    "box", [(140, 140, 200, 180), (0, 0, 640, 480), (-20, 300, 90, 500), (390, 20, 640, 90)]
)
def test_chosen_crops(box: Box) -> None:
    assert find_crop(PICTURE, PICTURE.crop(box)) == box


def test_ambiguous_foreign_and_black_pictures_are_not_placed() -> None:
    assert find_crop(PICTURE, PICTURE.crop((105, 105, 135, 135))) is None
    assert find_crop(PICTURE, Image.new("RGB", (40, 40))) is None
    assert find_crop(PICTURE, Image.effect_noise((60, 60), 90).convert("RGB")) is None
    assert find_crop(PICTURE, scene(900, 700)) is None


@pytest.mark.parametrize("scale", [0.5, 1.25, 2.0, 3.0, 4.0])
def test_resized_crops_are_found_closely(scale: float) -> None:
    box = (290, 180, 450, 300)
    crop = PICTURE.crop(box)
    resized = crop.resize((round(crop.width * scale), round(crop.height * scale)), Image.Resampling.BICUBIC)
    found = FINDER.find(resized)
    assert found is not None and not found.exact
    assert all(abs(a - b) <= found.tolerance for a, b in zip(found.box, box, strict=True))


def test_drawings_and_rotations_are_not_crops() -> None:
    assert FINDER.find(PICTURE.crop((290, 180, 450, 300)).rotate(90, expand=True)) is None
    assert FINDER.find(Image.effect_noise((200, 200), 90).convert("RGB")) is None


def test_contains_with_tolerance() -> None:
    assert contains((10, 10, 50, 50), (8, 10, 50, 52))
    assert not contains((10, 10, 50, 50), (7, 10, 50, 50))
    assert not contains((10, 10, 50, 50), (60, 60, 70, 70))
