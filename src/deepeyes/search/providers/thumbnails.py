"""Images that stand beside hits: fetched from the public web like any page, at most 256 pixels a side.

What always holds: a thumbnail that cannot be had costs the image, never the hit; addresses come from a
provider, not from a model.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote_to_bytes

from PIL import Image

from deepeyes.core.errors import InputError, boundary
from deepeyes.core.images import load_image
from deepeyes.search.base import Hit
from deepeyes.search.pages.fetching import Fetcher, Problem

MAX_SIDE = 256
MAX_DATA_URL = 2**20
MAX_PIXELS = 16_000_000
"""A larger image is no thumbnail and is not decoded."""


async def with_thumbnails(hits: Sequence[tuple[Hit, str]], fetcher: Fetcher) -> tuple[Hit, ...]:
    """Each hit with the image behind its address, where there is one."""
    images = await asyncio.gather(*(_thumbnail(url, fetcher) for _, url in hits))
    return tuple(
        replace(hit, image=image) if image is not None else hit
        for (hit, _), image in zip(hits, images, strict=True)
    )


async def _thumbnail(url: str, fetcher: Fetcher) -> Image.Image | None:
    try:
        data = _inline(url) if url.startswith("data:") else (await fetcher.get(url, ("image/",))).data
        return await asyncio.to_thread(shrink, data)
    except (Problem, InputError, binascii.Error, ValueError):
        return None


def shrink(data: bytes) -> Image.Image:
    """An image file as RGB, at most `MAX_SIDE` pixels a side. Raises `InputError`."""
    with boundary(InputError, "reading a thumbnail", "leave it out", expected=Exception):
        with Image.open(io.BytesIO(data)) as probe:
            pixels = probe.width * probe.height
    if pixels > MAX_PIXELS:
        raise InputError(f"a thumbnail has {pixels:,} pixels", "leave it out")
    image = load_image(data).image
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    return image


def _inline(url: str) -> bytes:
    head, _, body = url[:MAX_DATA_URL].partition(",")
    return base64.b64decode(body) if head.endswith(";base64") else unquote_to_bytes(body)
