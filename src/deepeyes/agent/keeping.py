"""From the end of an episode, over its verdict, to the writer.

What always holds: a trace that has ended is written, whatever happens after; a result that should have a
verdict and came to none is written as what can be graded later.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from deepeyes.agent.retries import to_the_end
from deepeyes.core.errors import InfrastructureError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task
from deepeyes.core.trace import EpisodeWriter, Trace
from deepeyes.core.verdict import Verdict

Grade = Callable[[Task, str | None, ImageStore], Awaitable[Verdict]]
"""Puts a verdict on the answer to a task whose images are in the store. A failure of ours is an
`InfrastructureError`, never a verdict.
"""


class Keeping:
    """One trace on its way."""

    def __init__(self, grade: Grade | None, images: ImageStore, notes: tuple[str, ...] = ()) -> None:
        self._grade = grade
        self._images = images
        self._notes = notes
        self._trace: Trace | None = None

    @property
    def trace(self) -> Trace:
        assert self._trace is not None, "an episode that is over has a trace"
        return self._trace

    def ended(self, trace: Trace) -> None:
        """The episode has ended so; `notes` go before its own."""
        self._trace = trace.model_copy(update={"notes": (*self._notes, *trace.notes)})

    @asynccontextmanager
    async def written(self, writer: EpisodeWriter | None, images: ImageStore | None) -> AsyncGenerator[None]:
        """Grade what has ended in the block, and write it with its images out of `images`."""
        try:
            yield
            await self._judge()
        finally:
            if self._trace is not None:
                if self._should_be_graded(self._trace):
                    self._trace = self._trace.ungraded(StopReason.interrupted)
                if writer is not None:
                    await to_the_end(partial(writer.write, self._trace, images))

    def _should_be_graded(self, trace: Trace) -> bool:
        return self._grade is not None and trace.stop_reason.is_result and trace.verdict is None

    async def _judge(self) -> None:
        trace = self.trace
        if self._grade is None or not self._should_be_graded(trace):
            return
        try:
            self._trace = trace.graded(await self._grade(trace.task, trace.answer, self._images))
        except InfrastructureError as error:
            note = f"the answer could not be graded: {type(error).__name__}: {error}"
            self._trace = trace.ungraded(StopReason.infrastructure_error, note)
