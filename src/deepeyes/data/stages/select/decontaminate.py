"""Decontaminate: nothing that a benchmark asks may be learnt.

An item is contaminated when one of its images (its question's, not those its tools returned) looks like
one of a benchmark, or when its question is alike to a benchmark's, both as normalisation leaves them, and
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
from typing import Any, ClassVar, Self, cast

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator

from deepeyes.core.errors import InputError
from deepeyes.core.files import write_atomic
from deepeyes.core.images import ImageStore
from deepeyes.data.item import Item, Unusable
from deepeyes.data.old_names import renamed
from deepeyes.data.sources.images import read_image
from deepeyes.data.sources.readers import parsed, raw_rows, source_digest, to_item
from deepeyes.data.sources.source import Source, value_at
from deepeyes.data.sources.tags import without_tags
from deepeyes.data.stages.prepare.choices import split_choices
from deepeyes.data.stages.prepare.normalise import Normalisation
from deepeyes.data.stages.select.similarity import SimilarImages, SimilarTexts, fingerprint, plain_text
from deepeyes.data.stages.stage import Places, Stage

_FORM = 3
"""In which form questions are remembered; an index of another form is made again."""


class BenchmarkIndex(BaseModel):
    """What is remembered of a benchmark: how its images look and what it asks. Written as JSON."""

    model_config = ConfigDict(frozen=True)

    name: str
    digest: str
    """Of the benchmark's files and of the form in which they are remembered here."""
    rows: int
    unreadable: dict[str, int]
    """Rows of which nothing could be compared, by reason."""
    unreadable_images: int
    """Images that could not be read; their questions are compared all the same."""
    fingerprints: tuple[str, ...]
    questions: tuple[str, ...]

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, values: Any) -> Any:
        old = {"fingerprint": "digest", "lost": "unreadable_images", "looks": "fingerprints"}
        return renamed(values, old)


class Decontamination(Stage):
    """Keeps what no benchmark of `against` knows."""

    name: ClassVar[str] = "decontaminate"

    against: dict[str, Source] = Field(default_factory=dict[str, Source])
    distance: int = Field(default=20, ge=0, le=64)
    """Bits of 256 in which the hashes of two alike images may differ."""
    similarity: float = Field(default=0.8, gt=0, le=1)
    """How alike a question must be (Jaccard index of letter 5-grams)."""
    min_words: int = Field(default=8, ge=1)
    """Shorter questions ("What colour is the car?") are everybody's: they alone prove nothing."""
    folder: str = Field(default="benchmarks", exclude=True)
    """Where the indexes are; set by the run."""

    def prepare(self, places: Places) -> tuple[Self, dict[str, int]]:
        """Makes the indexes that are missing in the run's folder. Raises `InputError`."""
        notes: dict[str, int] = {}
        for name, source in self.against.items():
            index = index_of(name, source, places.benchmarks)
            notes[f"{name}: rows"] = index.rows
            notes[f"{name}: rows that could not be compared"] = sum(index.unreadable.values())
            notes[f"{name}: images that could not be read"] = index.unreadable_images
        return self.model_copy(update={"folder": str(places.benchmarks)}), notes

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        if not self.against:
            return list(items)
        paths = tuple(str(Path(self.folder) / f"{name}.json") for name in self.against)
        images, texts = _opened_indexes(paths, self.distance, self.similarity, self.min_words)
        return [self._judged(item, images, texts) for item in items]

    def _judged(self, item: Item, images: SimilarImages, texts: SimilarTexts) -> Item:
        for seen in item.fingerprints:
            found = images.find(seen)
            if found:
                return item.rejected(self.name, "benchmark_image", f"looks like one of {found[0]}")
        question = _normalised_question(item)
        if len(plain_text(question).split()) >= self.min_words:
            found = texts.find(question)
            if found:
                return item.rejected(self.name, "benchmark_question", f"asked by {found[0]}")
        return item


