"""Where the episodes of a model-calling stage go: one `traces.jsonl` a part, many parts open at once.

A `TraceWriter` forces every episode to the disk, which costs milliseconds each; here many short episodes end
every second. What always holds: an episode is appended whole and handed to the operating system at once:
killing the process loses nothing that was written. Inside `syncing` the disk is told every second, so that a
machine that loses power may repeat the episodes of its last one. Images go to the run's own folder.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import Trace, TraceWriter, read_traces
from deepeyes.data.run.folder import RunFolder
from deepeyes.data.stages.missed import missed

_SYNC_SECONDS = 1.0
_CAUSES = 3
"""Of failures, told with how often each."""


class EpisodeResult(NamedTuple):
    """What counts of an episode that is a result."""

    right: bool
    unsure: bool
    malformed: bool
    called: bool
    """Whether it called a tool."""
    missed: str
    """See `PassRate.missed`."""


class EpisodeStore:
    """An `EpisodeWriter` that puts each episode into the part of its task and remembers how it ended."""

    def __init__(self, run: RunFolder, name: str, part_of: Mapping[str, int]) -> None:
        """`part_of`: task id to part number."""
        self.name = name
        self.images = ImageStore(run.images)
        self._part_of = part_of
        self._parts = {
            part: TraceWriter(run.episodes(name, part), self.images, sync=False)
            for part in sorted(set(part_of.values()))
        }
        self._results: dict[str, EpisodeResult] = {}
        self._waiting: dict[str, Trace] = {}
        self._failures: dict[str, str] = {}
        for writer in self._parts.values():
            if writer.path.exists():
                for trace in read_traces(writer.folder):
                    self._note(trace)

    def write(self, trace: Trace, images: ImageStore | None = None) -> None:
        self._parts[self._part_of[trace.task.id]].write(trace, images)
        self._note(trace)

    def done_ids(self) -> set[str]:
        return set(self._results)

    def awaiting_verdict(self) -> Mapping[str, Trace]:
        return self._waiting

    def results(self, ids: Iterable[str]) -> list[EpisodeResult]:
        """Those of these episodes that are there with a result."""
        return [self._results[key] for key in ids if key in self._results]

    def causes(self, ids: Iterable[str]) -> list[str]:
        """What of ours ended these episodes when they were last asked, and how often: the most frequent."""
        counts = Counter(self._failures[key] for key in ids if key in self._failures)
        return [f"{number} times: {cause}" for cause, number in counts.most_common(_CAUSES)]

    def _note(self, trace: Trace) -> None:
        self._waiting.pop(trace.id, None)
        self._failures.pop(trace.id, None)
        if trace.failure:
            self._failures[trace.id] = trace.failure
        if trace.stop_reason.is_result:
            self._results[trace.id] = EpisodeResult(
                right=trace.is_right,
                unsure=trace.is_unsure,
                malformed=trace.stop_reason is StopReason.malformed,
                called=bool(trace.tool_turns),
                missed=missed(trace),
            )
        elif trace.awaits_verdict:
            self._waiting[trace.id] = trace

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
