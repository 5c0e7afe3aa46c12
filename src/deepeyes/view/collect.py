"""What there is to look at in some folders: runs, the episodes of curations, exports.

What always holds: nothing is written; the images of an episode are looked for where its writer keeps them;
only when there is nothing at all to look at is that an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import IMAGES_FOLDER, TRACES_FILE
from deepeyes.data.item import TraceRef, Trial
from deepeyes.data.run.folder import RunFolder
from deepeyes.eval.runs import Run, find_runs
from deepeyes.train.rl.episodes import run_of
from deepeyes.view.curated import PROMPTS_FILE, Curation, curation_at, exported_trials, is_curation
from deepeyes.view.reading import TraceFile
from deepeyes.view.trained import Trained


@dataclass
class Source:
    """One file of traces and what is known of all its episodes."""

    label: str
    """Of its run, or of the stage of a curation that asked."""
    file: TraceFile
    images: ImageStore
    benchmark: str = ""
    curation: Curation | None = None
    store: str = ""
    part: int = 0
    """In a curation, where its traces are found by."""
    exported: dict[str, Trial] = field(default_factory=dict[str, Trial])
    """What an export says about them, by their ids."""
    step: int | None = None
    """Of a run of reinforcement learning, at which they were played."""

    def trial(self, id: str) -> Trial | None:
        """What a curation found out about an episode."""
        if self.curation is not None:
            return self.curation.trials.get(TraceRef(store=self.store, part=self.part, id=id))
        return self.exported.get(id)


@dataclass
class Collected:
    sources: list[Source] = field(default_factory=list[Source])
    curations: list[Curation] = field(default_factory=list[Curation])
    trained: list[Trained] = field(default_factory=list[Trained])
    problems: list[str] = field(default_factory=list[str])


def collect(paths: Sequence[Path]) -> Collected:
    """Everything at or below the paths. Raises `InputError` for a path that is not there, or if there is
    nothing in any of them.
    """
    found = Collected()
    files: dict[Path, None] = {}
    curations: dict[Path, None] = {}
    for given in paths:
        if not given.exists():
            raise InputError(
                f"there are no traces at {given}", "give a folder that --out or --trace wrote, or its file"
            )
        path = given.resolve()
        traces = [path] if path.is_file() else sorted(path.rglob(TRACES_FILE))
        above = [path] if is_curation(path) else sorted(one.parent for one in path.rglob("stages"))
        above = [folder for folder in above if is_curation(folder)]
        above += sorted(one.parent for one in path.rglob(PROMPTS_FILE))
        if not traces and not above:
            found.problems.append(f"There are no traces in {given}.")
        files.update(dict.fromkeys(traces))
        curations.update(dict.fromkeys(above))
    if not files and not curations:
        where = ", ".join(map(str, paths))
        raise InputError(f"there are no traces in {where}", "give a folder that --out or --trace wrote")
    several = len({one for one in (*curations, *map(_curation, files)) if one}) > 1
    known = {folder: Curation(folder, folder.name) for folder in curations}
    found.curations = list(known.values())
    steps = {file.parent: step for file in files if (step := run_of(file.parent)) is not None}
    labels = _trained_labels(dict.fromkeys(path for path, _ in steps.values()))
    found.trained = [Trained(path, label) for path, label in labels.items()]
    runs = _runs([file for file in files if file.parent not in steps], found.problems)
    for file in files:
        folder = file.parent
        images = ImageStore(folder / IMAGES_FOLDER)
        curation = _curation(file)
        if curation is not None:
            store = folder.parent.name
            label = f"{curation.name}/{store}" if several else store
            images, part = ImageStore(RunFolder(curation).images), int(folder.name.partition("-")[2] or 0)
            found.sources.append(Source(label, TraceFile(file), images, "", known.get(curation), store, part))
        elif folder in steps:
            path, step = steps[folder]
            found.sources.append(Source(labels[path], TraceFile(file), images, step=step))
        elif folder in runs:
            run, told = runs[folder], exported_trials(folder, found.problems)
            found.sources.append(Source(run.label, TraceFile(file), images, run.benchmark, exported=told))
        else:
            found.sources.append(Source(file.name, TraceFile(file), images))
    return found


def _curation(file: Path) -> Path | None:
    return curation_at(file.parent)


def _trained_labels(paths: Collection[Path]) -> dict[Path, str]:
    """Each by its folder's name, or by its path where several have that."""
    names = Counter(path.name for path in paths)
    return {path: path.name if names[path.name] == 1 else str(path) for path in paths}


def _runs(files: Iterable[Path], problems: list[str]) -> dict[Path, Run]:
    """The run of each folder of a trace file."""
    folders = [file.parent for file in files if file.name == TRACES_FILE and _curation(file) is None]
    if not folders:
        return {}
    try:
        return {run.folder: run for run in find_runs(folders)}
    except InputError as problem:
        problems.append(f"{problem}.")
        return {folder: Run(folder, str(folder), {}) for folder in folders}
