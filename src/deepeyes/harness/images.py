"""Images as people name them: files, `-` for what comes in on standard input, and addresses on the web.

What always holds: an address is fetched only where that was allowed, and as the page reader fetches: from
public machines, at the address that was judged, with nothing sent along (no key, no cookie), within bounds of
size and time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from deepeyes.core.errors import InfrastructureError, InputError
from deepeyes.core.images import LoadedImage, load_image

STDIN = "-"
_SECONDS, _BYTES = 30.0, 32 * 2**20
_KINDS = ("image/", "application/octet-stream", "binary/octet-stream")
_SAVE = "save the image and name its file"


def is_address(name: str) -> bool:
    """Whether this names something on the web, not a file."""
    return name.lower().startswith(("http://", "https://"))


async def load_images(names: Sequence[str], *, allow_url: bool = False) -> list[LoadedImage]:
    """The images, in order. Raises `InputError` for one that cannot be had, and `InfrastructureError` where
    trying again later may help.
    """
    if names.count(STDIN) > 1:
        raise InputError("standard input holds one image", "give - once, and files for the others")
    if any(map(is_address, names)) and not allow_url:
        raise InputError("an image on the web is fetched only where that is allowed", "add --allow-url")
    return [await _loaded(name) for name in names]


async def _loaded(name: str) -> LoadedImage:
    if is_address(name):
        return _named(load_image(await _fetched(name)), name)
    if name == STDIN:
        return _named(load_image(sys.stdin.buffer.read()), "standard input")
    return load_image(name)


def _named(loaded: LoadedImage, name: str) -> LoadedImage:
    """What was noted of bytes, under the name that their owner knows."""
    return replace(loaded, notes=[note.replace("the picture", name, 1) for note in loaded.notes])


async def _fetched(url: str) -> bytes:
    from deepeyes.search.pages.fetching import Fetcher, FetchLimits, Problem

    fetcher = Fetcher(FetchLimits(seconds=_SECONDS, max_bytes=_BYTES))
    try:
        return (await fetcher.get(url, _KINDS, what="an image", accept="image/*,*/*;q=0.1")).data
    except Problem as problem:
        what = f"{url} was not fetched: {problem}"
        if problem.passing:
            raise InfrastructureError(what, f"try again later, or {_SAVE}") from None
        raise InputError(what, _SAVE) from None
