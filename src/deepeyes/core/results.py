"""What a tool brings back, before and after the episode has named its images.

A tool gives facts (hits with their titles, links, scores and images; a page; what code printed), never the
words that a model reads: those are the dialect's. What always holds: a `ToolResult` holds pixels and lives as
long as its turn; an `Observation` holds the names of images, is what a trace keeps, and is within the limits.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from pydantic import BaseModel, ConfigDict

from deepeyes.core.messages import ImagePart
from deepeyes.core.text import Text, one_line

_LINE = 2_000
"""Characters of a title or snippet in `Observation.text`."""


@dataclass(frozen=True)
class Hit:
    """One result of a search, best first; `score` is comparable within one answer only."""

    title: str
    url: str
    snippet: str = ""
    date: str = ""
    """ISO 8601 (a year is enough); empty if unknown."""
    source: str = ""
    score: float = 0.0
    image: Image.Image | None = None
    """Thumbnail, at most 256 pixels a side."""
    flags: tuple[str, ...] = ()
    """What the guard noticed, such as `contaminated`."""


class Page(BaseModel):
    """What was read of a page: `text` is all of it, or the parts that were asked for."""

    model_config = ConfigDict(frozen=True)

    url: Text
    title: Text = ""
    text: Text = ""
    date: Text = ""


@dataclass(frozen=True)
class ToolResult:
    """What came back. `status` is ok, error, interrupted, timeout, crashed or session_lost."""

    status: str = "ok"
    stdout: str = ""
    """Text of the tool's own; hits and pages are not repeated in it."""
    stderr: str = ""
    images: tuple[Image.Image, ...] = ()
    """At full size, in the order in which they were shown; those of hits are with the hits."""
    dropped: int = 0
    """Images that the tool itself left out."""
    seconds: float = 0.0
    hits: tuple[Hit, ...] | None = None
    """What a search found, best first: none is an answer too. None for everything that is no search."""
    query: str = ""
    """The words that were searched for."""
    searched_image: str = ""
    """The name of the image that was searched for, in a search by image."""
    page: Page | None = None

    @property
    def all_images(self) -> tuple[Image.Image, ...]:
        """Its own images and those of its hits, in the order in which they get their names."""
        return (*self.images, *(hit.image for hit in self.hits or () if hit.image is not None))


class SeenHit(BaseModel):
    """A `Hit` as the model was shown it and a trace keeps it."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    title: Text
    url: Text
    snippet: Text = ""
    date: Text = ""
    source: Text = ""
    score: float = 0.0
    image: str = ""
    """The name of its image, `image_N`; empty if it has none or the limits left it out."""
    flags: tuple[Text, ...] = ()


class Observation(BaseModel):
    """What came back after an action, as it was before the dialect put it into words (but cut to the
    limits).
    """

    model_config = ConfigDict(frozen=True)

    tool: str = ""
    """Empty when no tool ran: the reply was malformed."""
    status: str = "ok"
    """ok, error (the model's mistake), interrupted, timeout, crashed, session_lost, or malformed."""
    stdout: Text = ""
    """Text of the tool's own; in traces written before hits were kept, also the words of hits and pages."""
    stderr: Text = ""
    images: tuple[ImagePart, ...] = ()
    """The tool's own and those of hits."""
    dropped_images: int = 0
    """Images left out because a limit was reached."""
    seconds: float = 0.0
    hits: tuple[SeenHit, ...] | None = None
    """None for everything that is no search."""
    query: Text = ""
    searched_image: Text = ""
    page: Page | None = None

    @property
    def text(self) -> str:
        """All that came back as plain text, whatever its kind, for those who read traces.

        Not what the model read: its dialect's words are in the messages of the trace.
        """
        return self.stdout + "".join(self._listed())

    def _listed(self) -> list[str]:
        if self.page is not None:
            about = (self.page.title, self.page.url, self.page.date)
            return [one_line(" ".join(filter(None, about)), _LINE), f"\n{self.page.text}\n"]
        if self.hits is None:
            return []
        return [_entry(number, hit) for number, hit in enumerate(self.hits, 1)] or ["nothing was found\n"]


def _entry(number: int, hit: SeenHit) -> str:
    lines = [one_line(text, _LINE) for text in (hit.title, hit.url, hit.date, hit.snippet)]
    return f"{number}. " + "\n".join([lines[0] or "untitled", *filter(None, lines[1:])]) + "\n"
