"""Tokens as text, to shade a reply by how likely the model found each of them.

Traces keep numbers, because text does not say how it was cut into tokens. What always holds: a tokenizer is
read from a file on this disk and nothing of it is run; where there is none, tokens are shown as numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from itertools import groupby
from pathlib import Path
from typing import Any

from deepeyes.core.errors import InputError, boundary

_FILE = "tokenizer.json"
_RUN = 4
_EMBEDDED = "weights/base"
"""Every embedded model has the same tokenizer."""


@dataclass
class Tokenizers:
    """The tokenizers of the models of some traces; `given` is used for all models if there is one."""

    given: Path | None = None
    _known: dict[str, Any] = field(default_factory=dict[str, Any])

    def check(self) -> None:
        """Raises `InputError` if `given` cannot be read."""
        if self.given is not None:
            self._of("")

    def pieces(self, model: str, ids: Sequence[int]) -> list[str] | None:
        """The text of each token; None where nobody knows."""
        tokenizer = self._of(model)
        if tokenizer is None:
            return None
        return [tokenizer.decode([token], skip_special_tokens=False) for token in ids]

    def fed(self, model: str, ids: Sequence[int]) -> list[str]:
        """Tokens that were fed, in few words: a run of one token, as an image is, once with its length."""
        pieces = self.pieces(model, ids) or [str(token) for token in ids]
        found: list[str] = []
        for piece, run in groupby(pieces):
            count = len(list(run))
            found += [piece] * count if count < _RUN else [f"{piece}×{count}"]
        return found

    def _of(self, model: str) -> Any:
        name = "" if self.given is not None else model
        if name not in self._known:
            self._known[name] = _read(self.given) if self.given is not None else _found(model)
        return self._known[name]


def _found(model: str) -> Any:
    """The tokenizer of an embedded model, or of one in a folder that its name holds."""
    kind, _, place = model.partition(":")
    if place and (Path(place) / _FILE).is_file():
        folder = Path(place)
    elif kind == "nano" or kind.startswith("nano-"):
        with as_file(files("deepeyes.models.nano") / _EMBEDDED) as found:
            folder = found
    else:
        return None
    try:
        return _read(folder)
    except InputError:
        return None


def _read(folder: Path) -> Any:
    path = folder / _FILE if folder.is_dir() else folder
    try:
        from tokenizers import Tokenizer
    except ImportError as problem:
        raise InputError("tokenizers is not installed", "pip install 'deepeyes[search]'") from problem
    with boundary(InputError, f"reading {path}", f"give a folder with a {_FILE}", expected=Exception):
        return Tokenizer.from_file(str(path))
