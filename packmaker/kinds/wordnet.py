"""Reads WordNet's nouns: what a word means, what it is a kind of, and what else it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..pins import WORDNET
from .made import Packages

FIELDS = {
    5: "animal",
    6: "artifact",
    8: "body part",
    13: "food",
    17: "natural object",
    19: "phenomenon",
    20: "plant",
}
"""Numbers of the lexicographer files that hold visible things."""


@dataclass(frozen=True)
class Sense:
    """One meaning of a noun. `kind_of` and `parts` are other senses' keys."""

    key: str
    field: int
    words: tuple[str, ...]
    gloss: str
    kind_of: tuple[str, ...]
    parts: tuple[str, ...]

    @property
    def meaning(self) -> str:
        """The gloss without its examples."""
        return re.split(r"[;:] ?\"", self.gloss)[0].strip()


class Nouns:
    """All nouns and their senses, the most frequent sense first."""

    def __init__(self, packages: Packages) -> None:
        files = packages.files(
            WORDNET, lambda name: name.endswith(("wordnet/data.noun", "wordnet/index.noun"))
        )
        data = {name.rpartition("/")[2]: content.decode("latin-1") for name, content in files.items()}
        lines = (line for line in data["data.noun"].splitlines() if not line.startswith(" "))
        self._senses = {sense.key: sense for sense in map(_sense, lines)}
        self._index: dict[str, list[str]] = {}
        for line in data["index.noun"].splitlines():
            if not line.startswith(" "):
                parts = line.split()
                self._index[parts[0].replace("_", " ")] = parts[-int(parts[2]) :]

    def sense(self, key: str) -> Sense:
        return self._senses[key]

    def senses(self, word: str) -> list[Sense]:
        """The senses of a noun; plurals find their singular. Empty if it is no noun."""
        word = word.lower().replace("_", " ")
        for form in (word, re.sub(r"ies$", "y", word), re.sub(r"es$", "", word), re.sub(r"s$", "", word)):
            if form in self._index:
                return [self._senses[key] for key in self._index[form]]
        return []

    def visible(self, word: str) -> Sense | None:
        """The first sense of a noun if it is that of a thing one can see; else its second one, or None."""
        return next((sense for sense in self.senses(word)[:2] if sense.field in FIELDS), None)


def _sense(line: str) -> Sense:
    head, _, gloss = line.partition(" | ")
    parts = head.split()
    count = int(parts[3], 16)
    words = tuple(parts[4 + 2 * place].replace("_", " ") for place in range(count))
    links = parts[5 + 2 * count :]
    pairs = [(links[at], links[at + 1]) for at in range(0, len(links) - 3, 4)]
    kind_of = tuple(key for link, key in pairs if link in ("@", "@i"))
    return Sense(
        parts[0],
        int(parts[1]),
        words,
        gloss.strip(),
        kind_of,
        tuple(key for link, key in pairs if link == "%p"),
    )
