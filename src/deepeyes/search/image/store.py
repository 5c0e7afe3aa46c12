"""The image index on disk: shards of images and one manifest that names them.

What always holds:
- the manifest is replaced as the last act of a build and names every shard it needs: a build that is killed
  leaves the old index, or none, and the shards it finished are used by the next one;
- a shard is named by the hash of what it holds and of `VERSION`, and is written once;
- an index that is missing, damaged or of another version is `SearchUnavailable`, with what to do.

A shard is `NAME.npz` (arrays and records, no pickle) beside `NAME.thumbs` (WebP images end to end).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from deepeyes.core.claim import hold
from deepeyes.core.errors import InputError, boundary
from deepeyes.core.files import write_atomic
from deepeyes.core.images import image_ref, to_rgb
from deepeyes.core.json_files import read_json_file
from deepeyes.search.base import GalleryImage, SearchUnavailable
from deepeyes.search.image.arrays import Bytes, small_image
from deepeyes.search.image.hash import perceptual_hashes
from deepeyes.search.image.layout import CELLS, CHANNELS, TEMPLATE, Gallery, layouts

VERSION = 1
THUMBNAIL = 256
"""Longest side of a thumbnail, in pixels."""

_FORMAT = "deepeyes.image-index"
_MANIFEST = "manifest.json"
_SHARD = 256
_ARRAYS = ("templates", "layouts", "hashes", "ends", "told")
_BUILD = "build it again from its pictures (ImageIndex.build)"


@dataclass(frozen=True)
class Record:
    """What is told about an image, and where its thumbnail lies."""

    url: str
    title: str
    page: str
    source: str
    shard: Path
    start: int
    stop: int

    def thumbnail(self) -> Image.Image:
        """RGB, at most 256 pixels a side."""
        with boundary(
            SearchUnavailable, f"reading a thumbnail of {self.title!r}", _BUILD, expected=Exception
        ):
            with self.shard.open("rb") as file:
                file.seek(self.start)
                data = file.read(self.stop - self.start)
            with Image.open(io.BytesIO(data)) as opened:
                return opened.convert("RGB")


@dataclass(frozen=True)
class Stored:
    """All of an index that searching needs in memory."""

    gallery: Gallery
    hashes: Bytes
    digests: tuple[str, ...]
    """SHA-256 over each image's pixels at full size."""
    records: tuple[Record, ...]


def write_index(pictures: Iterable[GalleryImage], folder: Path) -> None:
    """Index `images` in `folder`, in their order, 256 at a time.

    Raises `InputError` for a url that comes twice or an image that cannot be decoded, `StorageError` when
    the disk is full or another process is building there.
    """
    with hold(folder):
        _write_index(pictures, folder)


def _write_index(pictures: Iterable[GalleryImage], folder: Path) -> None:
    names: list[str] = []
    urls: set[str] = set()
    waiting = iter(pictures)
    while batch := list(islice(waiting, _SHARD)):
        for picture in batch:
            if picture.url in urls:
                raise InputError(
                    f"two pictures have the url {picture.url!r}", "give every picture a url of its own"
                )
            urls.add(picture.url)
        names.append(_write_shard(batch, folder))
    manifest = {"format": _FORMAT, "version": VERSION, "pictures": len(urls), "shards": names}
    write_atomic(folder / _MANIFEST, (json.dumps(manifest) + "\n").encode())
    for path in [*folder.glob("shard-*.npz"), *folder.glob("shard-*.thumbs")]:
        if path.stem not in names:
            path.unlink(missing_ok=True)


def read_index(folder: Path) -> Stored:
    """The index in `folder`, thumbnails left on disk. Raises `SearchUnavailable`."""
    shards = [_read_shard(folder / f"{name}.npz") for name in _shard_names(folder)]

    def joined(name: str, empty: tuple[int, ...], kind: npt.DTypeLike) -> Any:
        return np.concatenate([np.zeros((0, *empty), kind), *(shard[name] for shard in shards)])

    return Stored(
        gallery=Gallery(
            templates=joined("templates", (TEMPLATE, TEMPLATE, 3), np.uint8),
            layouts=joined("layouts", (CHANNELS, CELLS * CELLS), np.float16).astype(np.float32),
        ),
        hashes=joined("hashes", (8,), np.uint8),
        digests=tuple(digest for shard in shards for digest in shard["digests"]),
        records=tuple(record for shard in shards for record in shard["records"]),
    )


