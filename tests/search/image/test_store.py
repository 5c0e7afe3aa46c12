"""The image index on disk: whole or not there, whatever happens to the build or the files."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deepeyes.core.errors import InputError
from deepeyes.search.base import GalleryImage, SearchUnavailable
from deepeyes.search.image import store as image_store
from deepeyes.search.image.index import ImageIndex


def pictures(count: int, start: int = 0) -> Iterator[GalleryImage]:
    for n in range(start, start + count):
        image = Image.linear_gradient("L").rotate(n * 17 % 360).resize((40, 30)).convert("RGB")
        image.putpixel((n % 40, n // 40), (255, 0, n % 256))
        yield GalleryImage(f"u{n}", f"GalleryImage {n}", image)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_store, "_SHARD", 4)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every thumbnail that a build encodes."""
    count: list[int] = []
    whole: Any = image_store._webp  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(image_store, "_webp", lambda image: count.append(1) or whole(image))
    return count


def test_what_is_built_is_what_is_opened(tmp_path: Path) -> None:
    built = ImageIndex.build(pictures(10), tmp_path / "deep" / "index")
    opened = ImageIndex.open(tmp_path / "deep" / "index")
    assert len(built) == len(opened) == 10
    query = next(pictures(1, 6)).image
    assert [h.title for h in built.search_now(query, 10)] == [h.title for h in opened.search_now(query, 10)]
    assert opened.search_now(query, 1)[0].title == "GalleryImage 6"


def test_a_build_that_stops_goes_on_and_leaves_the_old_index(tmp_path: Path, encoded: list[int]) -> None:
    ImageIndex.build(pictures(3), tmp_path)

    def stops() -> Iterator[GalleryImage]:
        yield from pictures(9)
        raise KeyboardInterrupt

    del encoded[:]
    with pytest.raises(KeyboardInterrupt):
        ImageIndex.build(stops(), tmp_path)
    assert len(encoded) == 8 and len(ImageIndex.open(tmp_path)) == 3
    assert len(ImageIndex.build(pictures(9), tmp_path)) == 9
    assert len(encoded) == 9, "the two shards that were finished are used"
    assert len(list(tmp_path.glob("shard-*.npz"))) == 3, "shards that no manifest names are gone"


def test_a_killed_build_goes_on(tmp_path: Path, encoded: list[int]) -> None:
    script = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path\n"
        "import test_store as t\n"
        "t.image_store._SHARD = 4\n"
        "def some():\n"
        "    yield from t.pictures(10)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "t.ImageIndex.build(some(), Path(sys.argv[1]))\n"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path), here], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with pytest.raises(SearchUnavailable, match="its build did not end"):
        ImageIndex.open(tmp_path)
    assert len(ImageIndex.build(pictures(10), tmp_path)) == 10
    assert len(encoded) == 2, "only what the killed build had not finished"


def test_building_again_is_free_and_follows_changes(tmp_path: Path, encoded: list[int]) -> None:
    ImageIndex.build(pictures(8), tmp_path)
    del encoded[:]
    ImageIndex.build(pictures(8), tmp_path)
    assert not encoded
    assert len(ImageIndex.build(pictures(6, 4), tmp_path)) == 6
    assert ImageIndex.open(tmp_path).search_now(next(pictures(1, 9)).image, 1)[0].title == "GalleryImage 9"


@pytest.mark.parametrize(
    "harm", ["missing", "empty", "version", "json", "shape", "other", "shard", "cut", "thumbs", "gone"]
)
def test_an_index_that_cannot_be_used_says_so(tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "index"
    ImageIndex.build(pictures(6), folder)
    manifest, shard = folder / "manifest.json", sorted(folder.glob("*.npz"))[0]
    told = json.loads(manifest.read_text())
    match harm:
        case "missing":
            folder = tmp_path / "nowhere"
        case "empty":
            folder = tmp_path / "new"
            folder.mkdir()
        case "version":
            manifest.write_text(json.dumps(told | {"version": 99}))
        case "json":
            manifest.write_text("{")
        case "shape":
            manifest.write_text("[1]")
        case "other":
            manifest.write_text(json.dumps({"format": "deepeyes.text-index", "version": 1}))
        case "shard":
            shard.write_bytes(b"PK nonsense")
        case "cut":
            shard.write_bytes(shard.read_bytes()[:700])
        case "thumbs":
            shard.with_suffix(".thumbs").write_bytes(b"RIFF")
        case _:
            shard.unlink()
    with pytest.raises(SearchUnavailable, match="build it again") as caught:
        ImageIndex.open(folder)
    if harm == "version":
        assert "version 99" in str(caught.value)
    assert len(ImageIndex.build(pictures(6), folder)) == 6, "the remedy helps"


def test_pictures_that_cannot_be_indexed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two pictures have the url 'u1'"):
        ImageIndex.build([*pictures(3), *pictures(1, 1)], tmp_path)
    data = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(data, "PNG")
    torn = Image.open(io.BytesIO(data.getvalue()[:3000]))
    with pytest.raises(InputError, match="decoding the picture 'torn'"):
        ImageIndex.build([GalleryImage("torn", "Torn", torn)], tmp_path)
    with pytest.raises(InputError, match="'none' has no pixels"):
        ImageIndex.build([GalleryImage("none", "None", Image.new("RGB", (0, 0)))], tmp_path)


def test_large_pictures_have_small_thumbnails(tmp_path: Path) -> None:
    index = ImageIndex.build(
        [GalleryImage("u", "Wide", Image.new("RGBA", (3000, 500), (9, 9, 9, 90)))], tmp_path
    )
    thumb = index.search_now(Image.new("RGB", (9, 9)), 1)[0].image
    assert thumb is not None and thumb.size == (256, 43) and thumb.mode == "RGB"
