"""PNG files: the pixels that any reader finds are those that were written, and the files are no larger."""

import io

import numpy as np
import pytest
from PIL import Image

from deepeyes.core.images import ImageStore, image_ref
from deepeyes.core.png import png_bytes
from deepeyes.world.families import FAMILIES, make_example, splits_of

NOISE = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (53, 37), (2, 2)])
def test_any_size_comes_back(size: tuple[int, int]) -> None:
    for image in (Image.fromarray(NOISE).resize(size), Image.new("RGB", size, (255, 0, 1))):
        with Image.open(io.BytesIO(png_bytes(image))) as read:
            read.verify()
        with Image.open(io.BytesIO(png_bytes(image))) as read:
            assert read.mode == "RGB" and read.size == image.size and read.tobytes() == image.tobytes()


@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_world_draws_comes_back_from_files_about_as_small_as_pillows(family: str, tmp_path) -> None:
    ours = theirs = 0
    store = ImageStore(tmp_path)
    for index in range(3):
        image = make_example(family, splits_of(family)[0], 0, index).scene.image
        assert image_ref(store.get(store.put(image))) == image_ref(image)
        by_pillow = io.BytesIO()
        image.save(by_pillow, "PNG", compress_level=1)
        ours, theirs = ours + len(png_bytes(image)), theirs + by_pillow.tell()
    assert ours < 1.35 * theirs