def index_of(name: str, source: Source, folder: Path) -> BenchmarkIndex:
    """The index of a benchmark, made and kept in `folder` unless it is there. Raises `InputError`."""
    path, digest = folder / f"{name}.json", f"{source_digest(source)}-{_FORM}"
    known = _read_index(path)
    if known is not None and known.digest == digest:
        return known
    source = source.model_copy(update={"needs_answer": False, "needs_image": False})
    unreadable: Counter[str] = Counter()
    fingerprints: dict[str, None] = {}
    questions: dict[str, None] = {}
    rows = unreadable_images = 0
    for number, raw in enumerate(raw_rows(source)):
        rows += 1
        store = ImageStore(None)
        item, _ = to_item(name, source, number, raw, store)
        images = [store.get(ref) for ref in item.task.images]
        if item.rejection is not None:
            reason = item.rejection.reason
            raw, images, missing = _readable_parts(source, raw)
            unreadable_images += missing
            item, _ = to_item(name, source, number, raw, store)
            if not item.kept and not images:
                unreadable[reason] += 1
        fingerprints.update(dict.fromkeys(map(fingerprint, images)))
        if item.kept:
            questions[_normalised_question(item)] = None
    if not fingerprints and not questions:
        why = ", ".join(f"{reason} {count}" for reason, count in unreadable.items()) or "it is empty"
        raise InputError(f"no row of the benchmark {name} can be compared ({why})", "mend its columns")
    index = BenchmarkIndex(
        name=name,
        digest=digest,
        rows=rows,
        unreadable=dict(unreadable),
        unreadable_images=unreadable_images,
        fingerprints=tuple(fingerprints),
        questions=tuple(questions),
    )
    write_atomic(path, index.model_dump_json(indent=1).encode())
    _opened_indexes.cache_clear()
    return index


def _normalised_question(item: Item) -> str:
    """The item's question as normalisation leaves it, or without its choices where that refuses it; images
    are compared by themselves, so they go unnamed. The first choice stands for the answer, which a benchmark
    may keep to itself.
    """
    options = item.options or split_choices(item.task.question)[1]
    answer = options[0] if options else "any"
    plain = item.with_task(question=without_tags(item.task.question), answer=answer, answers=())
    (opened,) = Normalisation()([plain])
    return split_choices(opened.task.question)[0]


def _readable_parts(source: Source, raw: tuple[Path, Any]) -> tuple[tuple[Path, Any], list[Image.Image], int]:
    """A row that cannot be used whole: with blanks in the places of its images; those of these that can be
    read; how many cannot.
    """
    root, value = raw
    try:
        row = dict(parsed(value))
    except Unusable:
        return raw, [], 0
    images: list[Image.Image] = []
    places = 0
    for column in ("images",) if source.kind in ("rl", "sharegpt") else source.columns.images:
        found = value_at(row, column) or []
        blanks: list[Image.Image] = []
        for cell in cast("list[object]", found) if isinstance(found, list) else [found]:
            places += 1
            blanks.append(Image.new("RGB", (places, 1)))  # no two alike: a row may not show one image twice
            with suppress(Unusable):
                images.append(read_image(cell, root))
        row[column] = blanks
    return (root, row), images, places - len(images)


def _read_index(path: Path) -> BenchmarkIndex | None:
    """The index that an earlier run wrote; None if there is none, or none that can be read."""
    try:
        return BenchmarkIndex.model_validate_json(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=2)
def _opened_indexes(
    paths: tuple[str, ...], distance: int, similarity: float, min_words: int
) -> tuple[SimilarImages, SimilarTexts]:
    """The indexes of all benchmarks in a form that finds; kept per process, they are read-only."""
    images, texts = SimilarImages(distance), SimilarTexts(similarity)
    for path in paths:
        index = BenchmarkIndex.model_validate_json(Path(path).read_text("utf-8"))
        for seen in index.fingerprints:
            images.add(seen, index.name)
        for question in index.questions:
            if len(plain_text(question).split()) >= min_words:
                texts.add(question, index.name)
    return images, texts
