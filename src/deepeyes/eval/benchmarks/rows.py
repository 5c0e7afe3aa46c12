"""A published benchmark as a plan: the rows of its table, each as tasks.

An entry is a subclass that declares what is known (`about`) and says what a row asks (`task`). What always
holds: columns, ids and every question are looked at before the first is asked, images only when their turn
comes; a row that cannot be used is told of with its place, and left out only where the plan says so; the same
plan draws the same tasks, and a larger `n` only adds to them.
"""

from __future__ import annotations

import logging
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, PrivateAttr, model_validator

from deepeyes.agent.agent import Agent
from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.data.item import Unusable
from deepeyes.eval.benchmarks.about import About
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.hub import open_hub
from deepeyes.eval.benchmarks.row_images import RowImages, lender
from deepeyes.eval.benchmarks.scores import chance
from deepeyes.eval.benchmarks.tables import Table, open_local
from deepeyes.eval.plan import EvalPlan
from deepeyes.harness.setup import Tell
from deepeyes.models.base import ChatModel

_LOG = logging.getLogger(__name__)

_ALL = 1_000_000
_IS_ID = re.compile(r"(?!.*\.(?:parquet|jsonl?|[tc]sv)$)\w[\w.-]*/[\w.-]+", re.ASCII)
"""A name on the hub, which is no name of a file."""


class _Asked(NamedTuple):
    """One question, in the order of the table."""

    id: str
    group: str
    row: int
    place: int
    """Among the questions of its row."""


@dataclass(frozen=True)
class _Drawn:
    """All that a table asks, before any image was looked at."""

    table: Table
    asked: tuple[_Asked, ...]
    lenders: frozenset[str]
    """Indices of rows whose image other rows name."""
    notes: tuple[str, ...]


