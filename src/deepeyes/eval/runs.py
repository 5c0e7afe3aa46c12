"""Runs on disk: what was asked, of whom, and the episodes.

A run is a folder with traces, and the plan they were made with where an evaluation made them. A folder of
several runs (several models; with tools and without) has them in folders below it. What always holds:
nothing here writes; a folder without any trace is an error that says so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepeyes.core.errors import InputError, boundary
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import IMAGES_FOLDER, TRACES_FILE, Trace, read_traces

PLAN_FILE = "plan.toml"


@dataclass(frozen=True)
class Run:
    """One folder of results."""

    folder: Path
    label: str
    """Tells it from the others that it was found with: its folder's name, or more of its path."""
    plan: Mapping[str, Any]
    """Its settings as in `plan.toml`; empty where there are none (a curation's traces, `ask --trace`)."""

    @property
    def benchmark(self) -> str:
        """Empty where nobody said."""
        return str(self.plan.get("benchmark", ""))

    @property
    def model(self) -> str:
        return str(self.plan.get("model", ""))

    @property
    def tools(self) -> bool | None:
        """Whether the model had tools; None where nobody said."""
        tools = self.plan.get("tools")
        return tools if isinstance(tools, bool) else None

    def traces(self) -> Iterator[Trace]:
        """As `core.trace.read_traces`."""
        return read_traces(self.folder)

    @property
    def images(self) -> ImageStore:
        return ImageStore(self.folder / IMAGES_FOLDER)


def find_runs(paths: Iterable[Path]) -> list[Run]:
    """Every run at or below the paths, once each, in the order of the paths and then of their names.

    Raises `InputError` for a path that is not there or below which no trace was written.
    """
    folders: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise InputError(f"there is no folder {path}", "give one that --out or --trace wrote")
        found = sorted(file.parent for file in path.rglob(TRACES_FILE))
        if not found:
            raise InputError(f"there are no traces in {path}", "give a folder that --out or --trace wrote")
        folders.update(dict.fromkeys(found))
    labels = _labels(list(folders))
    return [Run(folder, label, _plan(folder)) for folder, label in zip(folders, labels, strict=True)]


def _labels(folders: list[Path]) -> list[str]:
    """The shortest ends of the paths, of the same number of parts, by which all can be told apart."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts), default=1) + 1):
        labels = ["/".join(one[-length:]) for one in parts]
        if len(set(labels)) == len(labels):
            return labels
    return [str(folder) for folder in folders]


def _plan(folder: Path) -> Mapping[str, Any]:
    path = folder / PLAN_FILE
    if not path.is_file():
        return {}
    remedy = "delete it, the traces need no plan to be read"
    with boundary(InputError, f"reading {path}", remedy, expected=(OSError, ValueError)):
        return tomllib.loads(path.read_text(encoding="utf-8"))
