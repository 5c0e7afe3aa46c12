"""Episodes: a question, the turns that it takes, a `Trace`; and, in the same talk, the next question.

What always holds:
- every end is a `StopReason` and every episode, also a cancelled one, becomes a `Trace`;
- our failures are tried again, and if they persist the episode ends as `infrastructure_error`, never scored;
- anything else is a bug and leaves as it is;
- the trace of a later question of a talk is whole by itself: what was said before it is what its first turn
  was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from deepeyes.agent import events
from deepeyes.agent.events import OnEvent
from deepeyes.agent.parts import AgentParts
from deepeyes.agent.trace_builder import TraceBuilder
from deepeyes.agent.turns import Turns
from deepeyes.core.actions import Action, call_of
from deepeyes.core.clock import keeping
from deepeyes.core.errors import ContextOverflow, DeepEyesError, InfrastructureError, InputError
from deepeyes.core.images import ImageRef, ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.results import Observation
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task, check_question
from deepeyes.core.trace import Trace
from deepeyes.models.base import Conversation
from deepeyes.tools.base import Episode

Keep = Callable[[Trace], None]
"""Called once with the finished trace, however the episode ended, before anything is raised. It must not
block: whoever writes the trace does so once the episode has closed.
"""

_GOES_ON = frozenset(
    (
        StopReason.answered,
        StopReason.malformed,
        StopReason.max_turns,
        StopReason.max_tokens,
        StopReason.refused,
        StopReason.infrastructure_error,
    )
)
"""Ends after which model and tools are as the trace says; a reply that was broken off leaves that open."""
_NOT_RUN = "It was not run."


async def run_episode(
    agent: AgentParts,
    task: Task,
    *,
    images: ImageStore,
    sample: int = 0,
    seed: int | None = None,
    on_event: OnEvent | None = None,
    keep: Keep | None = None,
) -> Trace:
    """Let `agent` work on `task` and return everything that happened.

    `images` holds the task's images and receives those the tools return; `seed` is for this episode in place
    of the agent's. Raises `InputError` for an unusable question and `ModelError` for a sampling that the
    model cannot do before anything starts, other mistakes of the user (a missing image, a wrong key) as they
    come, and passes cancellation on; in the last two cases `keep` has received the partial trace.
    """
    check_question(task.question, agent.limits.question_chars)
    async with open_talk(agent, images=images, seed=seed) as talk:
        return await talk.episode(task, sample=sample, on_event=on_event, keep=keep)


@asynccontextmanager
async def open_talk(
    agent: AgentParts, *, images: ImageStore, seed: int | None = None
) -> AsyncGenerator[Talk]:
    """A talk with `agent`; what its tools hold is closed with the block. Raises `ModelError` for a sampling
    that the model cannot do.
    """
    sampling = agent.sampling.stopping(agent.speech.stop)
    sampling = sampling if seed is None else sampling.seeded(seed)
    async with AsyncExitStack() as stack:
        conversation = agent.model.conversation(sampling)
        stack.push_async_callback(conversation.close)
        yield Talk(agent, images, sampling, conversation, Episode(sampling.seed, agent.limits, stack=stack))


@dataclass
class Talk:
    """One conversation with a model and one state of its tools, over as many questions as are asked."""

    agent: AgentParts
    images: ImageStore
    sampling: Sampling
    conversation: Conversation
    state: Episode
    _said: tuple[Message, ...] = ()
    """All that the model was sent and replied to, and its replies."""
    _ids: tuple[int, ...] = ()
    """The tokens of that, where the model tells them."""
    _owed: tuple[Message, ...] = field(default=(), repr=False)
    """What the model is to be told before the next question."""
    _end: StopReason | None = None

    @property
    def is_over(self) -> bool:
        """Whether no other question can be asked, because a reply was broken off or nothing more fits."""
        return self._end is not None and self._end not in _GOES_ON

    async def episode(
        self,
        task: Task,
        *,
        sample: int = 0,
        on_event: OnEvent | None = None,
        keep: Keep | None = None,
    ) -> Trace:
        """The next question (see `run_episode`): every limit begins anew, the names of images go on. Raises
        `InputError` too where the talk is over.
        """
        if self.is_over:
            raise InputError(f"the conversation has ended ({self._end})", "begin another one")
        agent, speech, limits = self.agent, self.agent.speech, self.agent.limits
        question = check_question(task.question, limits.question_chars)
        record = TraceBuilder(
            task, sample, agent.model.vision, limits, self.images, self.state, self._said, self._ids
        )
        turns = Turns(record, self.conversation, speech, agent.tools, on_event)
        failure: DeepEyesError | asyncio.CancelledError | None = None
        clock = asyncio.timeout(limits.episode_seconds)
        try:
            async with clock:
                with keeping(clock):
                    shown = await _shown(record, task.images)
                    turns.tell(events.Started(question, tuple(shown)))
                    record.pending = self._opening(speech.first_message(question, shown))
                    stop = await turns.take()
        except TimeoutError:
            if not clock.expired():
                raise
            stop = StopReason.timeout
        except asyncio.CancelledError as cancelled:
            stop, failure = StopReason.interrupted, cancelled
        except ContextOverflow:
            stop = StopReason.context_full
        except InfrastructureError as error:
            stop = StopReason.infrastructure_error
            record.notes.append(f"{type(error).__name__}: {error}")
        except DeepEyesError as error:
            stop, failure = StopReason.error, error
            record.notes.append(f"{type(error).__name__}: {error}")
        pending = record.pending
        trace = record.trace(
            stop,
            model=agent.model.name,
            dialect=speech.name,
            tools=agent.tools.names,
            sampling=self.sampling,
        )
        self._end = stop
        self._remember(trace, pending)
        turns.tell(events.Ended(stop, record.answer))
        if keep is not None:
            keep(trace)
        if failure is not None:
            raise failure
        return trace

    def _opening(self, first: Message) -> tuple[Message, ...]:
        """What comes before the first reply: the system prompt, if the dialect has one and nothing was said,
        and the question, in one message with what is owed where both are the user's.
        """
        if self._owed and self._owed[-1].role == "user":
            parts = (*self._owed[-1].parts, *Message.make("user", "\n").parts, *first.parts)
            return (*self._owed[:-1], first.model_copy(update={"parts": parts}))
        system = None if self._said or self._owed else self.agent.speech.system(self.agent.tools.specs())
        return (*self._owed, *([] if system is None else [Message.make("system", system)]), first)

    def _remember(self, trace: Trace, pending: tuple[Message, ...]) -> None:
        """What the next question begins with. `pending` has the pixels that a trace leaves out."""
        if not trace.turns:
            self._owed = pending or self._owed
            return
        self._said = tuple(trace.model_copy(update={"pending": ()}).messages())
        ids = [part for turn in trace.turns for part in (turn.prompt_ids, turn.token_ids)]
        self._ids = tuple(token for part in ids if part for token in part) if all(ids) else ()
        self._owed, last = pending, trace.turns[-1]
        if not pending and last.action is not None and last.observation is None:
            self._owed = self._unrun(last.action)

    def _unrun(self, action: Action) -> tuple[Message, ...]:
        """What a model is told of a last action that came to nothing."""
        speech, turns = self.agent.speech, self.agent.limits.turns
        if action.kind == "malformed":
            return speech.correction(action, turns)
        if action.kind == "answer":
            return ()
        seen = Observation(tool=call_of(action).name, status="error", stderr=_NOT_RUN)
        return speech.observation(action, seen, turns)


async def _shown(record: TraceBuilder, refs: Sequence[ImageRef]) -> list[ImagePart]:
    """The task's images; in a thread, unless all of them are read and rendered already."""

    def show() -> list[ImagePart]:
        return [record.show(record.images.get(ref), ref) for ref in refs]

    held = (record.images.held(ref) for ref in refs)
    ready = all(image is not None and record.vision.has_view(image) for image in held)
    return show() if ready else await asyncio.to_thread(show)
