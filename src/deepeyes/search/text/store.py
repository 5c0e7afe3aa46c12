"""The documents of an index in one JSON Lines file: read by number or by address, never loaded whole.

What always holds: opening costs the size of two small arrays; reading is safe for threads; the file is
plain JSON Lines that any other program can read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from deepeyes.core.errors import boundary
from deepeyes.search.base import Document, SearchUnavailable

_BROKEN = "build the index again with: deepeyes search index"


class Store:
    """Documents by number, in the order they were given."""

    def __init__(self, folder: Path) -> None:
        path = folder / "documents.jsonl"
        with boundary(SearchUnavailable, f"opening {path}", _BROKEN, expected=(OSError, ValueError)):
            self._offsets: NDArray[np.int64] = np.load(
                folder / "offsets.npy", mmap_mode="r", allow_pickle=False
            )
            self._urls: NDArray[np.uint64] = np.load(folder / "urls.npy", mmap_mode="r", allow_pickle=False)
            self._file = os.open(path, os.O_RDONLY)
        self._path = path

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, number: int) -> Document:
        start, end = int(self._offsets[number]), int(self._offsets[number + 1])
        with boundary(
            SearchUnavailable, f"reading {self._path}", _BROKEN, expected=(OSError, ValueError, TypeError)
        ):
            return Document(**json.loads(os.pread(self._file, end - start, start)))

    def __iter__(self) -> Iterator[Document]:
        return (self[number] for number in range(len(self)))

    def find(self, url: str, key: bytes) -> Document | None:
        """The document of this address; `key` is its `url_key`."""
        wanted = np.uint64(int.from_bytes(key, "little"))
        place = int(np.searchsorted(self._urls[0], wanted))
        while place < len(self) and self._urls[0][place] == wanted:
            document = self[int(self._urls[1][place])]
            if document.url == url:
                return document
            place += 1
        return None

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
