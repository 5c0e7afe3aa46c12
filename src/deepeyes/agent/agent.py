"""The agent: a model with its tools, ready to be asked, once or many times.

What always holds: an agent is frozen and holds no episode, so one agent runs many at once; a variation is a
`dataclasses.replace`. In many episodes an episode that is already in the writer's folder with a result is not
run again, those that were interrupted or met a failure of ours are; a bug or a mistake of the user in one
episode stops the run and comes out as itself, after every other episode in flight has left its partial trace.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from PIL import Image

from deepeyes.agent.events import OnEvent
from deepeyes.agent.loop import Keep, run_episode
from deepeyes.agent.many import at_most, episode_seed
from deepeyes.agent.parts import AgentParts
from deepeyes.core.images import ImageSource, ImageStore, LoadedImage, load_image
from deepeyes.core.task import Task, check_question
from deepeyes.core.trace import EpisodeWriter, Trace, TraceWriter, trace_id
from deepeyes.core.verdict import Verdict

_ONE = (str, os.PathLike, bytes, Image.Image, LoadedImage)
Grade = Callable[[Task, str | None], Verdict]


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
        on_event: OnEvent | None = None,
    ) -> Trace:
        """The episode of one question about an image, several, or none.

        With a `writer` the trace is kept however the episode ends, under `id` (by default one that follows
        from image and question). Raises `InputError` for an image or a question that cannot be used.
        """
        question = check_question(question, self.limits.question_chars)
        given = () if image is None else (image,) if isinstance(image, _ONE) else image
        loaded = [one if isinstance(one, LoadedImage) else load_image(one) for one in given]
        images, notes = ImageStore(), [note for one in loaded for note in one.notes]
        refs = tuple(images.put(one.image) for one in loaded)
        same = "/".join([question, *(ref.sha256 for ref in refs)])
        task_id = id or f"ask-{sha256(same.encode()).hexdigest()[:12]}"
        task = Task(id=task_id, question=question, images=refs, source="ask")

        def keep(trace: Trace) -> None:
            if writer is not None:
                writer.write(noted(trace), images)

        def noted(trace: Trace) -> Trace:
            return trace.model_copy(update={"notes": (*notes, *trace.notes)})

        return noted(await self.episode(task, images=images, on_event=on_event, keep=keep))

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
    ) -> list[Trace]:
        """Run `samples` episodes a task, at most `concurrency` at once; returns those run now, as they end.

        `tasks` is drawn lazily; every episode has a seed that follows from the agent's, the task's id and the
        sample's number. With a `writer`, done episodes are skipped, `images` is only read, and tools' images
        go to the writer's folder; without one they go to `images`. `grade` puts a verdict on every episode
        that is a result. Raises what `run_episode` raises.
        """
        images = ImageStore() if images is None else images
        done = writer.done_ids() if writer is not None else set[str]()
        jobs = ((t, s) for t in tasks for s in range(samples) if trace_id(t.id, s) not in done)
        finished: list[Trace] = []

        async def work(job: tuple[Task, int]) -> None:
            task, sample = job
            store = ImageStore(None, parent=images) if writer is not None else images
            kept: list[Trace] = []
            await run_episode(
                self,
                task,
                images=store,
                sample=sample,
                seed=episode_seed(self.sampling.seed, task.id, sample),
                on_event=on_event,
                keep=partial(_keep, writer=writer, store=store, grade=grade, into=kept),
            )
            finished.extend(kept)
            if on_done is not None:
                on_done(kept[-1])

        await at_most(concurrency, jobs, work)
        return finished


def _keep(
    trace: Trace, *, writer: EpisodeWriter | None, store: ImageStore, grade: Grade | None, into: list[Trace]
) -> None:
    if grade is not None and trace.stop_reason.is_result:
        trace = trace.graded(grade(trace.task, trace.answer))
    if writer is not None:
        writer.write(trace, store)
    into.append(trace)
