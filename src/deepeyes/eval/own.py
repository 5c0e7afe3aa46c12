"""One's own questions as a benchmark: a file of rows, a folder, or what this program wrote before.

`source` may name
- a .jsonl, .json, .csv, .tsv or .parquet file of rows, or a folder of such files; of a folder that has a
  `metadata` file of these kinds it is that one (its images lie beside it);
- a file of tasks, one a line, or a folder of runs (`--out`, `data export --format traces`): their tasks are
  asked again.

What always holds: a row that cannot be asked stops the run before anything was asked, with its place and what
to do, or with `skip` is left out and counted (an image that cannot be decoded when its turn comes); no two
tasks have the same id.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pydantic import Field

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageRef, ImageStore
from deepeyes.core.task import Task
from deepeyes.eval.own_columns import OwnColumns
from deepeyes.eval.own_rows import CannotAsk, questions_in
from deepeyes.eval.plan import EvalPlan

_LOG = logging.getLogger(__name__)

_ALL = 10**9
_TOLD = 3
"""Rows left out that are told of one by one."""


class QuestionsPlan(EvalPlan):
    """Questions of a file or folder, in its order."""

    benchmark: str = "questions"
    n: int = Field(default=_ALL, ge=1)
    """The first so many; by default all."""
    source: str = ""
    """The file or folder."""
    images: str = ""
    """Where relative image paths start; by default the folder of the file."""
    columns: OwnColumns = OwnColumns()
    separator: str = ""
    """What separates several right answers inside one text, such as " or "."""
    skip: bool = False
    """Whether rows that cannot be asked are left out, and counted."""

    def checked(self) -> QuestionsPlan:
        """The plan with `n` as large as what there is to ask. Images are looked for and not decoded.

        Raises `InputError` for the first row that cannot be asked, and if there is none that can.
        """
        if not self.source:
            raise InputError("no questions are named", "name a file or folder: deepeyes eval run FILE")
        size = sum(1 for _ in islice(self._usable(Counter(), None), self.n))
        if not size:
            raise InputError(f"{self.source} holds no question", "write a row for each, with its answer")
        return self.model_copy(update={"n": size})

    def tasks(self, images: ImageStore) -> Iterator[Task]:
        left_out, blind = Counter[str](), 0
        for task in islice(self._usable(left_out, images), self.n):
            blind += not task.images
            yield task
        if left_out:
            reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
            _LOG.warning("%d rows of %s were left out: %s", left_out.total(), self.source, reasons)
        if blind:
            _LOG.warning("%d questions of %s have no image", blind, self.source)

    def _usable(self, left_out: Counter[str], images: ImageStore | None) -> Iterator[Task]:
        """The questions that can be asked, their images put into `images`, or only looked for."""
        places, known = dict[str, str](), dict[Path, ImageRef]()
        root = Path(self.images) if self.images else None
        for question in questions_in(Path(self.source), self.columns, self.separator, root):
            try:
                if isinstance(question, CannotAsk):
                    raise question
                task = question.with_images(images, known)
            except CannotAsk as error:
                if not self.skip:
                    raise
                left_out[error.reason.replace("_", " ")] += 1
                if images is not None and left_out.total() <= _TOLD:
                    _LOG.warning("left out: %s", error.message)
                continue
            if task.id in places:
                raise InputError(
                    f"{question.place} has the id {task.id!r} of {places[task.id]}",
                    "give each its own, name another column with --column id=NAME, or number the rows with "
                    "--column id=-",
                )
            places[task.id] = question.place
            yield task
