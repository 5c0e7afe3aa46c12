"""The questions of a file or folder, each with its images before they are read.

What always holds: every row comes, in the order of the file, as a question or as the error that says where it
is, what it lacks and what to do; nothing is fetched from a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageRef, ImageStore
from deepeyes.core.task import Task
from deepeyes.core.text import encodable
from deepeyes.core.trace import IMAGES_FOLDER, TRACES_FILE, read_traces
from deepeyes.data.item import Unusable
from deepeyes.data.sources.images import check_image, images_of, read_image
from deepeyes.data.sources.numbered import numbered_rows
from deepeyes.data.sources.tags import name_images
from deepeyes.eval.own_columns import Found, OwnColumns
from deepeyes.eval.runs import find_runs
from deepeyes.grading.options import with_options

TABLES = (".parquet", ".jsonl", ".csv", ".tsv", ".json")
"""Endings of files of rows; of a folder those of the first one that it has are read."""
_METADATA = "metadata"
_LOOKED_AT = 100
"""Rows whose columns are looked at to know what the file has."""
_TASK = frozenset(("id", "question", "images", "answer", "answers", "truth", "meta"))
_PATH = 1_000
"""Characters; what is longer is no path but the image itself."""
_SKIP = "or leave such rows out with --skip"
_REMEDIES = {
    "image_missing": f"put it there, name its folder with --set images=FOLDER, {_SKIP}",
    "image_url": f"download it and name the file, {_SKIP}",
    "image_count": f"name all image columns with --column image=NAME, {_SKIP}",
    "no_question": f"give it one, {_SKIP}",
}


class CannotAsk(InputError):
    """A row that is no question; `reason` is a short name to count by."""

    def __init__(self, message: str, remedy: str = "", reason: str = "unreadable") -> None:
        super().__init__(message, remedy)
        self.reason = reason

    @classmethod
    def of(cls, error: InputError, place: str) -> CannotAsk:
        """The row at `place` is none because of `error`."""
        if isinstance(error, Unusable):
            remedy = _REMEDIES.get(error.reason, f"mend it, {_SKIP}")
            return cls(f"{place}: {error.detail}", remedy, error.reason)
        return cls(error.message, error.remedy or f"mend it, {_SKIP}")


@dataclass(frozen=True)
class Question:
    """A task whose images are not read yet."""

    place: str
    task: Task
    images: tuple[object, ...]
    """Each as the row has it; none where the task names those of `store`."""
    root: Path
    """Where relative paths start."""
    store: ImageStore

    def with_images(self, images: ImageStore | None, known: dict[Path, ImageRef]) -> Task:
        """The task, its images put into `images`; if that is None they are looked for and not decoded.

        `known` files are not read again. Raises `CannotAsk` for an image that is not there, or is no image.
        """
        try:
            if not self.images:
                if not all(ref in self.store for ref in self.task.images):
                    raise Unusable("image_missing", f"an image of it is not in {self.store.folder}")
                if images is not None:
                    images.copy_from(self.store, self.task.images)
                return self.task
            if images is None:
                for image in self.images:
                    check_image(image, self.root)
                return self.task
            refs = tuple(self._put(image, images, known) for image in self.images)
        except Unusable as error:
            raise CannotAsk.of(error, self.place) from error
        return self.task.model_copy(update={"images": refs})

    def _put(self, image: object, images: ImageStore, known: dict[Path, ImageRef]) -> ImageRef:
        if not isinstance(image, str) or len(image) > _PATH:
            return images.put(read_image(image, self.root))
        file = self.root / image
        if file not in known:
            known[file] = images.put(read_image(image, self.root))
        return known[file]


def questions_in(
    path: Path, columns: OwnColumns, separator: str, root: Path | None
) -> Iterator[Question | CannotAsk]:
    """Those of a file of rows, of tasks or of traces, or of a folder with such files or with runs below it.

    Relative image paths start at `root`, or where the file is. Raises `InputError` for what holds no
    questions, and for columns that are not there.
    """
    if not path.exists():
        raise InputError(f"there is no file or folder {path}", "check the path of the questions")
    files = _files(path)
    for file in files:
        if file.name == TRACES_FILE or file.is_dir():
            yield from _asked_before(file)
        else:
            yield from _File(file, columns, separator, root or file.parent, len(files) > 1).questions()


def _files(path: Path) -> list[Path]:
    """What a path stands for; a folder with runs below it stands for itself. Raises `InputError`."""
    if path.is_file():
        return [path]
    described = [file for ending in TABLES if (file := path / f"{_METADATA}{ending}").is_file()]
    if described or (path / TRACES_FILE).is_file():
        return described[:1] or [path]
    kinds = [sorted(path.glob(f"*{ending}")) for ending in TABLES]
    rows = [files for files in kinds[:-1] if files] or ([[path]] if any(path.rglob(TRACES_FILE)) else [])
    rows += [files for files in kinds[-1:] if files]
    if not rows:
        raise InputError(
            f"the folder {path} holds no questions",
            f"put a {_METADATA}.jsonl there, or name a file {', '.join(TABLES)}",
        )
    return rows[0]


def _asked_before(path: Path) -> Iterator[Question | CannotAsk]:
    """The tasks of the traces of a file, or of all runs below a folder, once each."""
    if path.is_dir():
        found = [(run.label, run.images, run.traces()) for run in find_runs([path])]
    else:
        found = [(path.name, ImageStore(path.parent / IMAGES_FOLDER), read_traces(path))]
    seen: dict[str, Task] = {}
    for label, store, traces in found:
        for task in (trace.task for trace in traces):
            if task.id not in seen or not _same(seen[task.id], task):
                seen[task.id] = task
                yield _as_written(task, f"task {task.id!r} of {label}", path, store)


def _named(question: str, images: int) -> str:
    """The question with the names of its images; as it is where one image holds all that it speaks of by
    number. Raises `Unusable`.
    """
    try:
        return name_images(question, images, composite=True)
    except Unusable:
        if images != 1:
            raise
        return question


def _same(one: Task, other: Task) -> bool:
    return (one.question, one.images, one.answer) == (other.question, other.images, other.answer)


def _as_written(task: Task, place: str, folder: Path, store: ImageStore) -> Question | CannotAsk:
    """A task that is complete; its images are in `store`, or where it says in `folder`."""
    if not task.answer:
        return CannotAsk(f"{place} has no reference", f"give it an answer, {_SKIP}", "no_answer")
    file = task.meta.get("file")
    beside = bool(task.images) and isinstance(file, str) and task.images[0] not in store
    return Question(place, task, (file,) if beside else (), folder, store)


@dataclass(frozen=True)
class _File:
    path: Path
    columns: OwnColumns
    separator: str
    root: Path
    several: bool
    """Whether it is one of several files, so that numbers of rows come again."""

    def questions(self) -> Iterator[Question | CannotAsk]:
        rows = numbered_rows(self.path)
        first = list(islice(rows, _LOOKED_AT))
        good = [row for _, row in first if not isinstance(row, InputError)]
        if good and good[0].keys() >= {"task", "stop_reason"}:
            yield from _asked_before(self.path)
        elif good and good[0].keys() >= _TASK:
            yield from (self._task(*row) for row in numbered_rows(self.path, numbers=True))
        else:
            names = dict.fromkeys(str(name) for row in good for name in row)
            found = self.columns.found_in(names, self.path.name) if good else None
            yield from (self._row(*row, found) for row in chain(first, rows))

    def _row(
        self, place: str, row: Mapping[str, Any] | InputError, found: Found | None
    ) -> Question | CannotAsk:
        try:
            if isinstance(row, InputError):
                raise row
            assert found is not None, "there is a good row"
            task = found.reference(row, self.separator, place)
            if not task.question.strip():
                raise Unusable("no_question", "it has no question")
            images = tuple(one for value in found.images(row) for one in images_of(value))
            question = _named(task.question, len(images))
            told = found.labels(row)
        except InputError as error:
            return CannotAsk.of(error, place)
        task = task.model_copy(
            update={
                "id": f"{self.path.stem}/{task.id}" if self.several and not found.names.id else task.id,
                "question": with_options(question, task.answer_form.options),
                "family": encodable(self.path.stem),
                "source": encodable(self.path.name),
                **told,
            }
        )
        return Question(place, task, images, self.root, ImageStore())

    def _task(self, place: str, row: Mapping[str, Any] | InputError) -> Question | CannotAsk:
        """A task as this program writes it."""
        if isinstance(row, InputError):
            return CannotAsk.of(row, place)
        try:
            task = Task.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            return CannotAsk(f"{place} is no task ({where}: {first['msg'].lower()})", f"mend it, {_SKIP}")
        return _as_written(task, place, self.root, ImageStore(self.root / IMAGES_FOLDER))
