"""Decontaminate: nothing that a benchmark asks may be learnt.

An item is contaminated when one of its pictures (its question's, not those its tools returned) looks like a
picture of a benchmark, or when its question is alike to a benchmark's, both as normalisation leaves them, and
long enough that this is no accident. What always holds: a benchmark that cannot be read stops the run before
anything is decided, and its rows that could not be compared are counted in its index, because a silent gap
here would be a lie later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, cast

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from deepeyes.core.config import Config
from deepeyes.core.errors import InputError
from deepeyes.core.files import write_atomic
from deepeyes.core.images import ImageStore
from deepeyes.data.item import Item, Lane, Unfit
from deepeyes.data.sources.images import load_picture
from deepeyes.data.sources.readers import fingerprint, parsed, raw_rows, to_item
from deepeyes.data.sources.source import Source, value_at
from deepeyes.data.stages.prepare.normalise import OpenEnded, split_choices
from deepeyes.data.stages.select.similarity import Lookalikes, Textalikes, look, plain_text
from deepeyes.data.stages.stage import EVERY

_FORM = 2
"""In which form questions are remembered; an index of another form is made again."""


class BenchmarkIndex(BaseModel):
    """What is remembered of a benchmark: how its pictures look and what it asks. Written as JSON."""

    model_config = ConfigDict(frozen=True)

    name: str
    fingerprint: str
    rows: int
    unreadable: dict[str, int]
    """Rows of which nothing could be compared, by reason."""
    lost: int
    """Pictures that could not be read; their questions are compared all the same."""
    looks: tuple[str, ...]
    questions: tuple[str, ...]


class Decontaminate(Config):
    """Keeps what no benchmark of `against` knows."""

    name: ClassVar[str] = "decontaminate"
    lanes: ClassVar[tuple[Lane, ...]] = EVERY

    against: dict[str, Source] = Field(default_factory=dict[str, Source])
    distance: int = Field(default=20, ge=0, le=64)
    """Bits of 256 in which the hashes of two alike pictures may differ."""
    similarity: float = Field(default=0.8, gt=0, le=1)
    """How alike a question must be (Jaccard index of letter 5-grams)."""
    min_words: int = Field(default=8, ge=1)
    """Shorter questions ("What colour is the car?") are everybody's: they alone prove nothing."""
    folder: str = Field(default="benchmarks", exclude=True)
    """Where the indexes are; set by the run."""

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        if not self.against:
            return list(items)
        paths = tuple(str(Path(self.folder) / f"{name}.json") for name in self.against)
        pictures, texts = _memory(paths, self.distance, self.similarity, self.min_words)
        return [self._judged(item, pictures, texts) for item in items]

    def _judged(self, item: Item, pictures: Lookalikes, texts: Textalikes) -> Item:
        for seen in item.looks:
            found = pictures.find(seen)
            if found:
                return item.rejected(self.name, "benchmark_image", f"looks like one of {found[0]}")
        question = _bare(item)
        if len(plain_text(question).split()) >= self.min_words:
            found = texts.find(question)
            if found:
                return item.rejected(self.name, "benchmark_question", f"asked by {found[0]}")
        return item

    def prepare(self) -> list[BenchmarkIndex]:
        """Make sure the indexes are in `folder`; call it once before the stage. Raises `InputError`."""
        return [_prepared(name, source, Path(self.folder)) for name, source in self.against.items()]


def _prepared(name: str, source: Source, folder: Path) -> BenchmarkIndex:
    path, mark = folder / f"{name}.json", f"{fingerprint(source)}-{_FORM}"
    known = _remembered(path)
    if known is not None and known.fingerprint == mark:
        return known
    source = source.model_copy(update={"needs_answer": False, "needs_image": False})
    unreadable: Counter[str] = Counter()
    looks: dict[str, None] = {}
    questions: dict[str, None] = {}
    rows = lost = 0
    for number, raw in enumerate(raw_rows(source)):
        rows += 1
        images = ImageStore(None)
        item, _ = to_item(name, source, number, raw, images)
        pictures = [images.get(ref) for ref in item.task.images]
        if item.rejection is not None:
            reason = item.rejection.reason
            raw, pictures, missing = _taken_apart(source, raw)
            lost += missing
            item, _ = to_item(name, source, number, raw, images)
            if not item.kept and not pictures:
                unreadable[reason] += 1
        looks.update(dict.fromkeys(map(look, pictures)))
        if item.kept:
            questions[_bare(item)] = None
    if not looks and not questions:
        why = ", ".join(f"{reason} {count}" for reason, count in unreadable.items()) or "it is empty"
        raise InputError(f"no row of the benchmark {name} can be compared ({why})", "mend its columns")
    index = BenchmarkIndex(
        name=name,
        fingerprint=mark,
        rows=rows,
        unreadable=dict(unreadable),
        lost=lost,
        looks=tuple(looks),
        questions=tuple(questions),
    )
    write_atomic(path, index.model_dump_json(indent=1).encode())
    return index


def _bare(item: Item) -> str:
    """The item's question as normalisation leaves it, or without its choices where that refuses it. The first
    choice stands for the answer, which a benchmark may keep to itself.
    """
    options = item.options or split_choices(item.task.question)[1]
    (opened,) = OpenEnded()([item.with_task(answer=options[0] if options else "any", answers=())])
    return split_choices(opened.task.question)[0]


def _taken_apart(source: Source, raw: tuple[Path, Any]) -> tuple[tuple[Path, Any], list[Image.Image], int]:
    """A row that cannot be used whole: with blanks in the places of its pictures; those of these that can be
    read; how many cannot.
    """
    root, value = raw
    try:
        row = dict(parsed(value))
    except Unfit:
        return raw, [], 0
    pictures: list[Image.Image] = []
    places = 0
    for column in ("images",) if source.kind in ("rl", "sharegpt") else source.columns.images:
        found = value_at(row, column) or []
        blanks: list[Image.Image] = []
        for cell in cast("list[object]", found) if isinstance(found, list) else [found]:
            places += 1
            blanks.append(Image.new("RGB", (places, 1)))  # no two alike: a row may not show one picture twice
            with suppress(Unfit):
                pictures.append(load_picture(cell, root))
        row[column] = blanks
    return (root, row), pictures, places - len(pictures)


def _remembered(path: Path) -> BenchmarkIndex | None:
    """The index that an earlier run wrote; None if there is none, or none that can be read."""
    try:
        return BenchmarkIndex.model_validate_json(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=2)
def _memory(
    paths: tuple[str, ...], distance: int, similarity: float, min_words: int
) -> tuple[Lookalikes, Textalikes]:
    """The indexes of all benchmarks in a form that finds; kept per process, they are read-only."""
    pictures, texts = Lookalikes(distance), Textalikes(similarity)
    for path in paths:
        index = BenchmarkIndex.model_validate_json(Path(path).read_text("utf-8"))
        for seen in index.looks:
            pictures.add(seen, index.name)
        for question in index.questions:
            if len(plain_text(question).split()) >= min_words:
                texts.add(question, index.name)
    return pictures, texts
