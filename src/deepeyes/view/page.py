"""A page that holds everything itself: one HTML file that loads nothing from anywhere.

What always holds: the file is written whole or not at all; the text of every entry is in it; images are there
until they take `BUDGET`, those that were seen before those at full size, and the page says what was left out.
`fits` tells beforehand whether that is everything: what is larger is better served (`serve.view`).
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deepeyes.core.errors import InputError
from deepeyes.core.files import write_atomic
from deepeyes.view.images import ImageName, compressed
from deepeyes.view.library import Library
from deepeyes.view.render import shell

Tell = Callable[[str, int, int], None]
PAGE_FILE = "index.html"
SEVERAL_FILE = "compare.html"
BUDGET = 64_000_000
"""Bytes of base64 that the images of a page may take."""
_AT_ONCE = 32
MOST_ENTRIES = 2_000
MOST_PIXELS = 150_000_000
"""Of all views together: some 30 MB, made in about half a minute."""


def fits(library: Library) -> bool:
    """Whether a page that holds everything would be small, and quick to make."""
    if len(library.entries) > MOST_ENTRIES:
        return False
    views = {view for entry in library.entries for view in entry.row.views}
    return sum(width * height for _, width, height in views) <= MOST_PIXELS


def write_page(
    folder: str | os.PathLike[str] | Library,
    out: str | os.PathLike[str] | None = None,
    title: str = "",
    *,
    tell: Tell = lambda what, done, total: None,
) -> Path:
    """Write what is in `folder` to `out`, by default index.html in it (compare.html in the first of several);
    returns the file's path. `tell` is called with what is being made, how many of it are done, and of how
    many.

    Raises `InputError` when there are no traces, `StorageError` when the page cannot be written.
    """
    library = folder if isinstance(folder, Library) else Library.open([Path(folder)], title)
    page = PAGE_FILE if len(library.homes) == 1 else SEVERAL_FILE
    target = Path(out) if out is not None else library.homes[0] / page
    write_atomic(target, render_page(library, tell=tell).encode("utf-8"))
    return target


def render_page(
    library: Library, budget: int = BUDGET, *, tell: Tell = lambda what, done, total: None
) -> str:
    """The page as text; see `write_page`."""
    names: dict[tuple[str, tuple[int, int] | None], ImageName] = {}
    pages: dict[str, str] = {}
    for place, (key, entry) in enumerate(zip(library.keys, library.entries, strict=True)):
        album = library.album(entry)
        pages[f"e{place}"] = library.render(entry, album)
        pages[f"t{place}"] = json.dumps(library.raw(key))
        # The same image of two runs is in the page once.
        names.update({(name.ref.sha256, name.view): name for name in album.named})
        tell("episodes", place + 1, len(library.entries))
    ordered = sorted(names.values(), key=lambda name: name.view is None)
    images: dict[str, str] = {}
    room, done = budget, 0
    for name, data in _encoded(library, ordered):
        room -= len(data or "")
        if room < 0:
            break
        done += 1
        tell("images", done, len(ordered))
        if data is not None:
            images[f"i{str(name).partition('/')[2]}"] = data
    return shell(
        library.title,
        {"index": library.index(words=True, notes=_left_out(ordered[done:])), **pages, **images},
    )


def _left_out(names: list[ImageName]) -> list[str]:
    """What the page has to say about the images that it lacks."""
    views = sum(name.view is not None for name in names)
    counts = (("images", views), ("images at full size", len(names) - views))
    lacking = " and ".join(f"{count:,} {what}" for what, count in counts if count)
    return [f"Left out to keep this page small: {lacking}. deepeyes view --serve has all."] if names else []


def _encoded(library: Library, names: list[ImageName]) -> Iterator[tuple[ImageName, str | None]]:
    """Each image in base64, in order; None for one that is damaged."""
    stores = library.stores

    def encode(name: ImageName) -> str | None:
        try:
            return b64encode(compressed(stores[name.store], name)).decode("ascii")
        except InputError:
            return None

    # Pillow compresses outside the interpreter's lock. A few at a time: what does not fit is not made.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            yield from zip(some, pool.map(encode, some), strict=True)
