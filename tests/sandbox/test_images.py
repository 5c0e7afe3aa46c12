"""Pictures on their way in: the pixels arrive, belong to the session, and roll back like any variable."""

import io

import numpy as np
import pytest
from PIL import Image

from deepeyes.sandbox import Sandbox
from deepeyes.sandbox.images import Pixels, pack_images
from deepeyes.sandbox.jailed.requests import images_from

SIDES = [(1, 1), (3, 2), (700, 500), (40_000, 2)]


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("size", SIDES)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_pixels_arrive_as_they_were_sent(size: tuple[int, int], mode: str) -> None:
    picture = noise(*size, mode)
    meta, (pixels,) = pack_images({"image_1": picture})
    data = bytearray(b"".join(pixels))
    assert len(data) == len(pixels)
    arrived = images_from(meta, [data])["image_1"]
    assert arrived.mode == "RGB" and arrived.tobytes() == picture.convert("RGB").tobytes()


def test_as_many_bytes_are_sent_as_were_announced_whatever_becomes_of_the_picture() -> None:
    picture = noise(700, 500)
    pixels = Pixels(picture)
    strips = iter(pixels)
    sent = len(next(strips))
    picture.thumbnail((50, 50))
    assert sent + sum(map(len, strips)) == len(pixels) == 700 * 500 * 4


def test_a_picture_over_a_buffer_behaves_like_any_other() -> None:
    picture = noise(70, 50)
    meta, (pixels,) = pack_images({"a": picture})
    arrived = images_from(meta, [bytearray(b"".join(pixels))])["a"]
    for image in (picture, arrived):
        image.load()[0, 0] = (1, 2, 3)
        image.paste((9, 8, 7), (10, 10, 20, 20))
    assert arrived == picture and arrived.copy() == picture.crop((0, 0, 70, 50))
    assert arrived.resize((7, 5)) == picture.resize((7, 5))
    files = [io.BytesIO(), io.BytesIO()]
    for image, file in zip((picture, arrived), files, strict=True):
        image.putalpha(128)
        image.save(file, "PNG")
    assert files[0].getvalue() == files[1].getvalue()


async def test_a_session_may_draw_on_its_picture_and_nobody_else_sees_it(sandbox: Sandbox) -> None:
    picture = noise(900, 700)
    async with (
        await sandbox.open({"image_1": picture}) as session,
        await sandbox.open({"image_1": picture}) as other,
    ):
        paint = "image_1.paste((255, 0, 0), (0, 0, 900, 350))"
        await session.run(f"{paint}; first = image_1.tobytes()", 60.0)
        kept = picture.copy()
        kept.paste((255, 0, 0), (0, 0, 900, 350))
        assert await session.get_image("image_1") == kept
        assert await other.get_image("image_1") == picture
        late = "image_1.paste((0, 0, 255), (0, 0, 900, 700))\nwhile True: pass"
        assert (await session.run(late, 0.5)).status == "timeout"
        assert (await session.run("image_1.tobytes() == first", 60.0)).result == "True"
        assert (await session.run(f"{late[:-17]}\nimport os; os._exit(1)", 60.0)).status == "crashed"
        assert await session.get_image("image_1") == kept


async def test_sessions_of_a_template_share_no_changes(sandbox: Sandbox) -> None:
    picture = noise(900, 700)
    async with (
        sandbox.template({"image_1": picture}) as template,
        await template.open() as first,
        await template.open() as second,
    ):
        await first.run("image_1.paste((0, 0, 0), (0, 0, 900, 700))", 60.0)
        assert await second.get_image("image_1") == picture
        assert await first.get_image("image_1") == Image.new("RGB", (900, 700))
