"""The agent: a model with its tools, ready to be asked, once or many times.

What always holds: an agent is frozen and holds no episode, so one agent runs many at once; a variation is a
`dataclasses.replace`. In many episodes an episode that is already in the writer's folder with a result is not
run again, those that were interrupted or met a failure of ours are, and one that lacks its verdict alone is
graded; a bug or a mistake of the user in one episode stops the run and comes out as itself, after every other
episode in flight has left its partial trace.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex

from deepeyes.agent.chat import Chat
from deepeyes.agent.events import OnEvent
from deepeyes.agent.keeping import Grade, Keeping
from deepeyes.agent.loop import Keep, open_talk, run_episode
from deepeyes.agent.many import at_most, episode_seed
from deepeyes.agent.parts import AgentParts
from deepeyes.agent.question import Given, asked
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.core.trace import EpisodeWriter, Trace, TraceWriter, trace_id


@dataclass(frozen=True)
class Agent(AgentParts):
    """Opened with all it needs by `deepeyes.open_agent`, or made of parts that somebody else closes."""

    async def ask(
        self,
        image: Given,
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
        images = ImageStore()
        task, notes = asked(image, question, images, self.limits, id=id, expect=expect)
        keeping = Keeping(grade if task.answer else None, images, notes)
        async with keeping.written(writer, images):
            await self.episode(task, images=images, on_event=on_event, keep=keeping.ended)
        return keeping.trace

    @asynccontextmanager
    async def chat(self, *, id: str = "", writer: TraceWriter | None = None) -> AsyncGenerator[Chat]:
        """One question after another in one conversation: what was said, the variables of the sandbox and the
        names of images go on. With a `writer` each question's trace is kept, numbered behind `id`.
        """
        images = ImageStore()
        async with open_talk(self, images=images) as talk:
            yield Chat(talk, images, id or f"chat-{token_hex(4)}", writer)

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
            keeping = Keeping(grade, store)
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
