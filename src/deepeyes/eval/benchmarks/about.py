"""What is known of a published benchmark before any of its rows is read.

What always holds: it is data; columns, splits and sizes are those that were read in its publication or in the
code that others read it with, and a table that differs is told of or refused.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Hub:
    """A data set on the Hugging Face hub."""

    id: str
    """Empty for one that is on no hub."""
    split: str = "test"
    config: str = ""
    revision: str = ""
    """Empty for the newest, which is then pinned for the run."""
    files: tuple[str, ...] = ()
    """Patterns of what to fetch where the data set is plain files with images beside them; empty where the
    `datasets` library reads it by config and split.
    """
    page: str = ""
    """Where one lies that is on no hub."""

    def fetch(self) -> str:
        """What its user has to do where there is a network."""
        if not self.id:
            return f"get it from {self.page}"
        revision = f" --revision {self.revision}" if self.revision else ""
        return f"run `hf download {self.id} --repo-type dataset{revision} --local-dir DIR`"


@dataclass(frozen=True)
class About:
    """One benchmark. Columns are named with alternatives, "image|decoded_image": the first that a row has."""

    name: str
    """As in `registry`."""
    title: str
    paper: str
    hub: Hub
    n: int
    """Questions that are published; 0 where nobody says."""
    licence: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    images: tuple[str, ...] = ("image",)
    """Columns with images, joined in this order; `None` and empty ones are passed over."""
    scorer: str = ""
    """The published rule, by its name in `grading/scorers`; empty where there is none, or none without a
    model: then our own rules decide.
    """
    official: str = "accuracy"
    """What is published as its score, and who decides."""
    searches: bool = False
    """Whether the paper's protocol has search on."""
    needs_image: bool = True
    samples: int = 1
    """Over how many samples of a question the published score is the mean."""
    note: str = ""
    """A trap that whoever runs it should know, in one sentence."""

    def missing(self, columns: Collection[str]) -> list[str]:
        """The required columns that are not among `columns`."""
        return [names for names in self.required if not any(name in columns for name in names.split("|"))]

    def image_columns(self) -> frozenset[str]:
        """Every column that may hold an image."""
        return frozenset(name for names in self.images for name in names.split("|"))
