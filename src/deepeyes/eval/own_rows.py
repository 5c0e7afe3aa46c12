"""The questions of a file or folder, each with its images before they are read.

What always holds: every row comes, in the order of the file, as a question or as the error that says where it
is, what it lacks and what to do; nothing is fetched from a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageRef, ImageStore
from deepeyes.core.task import Task, same_question
from deepeyes.core.text import encodable
from deepeyes.core.trace import IMAGES_FOLDER, TRACES_FILE, read_traces
from deepeyes.data.item import Unusable
from deepeyes.data.sources.images import check_image, images_of, read_image
from deepeyes.data.sources.numbered import numbered_rows
from deepeyes.data.sources.tags import name_images
from deepeyes.eval.benchmarks.tables import open_local
from deepeyes.eval.own_columns import Found, OwnColumns
from deepeyes.eval.runs import find_runs
from deepeyes.grading.options import with_options

TABLES = (".parquet", ".jsonl", ".csv", ".tsv", ".json")
_METADATA = "metadata"
_TRACE = frozenset(("task", "stop_reason", "turns"))
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
    described = [file for ending in TABLES if (file := path / f"{_METADATA}{ending}").is_file()]
    place = described[0] if described else path
    if place.name == TRACES_FILE or (place.is_dir() and _holds_runs(place)):
        yield from _asked_before(place)
        return
    try:
        table = open_local(place, "", "", root)
    except InputError as error:
        remedy = f"name a file of questions: {', '.join(TABLES)}" if place.is_dir() else error.remedy
        raise InputError(error.message, remedy) from error
    if not _TRACE - set(table.columns):
        yield from _asked_before(Path(table.place))
    elif not _TASK - set(table.columns) and (file := Path(table.place)).is_file():
        for line, row in numbered_rows(file, numbers=True):
            yield _task(line, row, root or file.parent)
    else:
        found: Found | None = None
        for number, (start, (line, row)) in enumerate(table.rows(()), 1):
            if isinstance(row, InputError):
                yield CannotAsk.of(row, line)
            else:
                found = found or columns.found_in(table.columns, path.name)
                yield _row(line, row, found, separator, start, (str(number), path.stem))


def _holds_runs(folder: Path) -> bool:
    """Whether traces are all that there is to ask: a run, or runs below."""
    rows = any(file.suffix in TABLES for file in folder.iterdir())
    return (folder / TRACES_FILE).is_file() or (not rows and any(folder.rglob(TRACES_FILE)))


def _asked_before(path: Path) -> Iterator[Question | CannotAsk]:
    """The tasks of the traces of a file, or of all runs below a folder, once each."""
    if path.is_dir():
        found = [(run.label, run.images, run.traces()) for run in find_runs([path])]
    else:
        found = [(path.name, ImageStore(path.parent / IMAGES_FOLDER), read_traces(path))]
    seen: dict[str, Task] = {}
    for label, store, traces in found:
        for task in (trace.task for trace in traces):
            if task.id not in seen or not same_question(seen[task.id], task):
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


def _as_written(task: Task, place: str, folder: Path, store: ImageStore) -> Question | CannotAsk:
    """A task that is complete; its images are in `store`, or where it says in `folder`."""
    if not task.answer:
        return CannotAsk(f"{place} has no reference", f"give it an answer, {_SKIP}", "no_answer")
    file = task.meta.get("file")
    beside = bool(task.images) and isinstance(file, str) and task.images[0] not in store
    return Question(place, task, (file,) if beside else (), folder, store)


def _row(
    place: str, row: Mapping[str, Any], found: Found, separator: str, root: Path, own: tuple[str, str]
) -> Question | CannotAsk:
    """A row of a table; `own` is its id where it has none, and its family where it tells none."""
    try:
        task = found.reference(row, separator, place)
        if not task.question.strip():
            raise Unusable("no_question", "it has no question")
        images = tuple(one for value in found.images(row) for one in images_of(value))
        question = _named(task.question, len(images))
        told = found.labels(row)
    except InputError as error:
        return CannotAsk.of(error, place)
    fields = {
        "id": task.id if found.names.id else own[0],
        "question": with_options(question, task.answer_form.options),
        "family": encodable(own[1]),
        "source": encodable(place.rpartition(" of ")[2]),
        **told,
    }
    return Question(place, task.model_copy(update=fields), images, root, ImageStore())


def _task(place: str, row: Mapping[str, Any] | InputError, root: Path) -> Question | CannotAsk:
    """A task as this program writes it."""
    if isinstance(row, InputError):
        return CannotAsk.of(row, place)
    try:
        task = Task.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return CannotAsk(f"{place} is no task ({where}: {first['msg'].lower()})", f"mend it, {_SKIP}")
    return _as_written(task, place, root, ImageStore(root / IMAGES_FOLDER))
