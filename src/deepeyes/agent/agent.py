"""The agent: a model with its tools, ready to be asked, once or many times.

What always holds: an agent is frozen and holds no episode, so one agent runs many at once; a variation is a
`dataclasses.replace`. In many episodes an episode that is already in the writer's folder with a result is not
run again, those that were interrupted or met a failure of ours are, and one that lacks its verdict alone is
graded; a bug or a mistake of the user in one episode stops the run and comes out as itself, after every other
episode in flight has left its partial trace.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from PIL import Image

from deepeyes.agent.events import OnEvent
from deepeyes.agent.loop import Keep, run_episode
from deepeyes.agent.many import at_most, episode_seed
from deepeyes.agent.parts import AgentParts
from deepeyes.agent.retries import to_the_end
from deepeyes.core.errors import InfrastructureError
from deepeyes.core.images import ImageSource, ImageStore, LoadedImage, load_image
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task, check_question
from deepeyes.core.trace import EpisodeWriter, Trace, TraceWriter, trace_id
from deepeyes.core.verdict import Verdict

_ONE = (str, os.PathLike, bytes, Image.Image, LoadedImage)
Grade = Callable[[Task, str | None, ImageStore], Awaitable[Verdict]]
"""Puts a verdict on the answer to a task whose images are in the store. A failure of ours is an
`InfrastructureError`, never a verdict.
"""


@dataclass(frozen=True)
class Agent(AgentParts):
    """Opened with all it needs by `deepeyes.open_agent`, or made of parts that somebody else closes."""

    async def ask(
        self,
        image: ImageSource | LoadedImage | Sequence[ImageSource | LoadedImage] | None,
        question: str,
        *,
        id: str = "",
        writer: TraceWriter | None = None,
        expect: str | Sequence[str] = (),
        grade: Grade | None = None,
        on_event: OnEvent | None = None,
    ) -> Trace:
        """The episode of one question about an image, several, or none.

        With a `writer` the trace is kept however the episode ends, under `id` (by default one that follows
        from image and question). `expect` is the right answer, or several that count as right; `grade` then
        puts a verdict on the trace. Raises `InputError` for an image or a question that cannot be used.
        """
        question = check_question(question, self.limits.question_chars)
        given = () if image is None else (image,) if isinstance(image, _ONE) else image
        loaded = [one if isinstance(one, LoadedImage) else load_image(one) for one in given]
        images, notes = ImageStore(), tuple(note for one in loaded for note in one.notes)
        refs = tuple(images.put(one.image) for one in loaded)
        same = "/".join([question, *(ref.sha256 for ref in refs)])
        task_id = id or f"ask-{sha256(same.encode()).hexdigest()[:12]}"
        answers = (expect,) if isinstance(expect, str) else tuple(expect)
        task = Task(
            id=task_id,
            question=question,
            images=refs,
            answer="".join(answers[:1]),
            answers=answers[1:],
            source="ask",
        )
        keeping = _Keeping(grade if answers else None, images, notes)
        async with keeping.written(writer, images):
            await self.episode(task, images=images, on_event=on_event, keep=keeping.ended)
        return keeping.trace

    async def episode(
        self,
        task: Task,
        *,
        images: ImageStore,
        sample: int = 0,
        on_event: OnEvent | None = None,
        keep: Keep | None = None,
    ) -> Trace:
        """One episode under this agent's own seed (see `run_episode`)."""
        return await run_episode(self, task, images=images, sample=sample, on_event=on_event, keep=keep)

    async def run(
        self,
        tasks: Iterable[Task],
        *,
        images: ImageStore | None = None,
        samples: int = 1,
        concurrency: int = 8,
        writer: EpisodeWriter | None = None,
        grade: Grade | None = None,
        on_done: Callable[[Trace], None] | None = None,
        on_event: OnEvent | None = None,
        drawn_in_thread: bool = False,
    ) -> list[Trace]:
        """Run `samples` episodes a task, at most `concurrency` at once; returns those run now, as they end.

        `tasks` is drawn lazily, with `drawn_in_thread` in threads, one task at a time: for those whose images
        must be read first. Every episode has a seed that follows from the agent's, the task's id and the
        sample's number. With a `writer`, done episodes are skipped, `images` is only read, and tools' images
        go to the writer's folder; without one they go to `images`. `grade` puts a verdict on every episode
        that is a result, after it has closed and before it is written; one that was answered and has no
        verdict yet is graded and not asked again. Where the grader fails because of us, the episode counts
        as `infrastructure_error`. Raises what `run_episode` and `grade` raise.
        """
        images = ImageStore() if images is None else images
        done = writer.done_ids() if writer is not None else set[str]()
        waiting: Mapping[str, Trace] = {}
        if writer is not None and grade is not None:
            waiting = writer.awaiting_verdict()
        jobs = ((t, s) for t in tasks for s in range(samples) if trace_id(t.id, s) not in done)
        finished: list[Trace] = []

        async def work(job: tuple[Task, int]) -> None:
            task, sample = job
            store = ImageStore(None, parent=images) if writer is not None else images
            keeping = _Keeping(grade, store)
            answered = waiting.get(trace_id(task.id, sample))
            async with keeping.written(writer, None if answered else store):
                if answered is not None:
                    keeping.ended(answered.as_answered())
                else:
                    await run_episode(
                        self,
                        task,
                        images=store,
                        sample=sample,
                        seed=episode_seed(self.sampling.seed, task.id, sample),
                        on_event=on_event,
                        keep=keeping.ended,
                    )
            finished.append(keeping.trace)
            if on_done is not None:
                on_done(keeping.trace)

        await at_most(concurrency, jobs, work, drawn_in_thread=drawn_in_thread)
        return finished


class _Keeping:
    """One trace on its way from the end of its episode, over its verdict, to the writer.

    What always holds: a trace that has ended is written, whatever happens after; a result that should have a
    verdict and came to none is written as what can be graded later.
    """

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
