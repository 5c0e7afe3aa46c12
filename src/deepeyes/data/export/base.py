"""What all exports share: the samples of a complete run, message by message, with their images.

What always holds: samples come in the order of the run's items; text that spells out a special token or a
image placeholder is made inert, so the number of placeholders is the number of images; an export is
written beside its place and moved there when it is complete; it replaces an earlier export, which is there
whole until then, and nothing else.
"""

from __future__ import annotations

import io
import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from deepeyes.core.actions import ToolCall, ToolSpec
from deepeyes.core.errors import InputError, boundary
from deepeyes.core.extras import needs
from deepeyes.core.files import replaced_folder
from deepeyes.core.images import ImageStore
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.data.item import Item
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.folder import RECIPE_FILE, RunFolder
from deepeyes.data.run.probe import noted_tools
from deepeyes.dialects.neutralise import neutralise_special
from deepeyes.dialects.registry import dialect_named
from deepeyes.tools.registry import tool_spec

SPLITS = ("train", "validation")
MARK = ".deepeyes-export"
"""A file that every export holds, so that the next one may take its place."""

Piece = str | Image.Image


@dataclass(frozen=True)
class PlainMessage:
    """One message: its role and its text and images in order."""

    role: str
    pieces: tuple[Piece, ...]

    @property
    def images(self) -> list[Image.Image]:
        return [piece for piece in self.pieces if isinstance(piece, Image.Image)]

    def text(self, placeholder: str) -> str:
        """The text, each image as `placeholder`."""
        return "".join(piece if isinstance(piece, str) else placeholder for piece in self.pieces)


@dataclass(frozen=True)
class Sample:
    """A conversation to imitate, or (without a trace) a prompt to answer."""

    item: Item
    trace: Trace | None
    messages: tuple[PlainMessage, ...]

    @property
    def images(self) -> list[Image.Image]:
        return [image for message in self.messages for image in message.images]


@dataclass(frozen=True)
class CompleteRun:
    """A complete run, ready to be exported."""

    run: RunFolder
    recipe: CurationRecipe
    items: tuple[Item, ...]

    @classmethod
    def open(cls, folder: Path) -> CompleteRun:
        """Raises `InputError` if there is no complete run in `folder`."""
        run = RunFolder(folder)
        if not (folder / RECIPE_FILE).exists():
            raise InputError(
                f"there is no curation run in {folder}", "give the folder of deepeyes data curate"
            )
        return cls(run, CurationRecipe.load(folder / RECIPE_FILE), tuple(run.final()))

    @property
    def images(self) -> ImageStore:
        return ImageStore(self.run.images)

    @property
    def tools(self) -> list[ToolSpec]:
        """What prompts name."""
        noted = {spec.name: spec for spec in noted_tools(self.run)}
        names = self.recipe.export.tools
        if names is None:
            return list(noted.values()) or [tool_spec("python")]
        return [noted.get(name) or tool_spec(name) for name in names]

    def imitations(self, split: str) -> Iterator[Sample]:
        """Conversations to learn from."""
        for item, trace in self.traced(split):
            yield Sample(item, trace, _taking_turns(map(self._said, trace.messages())))

    def traced(self, split: str) -> Iterator[tuple[Item, Trace]]:
        """Items with a trace, and the trace."""
        items = [item for item in self.items if item.trace is not None and item.split == split]
        traces = self.run.traces(item.trace for item in items if item.trace is not None)
        yield from zip(items, traces, strict=True)

    def prompts(self, split: str) -> Iterator[Sample]:
        """Questions for reinforcement learning, as the dialect opens an episode with them."""
        speech = dialect_named(self.recipe.export.dialect)
        system = speech.system(self.tools)
        vision = self.recipe.export.vision
        for item in self.items:
            if item.route != "rl" or item.split != split:
                continue
            images = [self.images.get(ref) for ref in item.task.images]
            parts = [
                ImagePart.of(f"image_{number}", image, ref, vision)
                for number, (image, ref) in enumerate(zip(images, item.task.images, strict=True), 1)
            ]
            opening = [speech.first_message(item.task.question, parts)]
            if system is not None:
                opening.insert(0, Message.make("system", system))
            yield Sample(item, None, tuple(self._said(message) for message in opening))

    def _said(self, message: Message) -> PlainMessage:
        pieces: list[Piece] = []
        for part in message.parts:
            if not isinstance(part, ImagePart):
                pieces.append(neutralise_special(part.text))
            elif self.recipe.export.images == "full":
                pieces.append(self.images.get(part.ref))
            else:
                pixels = part.with_pixels(self.images).pixels
                assert pixels is not None
                pieces.append(pixels)
        pieces += [neutralise_special(_in_words(call)) for call in message.tool_calls]
        return PlainMessage("user" if message.role == "tool" else message.role, tuple(pieces))


def _taking_turns(messages: Iterable[PlainMessage]) -> tuple[PlainMessage, ...]:
    """Neighbouring messages of one role as one: in some dialects a result and its images come as two."""
    turns: list[PlainMessage] = []
    for message in messages:
        if turns and turns[-1].role == message.role:
            message = replace(message, pieces=turns.pop().pieces + message.pieces)
        turns.append(message)
    return tuple(turns)


def _in_words(call: ToolCall) -> str:
    """A call that went through the server's own syntax, as the chat templates of Qwen's models write it."""
    said = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
    return f"\n<tool_call>\n{said}\n</tool_call>"


def form_text(task: Task) -> str:
    """What was declared of the answer's form, as JSON: with it a reward grades as this project does."""
    return task.answer_form.model_dump_json(exclude_defaults=True)


def png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG", compress_level=4)
    return data.getvalue()


@contextmanager
def fresh_folder(place: Path, run: Path) -> Generator[Path]:
    """An empty folder to write an export of `run` into, which takes `place` when the block ends well.

    Raises `InputError`, before anything is touched, for a place that holds anything but an earlier export.
    """
    place = place.resolve()
    _check_place(place, run.resolve())
    with replaced_folder(place) as building:
        (building / MARK).touch()
        yield building


def _check_place(place: Path, run: Path) -> None:
    inside = place.is_relative_to(run) and not place.is_relative_to(run / "export")
    if run.is_relative_to(place) or inside or place == run / "export":
        raise InputError(f"an export to {place} would destroy the run in {run}", "choose another --to")
    with boundary(InputError, f"looking into {place}", "choose another --to"):
        if place.exists() and not (place / MARK).exists() and any(place.iterdir()):
            raise InputError(
                f"{place} holds files that are no export", "choose another --to, or empty the folder yourself"
            )


def write_parquet(path: Path, features: Any, rows: Iterator[dict[str, Any]]) -> int:
    """Rows by `datasets` features into one file, without holding them; how many. No file for none."""
    with boundary(InputError, "writing parquet", needs("data"), expected=ImportError):
        import pyarrow  # pyright: ignore[reportMissingImports]
        from pyarrow import parquet  # pyright: ignore[reportMissingImports]
    schema: Any = features.arrow_schema
    writer: Any = None
    count = 0
    try:
        for batch in _batches(rows, 64):
            writer = writer or parquet.ParquetWriter(path, schema)
            writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    finally:
        if writer is not None:
            writer.close()
    return count


def _batches(rows: Iterator[dict[str, Any]], size: int) -> Iterator[Sequence[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
