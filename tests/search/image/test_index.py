"""Image search: finds a picture whole, copied or cropped, and takes any picture as a query."""

from __future__ import annotations

import asyncio
import io
import math
import random
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from deepeyes.core.errors import InputError
from deepeyes.search.base import GalleryImage, ImageSearch
from deepeyes.search.image.index import ImageIndex


def drawn(seed: int, size: tuple[int, int] = (120, 90)) -> Image.Image:
    """A picture of a few flat shapes: no two seeds look alike."""
    dice = random.Random(seed)

    def colour() -> tuple[int, int, int]:
        return dice.randrange(256), dice.randrange(256), dice.randrange(256)

    image = Image.new("RGB", size, colour())
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = dice.randrange(size[0]), dice.randrange(size[1])
        w, h = dice.randrange(15, 60), dice.randrange(15, 60)
        shape = pen.rectangle if dice.random() < 0.5 else pen.ellipse
        shape((x - w // 2, y - h // 2, x + w // 2, y + h // 2), fill=colour())
    return image


def pictures(count: int) -> list[GalleryImage]:
    return [
        GalleryImage(
            f"world://shape/{n}.webp", f"Shape {n}", drawn(n), page=f"world://shape/{n}", source="drawn"
        )
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ImageIndex:
    return ImageIndex.build(pictures(40), tmp_path_factory.mktemp("index"))


def met(image: Image.Image, dice: random.Random) -> Image.Image:
    """A crop of the picture as it hangs, turned and too bright, before a busy background."""
    image = ImageEnhance.Brightness(image).enhance(dice.uniform(0.7, 1.2))
    image = image.filter(ImageFilter.GaussianBlur(1)).rotate(
        dice.uniform(-9, 9), expand=True, fillcolor="grey"
    )
    scene = drawn(dice.randrange(10_000, 20_000), (300, 260))
    scene.paste(image, (80, 80))
    off = [dice.uniform(-0.08, 0.08) for _ in range(4)]
    w, h = image.size
    return scene.crop(
        (80 + int(off[0] * w), 80 + int(off[1] * h), 80 + int(w + off[2] * w), 80 + int(h + off[3] * h))
    )


async def test_a_picture_of_the_gallery_is_its_own_first_hit(index: ImageIndex) -> None:
    search: ImageSearch = index
    hits = await search.search(drawn(7), 3)
    assert hits[0].title == "Shape 7" and len(hits) == 3
    assert hits[0].url == "world://shape/7" and hits[0].source == "drawn"
    assert hits[0].score == 1.0 and hits[0].snippet == "the same picture"
    assert hits[0].image is not None and max(hits[0].image.size) <= 256


def test_a_picture_laid_out_alike_in_other_colours_is_not_called_the_same(tmp_path: Path) -> None:
    """Flags of three stripes: the query is one of them, so nobody fits the others."""

    def flag(*colours: str) -> Image.Image:
        image = Image.new("RGB", (300, 200))
        for place, colour in enumerate(colours):
            image.paste(colour, (100 * place, 0, 100 * place + 100, 200))
        return image

    flags = {
        "France": ("navy", "white", "red"),
        "Italy": ("green", "white", "red"),
        "Mexico": ("darkgreen", "white", "firebrick"),
        "Ireland": ("green", "white", "orange"),
    }
    made = [GalleryImage(f"flag:{name}", name, flag(*colours)) for name, colours in flags.items()]
    index = ImageIndex.build(made, tmp_path)
    for name, colours in flags.items():
        first, *others = index.search_now(flag(*colours), 4)
        assert (first.title, first.score, first.snippet) == (name, 1.0, "the same picture")
        assert all(hit.snippet != "the same picture" and hit.score < 0.6 for hit in others)


def test_a_resized_and_compressed_copy_is_found_by_its_hash(index: ImageIndex) -> None:
    data = io.BytesIO()
    drawn(11).resize((333, 200), Image.Resampling.BICUBIC).save(data, "JPEG", quality=80)
    hits = index.search_now(Image.open(data), 1)
    assert hits[0].title == "Shape 11" and hits[0].score > 0.98


def test_crops_are_found(index: ImageIndex) -> None:
    dice = random.Random(5)
    right = [index.search_now(met(drawn(n), dice), 1)[0].title == f"Shape {n}" for n in range(20)]
    assert sum(right) >= 19


def test_a_picture_that_is_not_there_is_a_weak_match(index: ImageIndex) -> None:
    noise = Image.effect_noise((200, 200), 80).convert("RGB")
    assert index.search_now(noise, 1)[0].score < 0.4


def test_scores_never_rise_and_everything_can_be_asked_for(index: ImageIndex) -> None:
    hits = index.search_now(met(drawn(3), random.Random(1)), 500)
    scores = [hit.score for hit in hits]
    assert len(hits) == 40 and len({hit.url for hit in hits}) == 40
    assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"])
def test_every_mode_is_a_query(index: ImageIndex, mode: str) -> None:
    image = drawn(4).convert("L").convert(mode) if mode in ("I", "F", "I;16") else drawn(4).convert(mode)
    assert len(index.search_now(image, 2)) == 2
    if mode in ("RGBA", "CMYK", "P"):
        assert index.search_now(image, 1)[0].title == "Shape 4"


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 1), (1, 3000), (20_000, 2), (3, 20_000), (64, 64), (5000, 4000), (31, 33)]
)
@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_every_size_is_a_query(index: ImageIndex, size: tuple[int, int], mode: str) -> None:
    hits = index.search_now(Image.new(mode, size, 7), 3)
    assert len(hits) == 3 and all(math.isfinite(hit.score) for hit in hits)


