"""Indexes whose building is ended at any step: a reader has the old one, the new one or is told there is
none.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from search.text_helpers import Concepts, places
from stopping import at_every_step, tree

from deepeyes.core.claim import hold
from deepeyes.core.errors import StorageError
from deepeyes.core.locks import LOCK
from deepeyes.search.base import Document, GalleryImage, SearchUnavailable
from deepeyes.search.image.index import ImageIndex
from deepeyes.search.text import build as text_build
from deepeyes.search.text import index as text
from deepeyes.search.text.build import build, read_manifest
from deepeyes.search.text.index import TextIndex

OLD = places()[:3]
NEW = [*places()[:2], Document("new", "News", "Trade with one more place")]


class Others(Concepts):
    """The same, under another name."""

    name = "others"


def nothing(folder: Path) -> None:
    return None


def old_index(folder: Path) -> None:
    build(OLD, folder, encoder=Concepts())


def what_is_there(folder: Path) -> tuple[tuple[str, ...], str]:
    """The addresses that a reader finds, and the encoder of the vectors that it compares."""
    encoders = {encoder.name: encoder for encoder in (Concepts(), Others())}
    try:
        told = read_manifest(folder).encoder
        with TextIndex.open(folder, encoder=encoders.get(told)) as index:
            if told:
                about = (folder / index.manifest.content / "vectors" / "about.json").read_text()
                assert told in about, "the vectors are of the encoder that the manifest names"
            return tuple(sorted(hit.url for hit in index.find("trade, exports, people, land", 9))), told
    except SearchUnavailable as error:
        assert "there is no text index" in str(error), "never a broken one"
        return (), ""


@pytest.fixture(params=[True, False], ids=["tantivy", "fts5"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        pytest.importorskip("tantivy")
    for module in (text, text_build):
        monkeypatch.setattr(module, "has_tantivy", lambda: request.param)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("begin", [nothing, old_index], ids=["first", "other documents"])
def test_a_text_index_is_whole_at_every_step(tmp_path: Path, begin: Callable[[Path], None]) -> None:
    def act(folder: Path) -> None:
        build(NEW, folder, encoder=Concepts())

    def read(folder: Path) -> object:
        assert not [path for path in folder.rglob("*") if path.name.endswith((".part", ".old", LOCK))]
        return what_is_there(folder), [path.name for path in sorted(folder.iterdir())]

    def look(folder: Path) -> None:
        there, _ = what_is_there(folder)
        assert there in ((), tuple(sorted(d.url for d in OLD)), tuple(sorted(d.url for d in NEW)))

    assert at_every_step(act, look, tmp_path, begin=begin, read=read) > 15


def test_vectors_of_another_encoder_are_never_taken_for_those_of_the_old(tmp_path: Path) -> None:
    seen: list[str] = []

    def act(folder: Path) -> None:
        build(OLD, folder, encoder=Others())

    def look(folder: Path) -> None:
        urls, encoder = what_is_there(folder)
        assert len(urls) == 3
        seen.append(encoder)

    at_every_step(act, look, tmp_path, begin=old_index, read=what_is_there)
    assert list(dict.fromkeys(seen)) == ["concepts", "", "others"]


def test_a_content_that_is_swept_in_part_is_not_used_again(tmp_path: Path) -> None:
    """Ended while it sweeps the old content; then the old documents are indexed again."""

    def begin(folder: Path) -> None:
        build(OLD, folder, dense=False)

    def act(folder: Path) -> None:
        build(NEW, folder, dense=False)

    def look(folder: Path) -> None:
        begin(folder)
        assert what_is_there(folder) == (tuple(sorted(d.url for d in OLD)), "")

    at_every_step(act, look, tmp_path, begin=begin, read=what_is_there)


def gallery(colours: range) -> list[GalleryImage]:
    def noise(number: int) -> Image.Image:
        return Image.effect_noise((40, 40), 20 + 9 * number).convert("RGB")

    return [GalleryImage(f"p:{number}", f"P {number}", noise(number)) for number in colours]


def test_an_image_index_is_whole_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepeyes.search.image.store._SHARD", 2)
    old, new = gallery(range(3)), gallery(range(2, 7))

    def begin(folder: Path) -> None:
        ImageIndex.build(old, folder)

    def look(folder: Path) -> None:
        index = ImageIndex.open(folder)
        assert len(index) in (3, 5) and len(index.search_now(new[0].image, 9)) == len(index)

    def act(folder: Path) -> None:
        ImageIndex.build(new, folder)

    assert at_every_step(act, look, tmp_path, begin=begin, read=lambda folder: sorted(tree(folder))) > 10


def test_a_first_image_index_is_whole_or_not_there(tmp_path: Path) -> None:
    def look(folder: Path) -> None:
        try:
            assert len(ImageIndex.open(folder)) == 3
        except SearchUnavailable as error:
            assert "no image index" in str(error)

    pictures = gallery(range(3))
    at_every_step(lambda folder: ImageIndex.build(pictures, folder), look, tmp_path)


def test_two_builders_of_an_image_index_never_write_at_once(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(StorageError, match="another process is at work"):
        ImageIndex.build(gallery(range(1)), tmp_path)
