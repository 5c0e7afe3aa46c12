"""A curation run on disk, and why it can be killed at any moment.

    RUN/recipe.toml                 the resolved recipe that all of it was made with
    RUN/stages/NN-NAME/part-*.jsonl the items a stage gave back, written whole and renamed
    RUN/stages/NN-NAME/done.json    its counts; written last, so it says that the stage is complete
    RUN/episodes/STORE/part-*/      traces of the model-calling stages, one line an episode as it ends
    RUN/images/                     every image, once
    RUN/sources.json                digests of the sources and their files
    RUN/judged.sqlite               what judges said, where there are any
    RUN/benchmarks/                 what is known of the benchmarks to stay away from
    RUN/funnel.json, rejects.jsonl  what went in and out; who was left out and why

What always holds: part n of a stage is made from part n of the stage before, by a function of that part
alone, and is either absent or complete. So a run that goes on makes what is missing, makes nothing twice, and
comes to what an undisturbed run comes to.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from deepeyes.core.errors import InputError, StorageError, boundary
from deepeyes.core.files import remove_folder, sweep, write_atomic
from deepeyes.core.trace import IMAGES_FOLDER, TRACES_FILE, Trace, read_traces
from deepeyes.data.item import Item, TraceRef
from deepeyes.data.old_names import renamed

RECIPE_FILE = "recipe.toml"
DONE_FILE = "done.json"


class StageCount(BaseModel):
    """What a stage did. `into` = `passed` + `kept` + all of `rejected`."""

    model_config = ConfigDict(frozen=True)

    name: str
    into: int
    passed: int
    """Items of other routes, which the stage let by."""
    kept: int
    rejected: dict[str, int]
    routes: dict[str, int]
    """Route to its items that are still in, after the stage."""
    sources: dict[str, int]
    """Source to its items that are still in, after the stage."""
    parts: int
    notes: dict[str, int] = Field(default_factory=dict[str, int])
    """Further counts, such as benchmark rows that could not be compared."""

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, values: Any) -> Any:
        return renamed(values, {"lanes": "routes"})


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @property
    def images(self) -> Path:
        return self.path / IMAGES_FOLDER

    @property
    def benchmarks(self) -> Path:
        return self.path / "benchmarks"

    @property
    def source_digests(self) -> Path:
        """The file with the digest of each source."""
        return self.path / "sources.json"

    @property
    def judged(self) -> Path:
        """The file that keeps what judges said, where the recipe names no other."""
        return self.path / "judged.sqlite"

    def store(self, name: str) -> Path:
        """The folder of the episodes of a stage, or of one of its teachers."""
        return self.path / "episodes" / name

    def sweep(self) -> None:
        """Take up what a killed start left half-written, half-deleted or moved aside. Only for who holds the
        run; raises `StorageError`.
        """
        with boundary(StorageError, f"clearing {self.path}", "check the folder's permissions"):
            for name in ("stages", "episodes", IMAGES_FOLDER, self.benchmarks.name, "export"):
                for place, folders, files in os.walk(self.path / name):
                    sweep(Path(place))
                    # What older versions left has other names.
                    for stale in (name for name in files if name.endswith(".part")):
                        Path(place, stale).unlink(missing_ok=True)
                    for stale in (name for name in folders if name.startswith(".")):
                        remove_folder(Path(place, stale))
            for stale in self.path.glob(".*.part"):
                stale.unlink(missing_ok=True)

    def stage(self, number: int, name: str) -> StageFolder:
        return StageFolder(self.path / "stages" / f"{number:02d}-{name}")

    def stages(self) -> list[StageFolder]:
        """The folders of all stages that have begun, in order."""
        root = self.path / "stages"
        paths = sorted(root.iterdir()) if root.is_dir() else []
        return [StageFolder(path) for path in paths if not path.name.startswith(".")]

    def episodes(self, store: str, part: int) -> Path:
        """The folder of the traces of one part."""
        return self.store(store) / part_name(part)

    def traces(self, refs: Iterable[TraceRef]) -> Iterator[Trace]:
        """The traces that `refs` name, in their order; each part is read once. Raises `InputError`."""
        wanted = list(refs)
        by_part: dict[tuple[str, int], dict[str, Trace]] = {}
        last = {(ref.store, ref.part): place for place, ref in enumerate(wanted)}
        names = {ref.id for ref in wanted}
        for place, ref in enumerate(wanted):
            key = (ref.store, ref.part)
            if key not in by_part:
                folder = self.episodes(*key)
                traces = read_traces(folder) if (folder / TRACES_FILE).exists() else ()
                by_part[key] = {trace.id: trace for trace in traces if trace.id in names}
            if ref.id not in by_part[key]:
                raise InputError(f"episode {ref.id} is gone from {self.path}", "run the curation again")
            yield by_part[key][ref.id]
            if last[key] == place:
                del by_part[key]

    def final(self) -> list[Item]:
        """The items of the last stage that are kept. Raises `InputError` if the run is not complete."""
        stages = self.stages()
        if not stages or stages[-1].name != "split" or stages[-1].count() is None:
            raise InputError(
                f"there is no complete run in {self.path}", "run deepeyes data curate to its end"
            )
        return list(stages[-1].kept())


@dataclass(frozen=True)
class StageFolder:
    path: Path

    @property
    def name(self) -> str:
        return self.path.name.partition("-")[2]

    def part(self, number: int) -> Path:
        return self.path / f"{part_name(number)}.jsonl"

    def has(self, number: int) -> bool:
        return self.part(number).exists()

    def read(self, number: int) -> list[Item]:
        """The items of a part. Raises `InputError` if it is damaged."""
        path = self.part(number)
        remedy = f"delete {self.path} and the stages after it, and run again"
        with boundary(InputError, f"reading {path}", remedy, expected=(OSError, ValidationError)):
            # ValidationSplit at newlines alone: items hold other line separators.
            lines = path.read_bytes().split(b"\n")
            return [Item.model_validate_json(line) for line in lines if line]

    def write(self, number: int, items: Sequence[Item]) -> None:
        """The part, whole or not at all."""
        lines = "".join(item.model_dump_json() + "\n" for item in items)
        write_atomic(self.part(number), lines.encode())

    def kept(self) -> Iterator[Item]:
        """The items of a complete stage that are still in, in order."""
        count = self.count()
        for number in range(count.parts if count else 0):
            yield from (item for item in self.read(number) if item.kept)

    def count(self) -> StageCount | None:
        """Its counts if it is complete."""
        path = self.path / DONE_FILE
        if not path.exists():
            return None
        with boundary(
            InputError, f"reading {path}", "delete it and run again", expected=(OSError, ValidationError)
        ):
            return StageCount.model_validate_json(path.read_text("utf-8"))

    def drop(self) -> None:
        """Remove all that the stage wrote: it is there whole or not at all."""
        remove_folder(self.path)

    def finish(self, passed: int, parts: int, notes: dict[str, int] | None = None) -> StageCount:
        """Count the parts and mark the stage as complete."""
        into = 0
        rejected: Counter[str] = Counter()
        routes: Counter[str] = Counter()
        sources: Counter[str] = Counter()
        for number in range(parts):
            for item in self.read(number):
                into += 1
                if item.rejection is not None:
                    rejected[item.rejection.reason] += 1
                else:
                    routes[item.route] += 1
                    sources[item.source] += 1
        count = StageCount(
            name=self.name,
            into=into,
            passed=passed,
            kept=into - passed - rejected.total(),
            rejected=dict(sorted(rejected.items())),
            routes=dict(sorted(routes.items())),
            sources=dict(sorted(sources.items())),
            parts=parts,
            notes=notes or {},
        )
        write_atomic(self.path / DONE_FILE, count.model_dump_json(indent=1).encode())
        return count


def part_name(number: int) -> str:
    return f"part-{number:05d}"