@pytest.mark.parametrize("size", [(1, 1), (7, 7), (200, 100)])
def test_a_query_that_shows_nothing_proves_nothing(index: ImageIndex, size: tuple[int, int]) -> None:
    assert index.search_now(Image.new("RGB", size, "red"), 1)[0].snippet == "a weak match"


def test_a_huge_copy_is_found(index: ImageIndex) -> None:
    huge = drawn(9).resize((6000, 4500))
    assert index.search_now(huge, 1)[0].title == "Shape 9"
    assert index.search_now(huge.convert("RGBA"), 1)[0].title == "Shape 9"


def test_queries_that_cannot_be_searched(index: ImageIndex) -> None:
    with pytest.raises(InputError, match="no pixels"):
        index.search_now(Image.new("RGB", (0, 5)))
    with pytest.raises(InputError, match="at least 1"):
        index.search_now(drawn(1), 0)
    data = io.BytesIO()
    drawn(1, (400, 300)).save(data, "PNG")
    with pytest.raises(InputError, match="give a whole one"):
        index.search_now(Image.open(io.BytesIO(data.getvalue()[:900])))


def test_flat_pictures_and_an_empty_gallery(tmp_path: Path) -> None:
    flat = [
        GalleryImage(f"u{n}", f"Flat {n}", Image.new("RGB", (50, 50), c))
        for n, c in enumerate(("red", "white"))
    ]
    index = ImageIndex.build(flat, tmp_path / "flat")
    hits = index.search_now(Image.new("RGB", (80, 20), "red"), 2)
    assert hits[0].title == "Flat 0" and hits[0].url == "u0" and all(math.isfinite(hit.score) for hit in hits)
    empty = ImageIndex.build([], tmp_path / "empty")
    assert len(empty) == 0 and empty.search_now(drawn(1)) == ()


def test_pictures_that_are_the_same_share_the_first_places(tmp_path: Path) -> None:
    twins = [GalleryImage(url, url, drawn(1)) for url in ("a", "b")] + pictures(5)
    index = ImageIndex.build(twins, tmp_path)
    assert [hit.score for hit in index.search_now(drawn(1), 4)][:3] == [1.0, 1.0, 1.0]


async def test_many_tasks_search_at_once_and_get_what_one_gets(index: ImageIndex) -> None:
    queries = [met(drawn(n), random.Random(n)) for n in range(12)]
    at_once = await asyncio.gather(*(index.search(query, 3) for query in queries))
    for query, hits in zip(queries, at_once, strict=True):
        alone = index.search_now(query, 3)
        assert [(hit.url, hit.score) for hit in hits] == [(hit.url, hit.score) for hit in alone]
