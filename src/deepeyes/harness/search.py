"""What `--search` opens: the embedded world, an index folder, or providers on the web.

What always holds: nothing is opened for `off`; what was opened is closed with the block. Where something is
missing and a lesser way is taken, such as words alone without vectors of meanings, `notes` say so, and the
verbs print them to stderr.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepeyes.core.errors import ConfigError, InputError, StorageError, boundary
from deepeyes.core.locks import locked
from deepeyes.search.base import Document, GalleryImage, ImageSearch, PageReader, TextSearch
from deepeyes.tools.services import PythonSandbox, Services

if TYPE_CHECKING:
    from deepeyes.search.guard.guard import GuardedText
    from deepeyes.search.text.build import Manifest, OnProgress
    from deepeyes.search.text.index import TextIndex
    from deepeyes.world.pack import Pack

OFF = "off"
WORLD = "world"
SNIPPET_CHARS = 300
"""Characters of a snippet, unless a dialect wants other ones."""
GISTS = "gists.npy"
"""Beside a pack: vectors of its passages, so that its index is built in seconds."""
HELP = (
    "What the model may search: off, world (the embedded world), a folder of `deepeyes search index`, or a "
    "provider such as 'serper?mode=record&cache=DIR'. Repeatable: one for text, one for pictures."
)


@dataclass(frozen=True)
class Engines:
    text: TextSearch | None = None
    images: ImageSearch | None = None
    pages: PageReader | None = None
    notes: tuple[str, ...] = ()

    def services(self, sandbox: PythonSandbox | None = None) -> Services:
        """What tools can be made of: these searches, and `sandbox`."""
        from deepeyes.search.pages.passages import Passages

        return Services(sandbox, self.text, self.images, None if self.pages is None else Passages(self.pages))


class FirstReader:
    """Asks several readers in turn; the first that has the page."""

    def __init__(self, readers: Sequence[PageReader]) -> None:
        self._readers = tuple(readers)

    async def read(self, url: str) -> Document | None:
        for reader in self._readers:
            page = await reader.read(url)
            if page is not None:
                return page
        return None

    async def aclose(self) -> None:
        for reader in self._readers:
            await reader.aclose()


@asynccontextmanager
async def open_engines(
    specs: Sequence[str], *, snippet_chars: int = SNIPPET_CHARS, tell: OnProgress | None = None
) -> AsyncGenerator[Engines]:
    """What `specs` name, opened together. Raises `ConfigError` or `InputError` for what cannot be opened."""
    check_search(specs)
    async with AsyncExitStack() as stack:
        found = Engines()
        for spec in specs:
            if spec.strip().lower() not in ("", OFF):
                found = _joined(found, await _opened(spec.strip(), stack, snippet_chars, tell), spec)
        yield found


def is_off(specs: Sequence[str]) -> bool:
    """Whether nothing is to be searched."""
    return all(spec.strip().lower() in ("", OFF) for spec in specs)


def check_search(specs: Sequence[str]) -> None:
    """Raises `ConfigError` for a name that `open_engines` does not know, without opening anything."""
    for spec in specs:
        name = spec.partition("?")[0].strip().lower()
        if name in ("", OFF, WORLD) or Path(spec.strip()).is_dir():
            continue
        from deepeyes.search.providers.registry import names

        if name not in names():
            raise ConfigError(
                f"there is no search {spec!r}", f"give off, world, an index folder, or {', '.join(names())}"
            )


def world_folder(pack: Pack) -> Path:
    """Where the indexes of this content of a pack are kept."""
    from deepeyes.search.text.build import cache_folder

    return cache_folder() / f"{pack.name}-{pack.digest[:16]}"


def build_world(
    pack: Pack, *, dense: bool | None = None, pictures: bool = True, tell: OnProgress | None = None
) -> Manifest:
    """Both indexes of a pack (or texts alone), built or completed. Returns the text index's manifest."""
    from deepeyes.search.image.index import ImageIndex
    from deepeyes.search.text.build import build

    here = world_folder(pack)
    manifest = build(
        pack.documents(), here / "text", dense=dense, known=pack.folder / GISTS, on_progress=tell
    )
    if pictures and not (here / "images" / "manifest.json").is_file():
        ImageIndex.build(_counted(pack, tell), here / "images")
    return manifest


