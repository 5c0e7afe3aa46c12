"""A curation's folder to look at: every row of its sources, what became of it and why.

What always holds: a row is shown in the last state that is on disk, also of a curation that is still at work;
what cannot be read is told in `problems`; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.data.item import Item, TraceRef, Trial
from deepeyes.data.run.folder import RECIPE_FILE, RunFolder, StageCount

M = TypeVar("M", bound=BaseModel)
ITEMS_FILE = "items.jsonl"
PROMPTS_FILE = "prompts.jsonl"
"""What `data export --format traces` writes beside the traces."""


@dataclass
class Curation:
    """One folder of `data curate`, or the prompts of one split that `data export` wrote."""

    path: Path
    label: str
    items: list[Item] = field(default_factory=list[Item])
    trials: dict[TraceRef, Trial] = field(default_factory=dict[TraceRef, Trial])
    """What was found out about each attempt of a teacher."""
    counts: list[StageCount] = field(default_factory=list[StageCount])
    problems: list[str] = field(default_factory=list[str])
    _state: tuple[tuple[str, float], ...] = ()

    @property
    def images(self) -> ImageStore:
        return ImageStore(RunFolder(self.path).images)

    def read(self) -> bool:
        """Take in what is on disk now; whether that is something else than before."""
        files = [self.path / PROMPTS_FILE] if (self.path / PROMPTS_FILE).is_file() else []
        files += sorted(self.path.glob("stages/[0-9]*/part-*.jsonl"))
        state = tuple((str(path), path.stat().st_mtime) for path in files)
        if state == self._state:
            return False
        self._state = state
        self.problems.clear()
        last: dict[tuple[str, int], Item] = {}
        for path in files:
            prompts = path.name == PROMPTS_FILE
            for item in self._prompts(path) if prompts else self._whole(path):
                last[item.source, item.row] = item
        self.items = list(last.values())
        self.trials = {trial.ref: trial for item in self.items for trial in item.trials}
        self.counts = list(self._counts())
        return True

    def _whole(self, path: Path) -> Iterator[Item]:
        return (item for _, item in _read(path, Item, self.problems))

    def _prompts(self, path: Path) -> Iterator[Item]:
        for row, task in _read(path, Task, self.problems):
            yield Item(task=task, source=self.label, row=row, route="rl", split=task.split)

    def _counts(self) -> Iterator[StageCount]:
        for stage in RunFolder(self.path).stages():
            try:
                count = stage.count()
            except InputError as problem:
                self.problems.append(f"{problem}.")
                continue
            if count is not None:
                yield count


def curation_at(folder: Path) -> Path | None:
    """The curation's folder if `folder` holds the traces of a part of one of its stages."""
    above = folder.parents[2] if len(folder.parents) > 2 else folder
    inside = folder.parent.parent.name == "episodes" and folder.name.startswith("part-")
    return above if inside and ((above / RECIPE_FILE).exists() or (above / "stages").is_dir()) else None


def is_curation(folder: Path) -> bool:
    return (folder / "stages").is_dir() and any(folder.glob("stages/[0-9]*"))


def exported_trials(folder: Path, problems: list[str]) -> dict[str, Trial]:
    """What an export says about the traces in `folder`, by the traces' ids; empty where it says nothing."""
    path = folder / ITEMS_FILE
    if not path.is_file():
        return {}
    items = [item for _, item in _read(path, Item, problems)]
    return {
        item.trace.id: Trial(teacher="", ref=item.trace, masked_turns=item.masked_turns)
        for item in items
        if item.trace is not None
    }


def _read(path: Path, model: type[M], problems: list[str]) -> Iterator[tuple[int, M]]:
    """(number from 0, object) of each line that can be read; the others are told in `problems`."""
    for number, line in enumerate(path.read_bytes().split(b"\n")):
        if line:
            try:
                yield number, model.model_validate_json(line)
            except ValidationError:
                problems.append(f"Line {number + 1} of {path} cannot be read.")