def _write_shard(batch: list[GalleryImage], folder: Path) -> str:
    """The name of the shard that holds `batch`; made only if it is not there yet."""
    images = [_decoded(picture) for picture in batch]
    told = [[picture.url, picture.title, picture.page, picture.source] for picture in batch]
    digests = [image_ref(image).sha256 for image in images]
    key = json.dumps([_FORMAT, VERSION, told, digests]).encode()
    name = f"shard-{sha256(key).hexdigest()[:24]}"
    path = folder / f"{name}.npz"
    if _is_whole(path):
        return name
    thumbs = [_webp(image) for image in images]
    templates = np.stack([small_image(image, TEMPLATE) for image in images])
    arrays = io.BytesIO()
    np.savez(
        arrays,
        templates=templates,
        layouts=layouts(templates).astype(np.float16),
        hashes=perceptual_hashes(templates),
        ends=np.cumsum([len(thumb) for thumb in thumbs]),
        told=np.frombuffer(json.dumps([told, digests]).encode(), np.uint8),
    )
    write_atomic(path.with_suffix(".thumbs"), b"".join(thumbs))
    write_atomic(path, arrays.getvalue())
    return name


def _is_whole(path: Path) -> bool:
    try:
        _read_shard(path)
    except SearchUnavailable:
        return False
    return True


def _decoded(picture: GalleryImage) -> Image.Image:
    if 0 in picture.image.size:
        raise InputError(f"the picture {picture.url!r} has no pixels", "leave it out")
    # decoders raise anything on torn files, so this is broad; the block holds foreign calls only
    with boundary(InputError, f"decoding the picture {picture.url!r}", "leave it out", expected=Exception):
        picture.image.load()
        return to_rgb(picture.image)


def _webp(image: Image.Image) -> bytes:
    thumb = image.copy()
    thumb.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS, reducing_gap=3.0)
    data = io.BytesIO()
    thumb.save(data, "WEBP", quality=85, method=2)
    return data.getvalue()


def _shard_names(folder: Path) -> Iterator[str]:
    path = folder / _MANIFEST
    if not path.exists():
        half = any(folder.glob("shard-*")) if folder.is_dir() else False
        state = "its build did not end" if half else "there is none"
        raise SearchUnavailable(f"no image index in {folder} ({state})", _BUILD)
    manifest: Any = read_json_file(path, _BUILD, SearchUnavailable)
    if not isinstance(manifest, dict) or cast("dict[str, Any]", manifest).get("format") != _FORMAT:
        raise SearchUnavailable(f"{path} is not the manifest of an image index", _BUILD)
    found = cast("dict[str, Any]", manifest)
    if found.get("version") != VERSION:
        raise SearchUnavailable(
            f"the image index in {folder} has version {found.get('version')}, this program reads {VERSION}",
            _BUILD,
        )
    yield from found["shards"]


def _read_shard(path: Path) -> dict[str, Any]:
    broken = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
    with boundary(SearchUnavailable, f"reading {path.name} of the image index", _BUILD, expected=broken):
        with np.load(path, allow_pickle=False) as file:
            arrays: dict[str, Any] = {name: file[name] for name in _ARRAYS}
        told, digests = json.loads(arrays["told"].tobytes())
        thumbs = path.with_suffix(".thumbs")
        ends = [0, *arrays["ends"].tolist()]
        if thumbs.stat().st_size != ends[-1] or not len(told) == len(arrays["templates"]) == len(ends) - 1:
            raise ValueError("cut short")
        records = [
            Record(*words, shard=thumbs, start=start, stop=stop)
            for words, start, stop in zip(told, ends[:-1], ends[1:], strict=True)
        ]
    return arrays | {"digests": digests, "records": records}
