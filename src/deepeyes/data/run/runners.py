"""Who runs the parts of a stage: this process, several of this machine, or many machines.

A runner is given a function of a part's number and the numbers to do. The function reads its part, works and
writes the result whole, so runners move numbers, not data, and a stage is the same under all of them. What
always holds: when `run` returns, every part is done; when it raises, those that are done stay done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from deepeyes.core.errors import ConfigError, InfrastructureError, boundary
from deepeyes.core.extras import needs
from deepeyes.data.run.folder import StageFolder
from deepeyes.data.stages.stage import Stage, apply

Work = Callable[[int], None]
OnPart = Callable[[int], None]
"""Called with how many parts are done so far."""


class Runner(Protocol):
    @property
    def asks_here(self) -> bool:
        """Whether stages that ask a model run in this process, where their episodes share one event loop and
        one open model, and leave the runner the pure stages alone.
        """
        ...

    def run(self, work: Work, parts: Sequence[int], target: StageFolder, on_part: OnPart) -> None: ...


@dataclass(frozen=True)
class StageWork:
    """A pure stage on one part."""

    stage: Stage
    source: StageFolder
    target: StageFolder

    def __call__(self, part: int) -> None:
        kept = [item for item in self.source.read(part) if item.kept]
        self.target.write(part, apply(self.stage, kept))


@dataclass(frozen=True)
class ThisProcess:
    """One part after the other."""

    asks_here: bool = True

    def run(self, work: Work, parts: Sequence[int], target: StageFolder, on_part: OnPart) -> None:
        for done, part in enumerate(parts, 1):
            work(part)
            on_part(done)


@dataclass(frozen=True)
class Processes:
    """Several processes of this machine, by `datasets.map`."""

    count: int
    asks_here: bool = True

    def run(self, work: Work, parts: Sequence[int], target: StageFolder, on_part: OnPart) -> None:
        with boundary(ConfigError, "using several processes", needs("data"), expected=ImportError):
            import datasets  # pyright: ignore[reportMissingImports]
        numbers: Any = datasets.Dataset.from_dict({"part": list(parts)})
        with _watching(target.path, parts, on_part), _quiet(datasets):
            try:
                numbers.map(
                    _mapped,
                    batched=True,
                    batch_size=1,
                    num_proc=min(self.count, len(parts)),
                    fn_kwargs={"work": work},
                    load_from_cache_file=False,
                    new_fingerprint="parts",
                )
            except RuntimeError as error:
                if "abruptly" not in str(error):
                    raise
                raise InfrastructureError(
                    f"a worker process died ({error})", "see that memory suffices; the same command goes on"
                ) from error


@dataclass(frozen=True)
class RayCluster:
    """Many machines, by Ray Data. All must see the run's folder at the same path."""

    address: str = ""
    """As for `ray.init`; empty starts Ray on this machine."""
    count: int = 0
    """Parts at once; 0 leaves it to Ray."""
    asks_here: bool = False

    def run(self, work: Work, parts: Sequence[int], target: StageFolder, on_part: OnPart) -> None:
        with boundary(ConfigError, "using Ray", needs("ray"), expected=ImportError):
            import ray  # pyright: ignore[reportMissingImports]
            import ray.data  # pyright: ignore[reportMissingImports]
        if not ray.is_initialized():
            with boundary(
                InfrastructureError, "reaching the Ray cluster", "check the address", expected=Exception
            ):
                ray.init(address=self.address or None, log_to_driver=False)
        rows: Any = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts))
        mapped = rows.map_batches(
            _mapped,
            batch_size=1,
            fn_kwargs={"work": work},
            concurrency=self.count or None,
            batch_format="numpy",
        )
        with _watching(target.path, parts, on_part):
            try:
                mapped.materialize()
            except ray.exceptions.RayTaskError as error:
                cause = error.cause if isinstance(error.cause, Exception) else error
                raise cause from error


def runner_named(name: str, processes: int, address: str = "") -> Runner:
    """`local` (one process or several) or `ray`. Raises `ConfigError`, also if its library is missing."""
    if name == "local" and processes <= 1:
        return ThisProcess()
    if name == "local":
        _check_installed("datasets", "data")
        return Processes(processes)
    if name == "ray":
        _check_installed("ray", "ray")
        return RayCluster(address, processes if processes > 1 else 0)
    raise ConfigError(f"there is no runner {name!r}", "use local or ray")


def _check_installed(library: str, extra: str) -> None:
    if find_spec(library) is None:
        raise ConfigError(f"{library} is not installed", needs(extra))


def _mapped(columns: dict[str, Any], work: Work) -> dict[str, list[int]]:
    done = [int(part) for part in columns["part"]]
    for part in done:
        work(part)
    return {"part": done}


@contextmanager
def _watching(folder: Path, parts: Sequence[int], on_part: OnPart) -> Any:
    """Tell of parts as their files appear: workers of other processes cannot."""
    over = threading.Event()
    stage = StageFolder(folder)

    def watch() -> None:
        while not over.wait(0.2):
            on_part(sum(stage.has(part) for part in parts))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        on_part(sum(stage.has(part) for part in parts))


@contextmanager
def _quiet(datasets: Any) -> Any:
    """Without the library's own progress bars: ours is one for the whole run."""
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