class RowsPlan(EvalPlan):
    """The settings that all published benchmarks share."""

    about: ClassVar[About]

    n: int = Field(default=_ALL, ge=1)
    """How many questions at most, all by default. Fewer are drawn by `seed`, whole groups first."""
    source: str = ""
    """A file, a folder, or an id on the hub (`owner/name`); empty for where it is published."""
    split: str = ""
    """Empty for the one that is published for evaluation."""
    config: str = ""
    """Of a data set with several configurations."""
    revision: str = ""
    """Of a data set on the hub."""
    images: str = ""
    """The folder where relative image paths start; empty for the folder of the file."""
    skip: bool = False
    """Whether rows that cannot be used are left out and counted; otherwise they are an error."""
    protocol: Literal["paper", "open"] = "paper"
    """`paper`: search is off except in search benchmarks, whatever `search` says. `open`: as that says."""

    _drawn: tuple[str, _Drawn] | None = PrivateAttr(default=None)
    _told: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="before")
    @classmethod
    def _published(cls, values: Any) -> Any:
        """Its name, and its published rule where nobody names another (`grading.scorer = ""`: our own)."""
        if not isinstance(values, dict):
            return values
        graded = values.get("grading", {})
        if isinstance(graded, dict):
            graded = {"scorer": cls.about.scorer, **graded}
        return {**values, "benchmark": values.get("benchmark") or cls.about.name, "grading": graded}

    @abstractmethod
    def task(self, row: Fields) -> Task:
        """What a row asks, without its images; its id need only be the row's own. Raises `Unusable`."""

    def asked(self, row: Fields) -> Iterable[Task]:
        """All that a row asks: several questions, or none where it is not wanted. Raises `Unusable`."""
        return (self.task(row),)

    def checked(self) -> Self:
        """The plan with `n` as large as what there is to ask. Raises `InputError`."""
        drawn = self._open()
        size = min(self.n, len(drawn.asked))
        update: dict[str, Any] = {"n": size}
        notes = list(drawn.notes)
        if self.search and self.tools and not self._searches:
            update["search"] = ()
            notes.append(
                f"{self.about.title} is asked without search, as in the paper: --set protocol=open allows it"
            )
        elif self.about.searches and self.tools and not self.search:
            notes.append(
                f"{self.about.title} is a search benchmark and nothing is searched: give --set search=[...]"
            )
        plan = self.model_copy(update=update)
        plan._told = tuple(dict.fromkeys((*self._told, *notes)))
        plan._drawn = (plan._key(), drawn)
        return plan

    def open(self, tell: Tell, model: ChatModel | None = None) -> AbstractAsyncContextManager[Agent]:
        for note in self._told:
            tell(note)
        return super().open(tell, model)

    def tasks(self, images: ImageStore) -> Iterator[Task]:
        drawn = self._open()
        wanted: dict[int, list[_Asked]] = {}
        for one in _chosen(drawn.asked, self.n, self.seed):
            wanted.setdefault(one.row, []).append(one)
        reader = RowImages(self.about, images)
        for number, (root, (place, row)) in enumerate(drawn.table.rows(())):
            if not wanted:
                return
            if not isinstance(row, Mapping):
                continue
            index = str(row.get("index", ""))
            if number not in wanted and index not in drawn.lenders:
                continue
            try:
                refs = reader.read(row, root, index)
                again = list(self.asked(Fields(row, root, number))) if number in wanted else []
            except Unusable as unusable:
                if number in wanted and not self.skip:
                    raise _refused(1, len(drawn.asked), place, unusable) from unusable
                if wanted.pop(number, None):
                    _LOG.warning("%s is left out: %s", place, unusable.detail)
                continue
            for one in wanted.pop(number, ()):
                task = again[one.place].model_copy(update={"images": refs})
                yield self._told_apart(task, one.id, drawn.table)

    def numbers(self, traces: Sequence[Trace]) -> dict[str, Any]:
        """The chance level, and the official score where it is more than an accuracy."""
        return chance(traces) | self.official(traces)

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        """As `numbers`, of this benchmark's own score; nothing where that is the accuracy."""
        return {}

    @property
    def _searches(self) -> bool:
        return self.about.searches or self.protocol == "open"

    def _key(self) -> str:
        return self.model_dump_json(exclude={"n", "samples", "search"})

    def _open(self) -> _Drawn:
        if self._drawn is not None and self._drawn[0] == self._key():
            return self._drawn[1]
        table = self._table()
        if missing := self.about.missing(table.columns):
            lacks = ", ".join(names.replace("|", " or ") for names in missing)
            raise InputError(
                f"{table.place} lacks {'columns' if len(missing) > 1 else 'the column'} {lacks} of "
                f"{self.about.title}; it has {', '.join(table.columns) or 'none'}",
                "give the table as published, or rename its columns",
            )
        drawn = self._read(table)
        self._drawn = (self._key(), drawn)
        return drawn

    def _table(self) -> Table:
        hub, root = self.about.hub, Path(self.images) if self.images else None
        split, config = self.split or hub.split, self.config or hub.config
        here = Path(self.source).expanduser()
        if not self.source and not hub.id:
            raise InputError(
                f"{self.about.title} is on no hub", f"{hub.fetch()}, then give it with --set source=DIR"
            )
        if self.source and (here.exists() or not _IS_ID.fullmatch(self.source)):
            return open_local(here, split, config, root)
        if self.source and self.source != hub.id:
            hub = replace(hub, id=self.source, revision="", files=())
        revision = self.revision or hub.revision
        return open_hub(replace(hub, split=split, config=config, revision=revision), root)

    def _told_apart(self, task: Task, own: str, table: Table) -> Task:
        """A row's task under the name that it has among all benchmarks."""
        name, split = self.about.name, self.split or self.about.hub.split
        update = {"id": f"{name}/{own}", "family": name, "split": split, "source": table.place}
        return task.model_copy(update=update)

    def _read(self, table: Table) -> _Drawn:
        """Every row looked at but for its images."""
        seen = Counter[str]()
        asked: list[_Asked] = []
        refused: list[tuple[str, Unusable]] = []
        lenders: set[str] = set()
        rows = 0
        for number, (root, (place, row)) in enumerate(table.rows(self.about.image_columns())):
            rows += 1
            try:
                if not isinstance(row, Mapping):
                    raise Unusable("not_a_row", row.message)
                for order, task in enumerate(self.asked(Fields(row, root, number))):
                    if not task.question.strip() or not task.answer.strip():
                        raise Unusable("empty", "the question or the answer is empty")
                    seen[task.id] += 1
                    own = task.id if seen[task.id] == 1 else f"{task.id}~{seen[task.id]}"
                    asked.append(_Asked(own, task.group or own, number, order))
            except Unusable as unusable:
                refused.append((place, unusable))
            else:
                lenders |= lender(row)
        if not rows:
            raise InputError(f"{table.place} holds no rows", f"give {self.about.title} as it is published")
        if refused and (not self.skip or not asked):
            raise _refused(len(refused), rows, *refused[0])
        if not asked:
            raise InputError(f"no row of {table.place} is asked", "change the settings that choose rows")
        return _Drawn(table, tuple(asked), frozenset(lenders), self._notes(rows, refused, seen, len(asked)))

    def _notes(
        self, rows: int, refused: list[tuple[str, Unusable]], seen: Counter[str], tasks: int
    ) -> tuple[str, ...]:
        notes: list[str] = []
        twice = [own for own, times in seen.items() if times > 1]
        if twice:
            notes.append(f"{len(twice)} ids come more than once ({twice[0]}); the later ones got ~2, ~3, ...")
        if refused:
            place, unusable = refused[0]
            notes.append(
                f"{len(refused)} of {rows} rows are left out; the first is {place}: {unusable.detail}"
            )
        if self.about.n and tasks != self.about.n:
            notes.append(f"{self.about.title} has {self.about.n:,} questions as published, here {tasks:,}")
        return tuple(notes)


def _refused(many: int, rows: int, place: str, first: Unusable) -> InputError:
    which = f"{many} of {rows} rows cannot be used; the first is {place}" if many > 1 else place
    return InputError(f"{which}: {first.detail}", "mend it, or leave such rows out with --set skip=true")


def _chosen(asked: Sequence[_Asked], n: int, seed: int) -> Sequence[_Asked]:
    """`n` of them in their order, whole groups as far as they go, drawn so that more only add to fewer."""
    if n >= len(asked):
        return asked
    drawn = {one.group: sha256(f"{seed}/{one.group}".encode()).digest() for one in asked}
    places = sorted(range(len(asked)), key=lambda place: (drawn[asked[place].group], place))[:n]
    return [asked[place] for place in sorted(places)]
