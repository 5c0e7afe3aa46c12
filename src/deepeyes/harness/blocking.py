"""The agent for code that is not asynchronous: scripts, notebooks, a Python prompt.

    trace = deepeyes.ask("image.png", "What does the sign say?")

    with deepeyes.BlockingAgent("nano") as agent:
        traces = [agent.ask(image, "What does the sign say?") for image in images]

What always holds: they are the same calls as those of `open_agent` and `Agent`, on an event loop in a thread
of its own (`core/blocking.py`); Ctrl-C keeps the trace of what happened so far, closes everything, and is
raised as `KeyboardInterrupt`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self, TypedDict, Unpack

from deepeyes.agent.agent import Agent, Grade
from deepeyes.agent.events import OnEvent
from deepeyes.core.blocking import BackgroundLoop
from deepeyes.core.images import ImageSource, ImageStore, LoadedImage
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import EpisodeWriter, Trace, TraceWriter
from deepeyes.dialects.base import Dialect
from deepeyes.grading.grader import Grading, open_grader
from deepeyes.harness.setup import Tell, Wait, open_agent
from deepeyes.models.base import ChatModel
from deepeyes.tools.base import Tool

Asked = ImageSource | LoadedImage | Sequence[ImageSource | LoadedImage] | None


class AgentSettings(TypedDict, total=False):
    """What `open_agent` takes beside the model."""

    tools: bool | str | Sequence[str | Tool]
    dialect: str | Dialect
    search: str | Sequence[str]
    limits: Limits
    sampling: Sampling
    tell: Tell
    wait: Wait


class BlockingAgent:
    """`open_agent(model, **settings)`, opened by `with` or the first question, closed by `with` or `close`.

    `grading` says who decides what is right; None for nobody.
    """

    def __init__(
        self,
        model: str | ChatModel = "nano",
        *,
        grading: Grading | None = Grading(),
        **settings: Unpack[AgentSettings],
    ) -> None:
        self._opening = (model, settings)
        self._grading = grading
        self._loop = BackgroundLoop("agent-loop")
        self._opened: tuple[Agent, Grade | None] | None = None

    def ask(
        self,
        image: Asked,
        question: str,
        *,
        id: str = "",
        writer: TraceWriter | None = None,
        expect: str | Sequence[str] = (),
        on_event: OnEvent | None = None,
    ) -> Trace:
        """`Agent.ask`; with `expect` the trace has a verdict. `on_event` is called in another thread."""
        agent, grade = self._open()
        asking = agent.ask(
            image, question, id=id, writer=writer, expect=expect, grade=grade, on_event=on_event
        )
        return self._loop.wait(asking)

    def run(
        self,
        tasks: Iterable[Task],
        *,
        images: ImageStore | None = None,
        samples: int = 1,
        concurrency: int = 8,
        writer: EpisodeWriter | None = None,
        on_done: Callable[[Trace], None] | None = None,
        on_event: OnEvent | None = None,
    ) -> list[Trace]:
        """`Agent.run`, with verdicts. `on_done` and `on_event` are called in another thread."""
        agent, grade = self._open()
        running = agent.run(
            tasks,
            images=images,
            samples=samples,
            concurrency=concurrency,
            writer=writer,
            grade=grade,
            on_done=on_done,
            on_event=on_event,
        )
        return self._loop.wait(running)

    def close(self) -> None:
        """Close what was opened; asked again, it opens again."""
        self._opened = None
        self._loop.close()

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> tuple[Agent, Grade | None]:
        if self._opened is None:
            model, settings = self._opening
            try:
                agent = self._loop.enter(open_agent(model, **settings))
                grade = None if self._grading is None else self._loop.enter(open_grader(self._grading))
            except BaseException:
                self._loop.close()
                raise
            self._opened = agent, grade
        return self._opened


def ask(
    image: Asked,
    question: str,
    *,
    model: str | ChatModel = "nano",
    id: str = "",
    writer: TraceWriter | None = None,
    expect: str | Sequence[str] = (),
    grading: Grading = Grading(),
    on_event: OnEvent | None = None,
    **settings: Unpack[AgentSettings],
) -> Trace:
    """Open an agent, ask it one question about an image, several or none, and close it again.

    `settings` are those of `open_agent`, all else is as in `BlockingAgent`. For several questions open a
    `BlockingAgent`: loading a model takes seconds.
    """
    with BlockingAgent(model, grading=grading, **settings) as agent:
        return agent.ask(image, question, id=id, writer=writer, expect=expect, on_event=on_event)
