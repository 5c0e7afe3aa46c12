"""What tools are made of: the sandbox and the searches that are open, whoever opened them.

What always holds: a service is a small protocol or None where there is none, so tools know neither the
sandbox nor an index nor a provider, and whoever opened a service closes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from deepeyes.search.base import Document, ImageSearch, TextSearch


class CellResult(Protocol):
    """What the sandbox gives back for one piece of code."""

    @property
    def status(self) -> str: ...
    @property
    def stdout(self) -> str: ...
    @property
    def stderr(self) -> str: ...
    @property
    def result(self) -> str | None:
        """The text of the last expression's value, as an interactive session shows it."""
        ...

    @property
    def images(self) -> Sequence[Image.Image]: ...
    @property
    def dropped(self) -> int: ...
    @property
    def seconds(self) -> float: ...


class PythonSession(Protocol):
    async def run(self, code: str, *, timeout: float) -> CellResult: ...
    async def put_images(self, images: Mapping[str, Image.Image]) -> object: ...
    async def get_image(self, name: str) -> Image.Image | None:
        """The image that a variable stands for; None for anything else."""
        ...

    async def close(self) -> object: ...


class PythonSandbox(Protocol):
    async def open(self, images: Mapping[str, Image.Image], *, seed: int) -> PythonSession: ...


class PassageReader(Protocol):
    async def passages(self, url: str, query: str, max_chars: int) -> Document | None:
        """The page behind `url` with the parts of its text that are about `query`, or its beginning without
        one; None where there is no such page. Raises `SearchUnavailable` if it could not be fetched.
        """
        ...


@dataclass(frozen=True)
class Services:
    """What is open. A tool says in `needs` which of these fields it cannot do without."""

    sandbox: PythonSandbox | None = None
    text: TextSearch | None = None
    images: ImageSearch | None = None
    pages: PassageReader | None = None


NEEDS = {
    "sandbox": ("needs a sandbox", "start one, and give it as Services(sandbox=...)"),
    "text": ("needs something to search", "give --search world, an index folder or a provider"),
    "images": ("needs images to search", "give --search world or google_lens?upload=true"),
    "pages": ("needs pages to read", "give --search world, an index folder or a provider"),
}
"""For each field: what is missing to a tool that needs it, and the remedy."""
