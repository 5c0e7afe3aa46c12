"""Documents about a few places, and an encoder whose meanings are known."""

from collections.abc import Sequence

import numpy as np

from deepeyes.search.base import Document
from deepeyes.search.text.vectors import DIM, Floats

CONCEPTS = {
    "religion": ("religions", "faiths", "faith", "churches"),
    "money": ("exports", "economy", "sells", "trade", "abroad"),
    "weather": ("climate", "weather", "rain", "rainy"),
    "power": ("electricity", "coal", "dams"),
}


class Concepts:
    """A text points to the concepts whose words it has."""

    name = "concepts"

    def __init__(self) -> None:
        self.made: list[str] = []

    def encode(self, texts: Sequence[str]) -> Floats:
        self.made += texts
        rows = np.zeros((len(texts), DIM), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[DIM - 1] = 0.1
            for place, known in enumerate(CONCEPTS.values()):
                row[place] = sum(word in text.lower() for word in known)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


PLACES = ("France", "Chad", "Japan", "Peru", "Oman", "Côte d'Ivoire")


def places() -> list[Document]:
    found: list[Document] = []
    for place in PLACES:
        base = f"world://country/{place.lower()}"
        people = f"Religions: most of {place} goes to church\n\nLanguages: several are spoken in {place}"
        land = f"Climate: rainy in {place}, dry in the south\n\nTerrain: hills of {place}"
        trade = f"Exports: {place} sold machines to France and Japan\n\nElectricity: from dams"
        for section, text in (("people", people), ("land", land), ("trade", trade)):
            found.append(
                Document(f"{base}/{section}", f"{place}: {section.title()}", text, "2025", "made up, CC0")
            )
    return found
