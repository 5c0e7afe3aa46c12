"""Where the episodes of a model-calling stage go: one `traces.jsonl` a part, many parts open at once.

A `TraceWriter` forces every episode to the disk, which costs milliseconds each; here many short episodes end
every second. What always holds: an episode is appended whole and handed to the operating system at once:
killing the process loses nothing that was written. Inside `syncing` the disk is told every second, so that a
machine that loses power may repeat the episodes of its last one. Images go to the run's own folder.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from deepeyes.core.errors import StorageError, boundary
from deepeyes.core.files import append_whole
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import Trace, TraceWriter, read_traces
from deepeyes.data.run.folder import RunFolder

_SYNC_SECONDS = 1.0


class _PartWriter(TraceWriter):
    """One part's file."""

    def __init__(self, run: RunFolder, store: str, part: int) -> None:
        super().__init__(run.episodes(store, part))
        self.images = ImageStore(run.images)
        self._unsynced = False

    def write(self, trace: Trace, images: ImageStore | None = None) -> None:
        if images is not None:
            self.images.copy_from(images, trace.image_refs())
        line = trace.model_dump_json().encode() + b"\n"
        with self._lock, boundary(StorageError, f"writing {self.path}", "check the folder's permissions"):
            self._unsynced = True
            append_whole(self.path, line, sync=False)

    def sync(self) -> None:
        if self._unsynced:
            self._unsynced = False
            with (
                boundary(StorageError, f"writing {self.path}", "check the disk"),
                self.path.open("ab") as file,
            ):
                os.fsync(file.fileno())


class Outcome(NamedTuple):
    """What counts of an episode that is a result."""

    right: bool
    called: bool
    """Whether it called a tool."""


class EpisodeStore(TraceWriter):
    """A writer for `run_many` that puts each episode into the part of its task and remembers how it ended."""

    def __init__(self, run: RunFolder, name: str, part_of: Mapping[str, int]) -> None:
        """`part_of`: task id to part number."""
        self.name = name
        self.images = ImageStore(run.images)
        self._part_of = part_of
        self._parts = {part: _PartWriter(run, name, part) for part in sorted(set(part_of.values()))}
        self._outcomes: dict[str, Outcome] = {}
        for writer in self._parts.values():
            if writer.path.exists():
                for trace in read_traces(writer.folder):
                    self._note(trace)

    def write(self, trace: Trace, images: ImageStore | None = None) -> None:
        self._parts[self._part_of[trace.task.id]].write(trace, images)
        self._note(trace)

    def done_ids(self) -> set[str]:
        return set(self._outcomes)

    def outcomes(self, ids: Iterable[str]) -> list[Outcome]:
        """Those of these episodes that are there with a result."""
        return [self._outcomes[key] for key in ids if key in self._outcomes]

    def _note(self, trace: Trace) -> None:
        if trace.stop_reason.is_result:
            right = trace.verdict is not None and trace.verdict.score >= 1
            self._outcomes[trace.id] = Outcome(right, bool(trace.tool_turns))

    def sync(self) -> None:
        """Force to the disk what was written since the last time."""
        for writer in self._parts.values():
            writer.sync()

    @asynccontextmanager
    async def syncing(self) -> AsyncGenerator[None]:
        """Sync every second while the block runs, and when it ends."""

        async def again_and_again() -> None:
            while True:
                await asyncio.sleep(_SYNC_SECONDS)
                await asyncio.to_thread(self.sync)

        task = asyncio.create_task(again_and_again())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            self.sync()
