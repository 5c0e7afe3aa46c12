"""What a search is, whoever searches: an index on this disk, a provider on the web, a recording.

What always holds: no hit is an empty tuple, a normal result that the model is told; `SearchUnavailable` means
that nothing could be asked (provider down, out of quota, index missing), which is ours and is never scored;
each can be closed, more than once if need be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from deepeyes.core.errors import InfrastructureError
from deepeyes.core.results import Hit

MAX_QUERY_CHARS = 2000
"""What is read of a query; the rest of a longer one says nothing that a search could use."""
NOT_READ = "not read"
"""The `source` of a document that stands for a page which could not be read."""


class SearchUnavailable(InfrastructureError):
    """A search could not be asked at all, after the retries that its provider allows."""

    retryable = False


@dataclass(frozen=True)
class Document:
    """A text that can be found and opened. `url` names it everywhere and is unique in an index."""

    url: str
    title: str
    text: str
    date: str = ""
    """ISO 8601 (a year is enough); empty if unknown."""
    source: str = ""
    """Where it comes from and under which licence."""

    @property
    def could_be_read(self) -> bool:
        """Whether it is the page; if not, its `text` says why there is none."""
        return self.source != NOT_READ


@dataclass(frozen=True)
class GalleryImage:
    """An image of a gallery, with the page it stands on."""

    url: str
    title: str
    image: Image.Image
    page: str = ""
    source: str = ""


class TextSearch(Protocol):
    @property
    def name(self) -> str: ...

    async def search(self, query: str, k: int = 5) -> tuple[Hit, ...]:
        """The best `k` documents. Raises `SearchUnavailable` if nothing could be asked."""
        ...

    async def aclose(self) -> None:
        """Let go of connections and files."""
        ...


class ImageSearch(Protocol):
    @property
    def name(self) -> str: ...

    async def search(self, image: Image.Image, k: int = 5) -> tuple[Hit, ...]:
        """The best `k` images. Raises `SearchUnavailable` if nothing could be asked."""
        ...

    async def aclose(self) -> None:
        """Let go of connections and files."""
        ...


class PageReader(Protocol):
    async def read(self, url: str) -> Document | None:
        """The readable text behind `url`; None where there is no such page.

        Raises `SearchUnavailable` if it could not be fetched for reasons that may pass.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections and files."""
        ...