def _counted(pack: Pack, tell: OnProgress | None) -> Iterator[GalleryImage]:
    total = pack.count("image")
    for number, picture in enumerate(pack.gallery()):
        if tell is not None:
            tell("pictures", number, total)
        yield picture


async def _opened(spec: str, stack: AsyncExitStack, snippet_chars: int, tell: OnProgress | None) -> Engines:
    from deepeyes.search.providers.registry import IMAGES, names, resolve_images, resolve_text

    if spec.lower() == WORLD:
        return await asyncio.to_thread(_world, stack, snippet_chars, tell)
    name = spec.partition("?")[0].strip().lower()
    if name not in names():
        return await asyncio.to_thread(_folder, Path(spec), stack, snippet_chars)
    if name in IMAGES:
        images = resolve_images(spec)
        stack.push_async_callback(images.aclose)
        return Engines(images=images)
    text = resolve_text(spec)
    stack.push_async_callback(text.aclose)
    pages = _web_pages(text)
    stack.push_async_callback(pages.aclose)
    return Engines(text=text, pages=pages)


def _web_pages(text: GuardedText) -> PageReader:
    """The pages behind a provider's hits: as guarded and as recorded as the search itself."""
    from deepeyes.search.guard.guard import GuardedReader
    from deepeyes.search.pages.reader import WebReader
    from deepeyes.search.record.recording import RecordedReader, RecordedText

    inner = text.inner
    if not isinstance(inner, RecordedText):
        return GuardedReader(WebReader(), text.guard)
    return GuardedReader(RecordedReader(inner.recording, "web", WebReader), text.guard)


def _world(stack: AsyncExitStack, snippet_chars: int, tell: OnProgress | None) -> Engines:
    from deepeyes.search.image.index import ImageIndex
    from deepeyes.search.text.index import BUILD_DENSE, TextIndex
    from deepeyes.world.pack import open_pack

    pack = stack.enter_context(open_pack())
    here = world_folder(pack)
    if not _is_built(here):
        with _in_turn(here):
            if not _is_built(here):  # by the process before us
                # Without the pack's vectors the first use would take minutes: words alone now, and a note on
                # the rest.
                build_world(pack, dense=None if (pack.folder / GISTS).is_file() else False, tell=tell)
    images = ImageIndex.open(here / "images")
    text: TextIndex = stack.enter_context(TextIndex.open(here / "text", snippet_chars=snippet_chars))
    notes = tuple(note.replace(BUILD_DENSE, "run once: deepeyes search index world") for note in text.notes)
    return Engines(text, images, text, notes)


def _is_built(here: Path) -> bool:
    return all((here / index / "manifest.json").is_file() for index in ("images", "text"))


@contextmanager
def _in_turn(folder: Path) -> Generator[None]:
    """Processes that want `folder` come in one after the other: the first builds, the rest find it built."""
    with boundary(StorageError, f"writing the index {folder}", "choose a folder you may write to"):
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".turn", folder, wait=True):
        yield


def _folder(folder: Path, stack: AsyncExitStack, snippet_chars: int) -> Engines:
    from deepeyes.search.text.index import TextIndex

    text = stack.enter_context(TextIndex.open(folder, snippet_chars=snippet_chars))
    return Engines(text=text, pages=text, notes=text.notes)


def _joined(one: Engines, other: Engines, spec: str) -> Engines:
    """Both; two engines for one thing are refused, readers are asked in turn."""
    for role in ("text", "images"):
        if getattr(one, role) is not None and getattr(other, role) is not None:
            raise InputError(
                f"--search {spec} is a second search for {role}", "give one for text, one for pictures"
            )
    readers = [reader for reader in (one.pages, other.pages) if reader is not None]
    return replace(
        one,
        text=one.text or other.text,
        images=one.images or other.images,
        pages=FirstReader(readers) if len(readers) > 1 else (readers or [None])[0],
        notes=one.notes + other.notes,
    )
