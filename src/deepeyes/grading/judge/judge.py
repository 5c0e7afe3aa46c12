"""Judges: models that are asked for a verdict, each as often as it has votes.

What always holds: an equal question to the same judge is asked once, however many wait for it at the same
time, and not at all where the cache knows what it said; who stops waiting stops nobody else. A judge that
keeps not to the form, even when reminded, has no vote for that answer and nothing is kept of it. A judge that
cannot be asked is an error, never a vote.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from deepeyes.agent.retries import with_retries
from deepeyes.core.errors import ContextOverflow, InfrastructureError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import Limits
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.sampling import Sampling
from deepeyes.core.verdict import Outcome
from deepeyes.grading.judge.cache import VoteCache
from deepeyes.grading.judge.prompt import PROMPT_VERSION, REMINDER, Exhibit, read_verdict, request
from deepeyes.models.base import ChatModel, Completion, Conversation

Vote = Outcome | None
"""What a judge said; None where it did not keep to the form."""

_REMINDERS = 2


@dataclass
class Flights:
    """What is being asked just now, by key: who asks the same meanwhile waits for the same task."""

    _tasks: dict[str, asyncio.Task[Vote]] = field(default_factory=dict[str, asyncio.Task[Vote]])

    async def join(self, key: str, ask: Callable[[], Coroutine[Any, Any, Vote]]) -> Vote:
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(ask())
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Stop what nobody waits for any more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, key: str, task: asyncio.Task[Vote]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # seen here, so that a failure nobody waited for makes no noise


@dataclass(frozen=True)
class Judge:
    """One model. `name` is as its user wrote it: it tells the model apart from all others in the cache."""

    name: str
    model: ChatModel
    votes: int = 1
    sampling: Sampling = Sampling()
    """Of the first vote; each further one has the next seed."""
    max_tokens: int = 1024
    """Of one reply, its reasoning included."""
    seconds: float = 300.0
    """For one vote, trying again and reminders included."""
    cache: VoteCache | None = None
    tell: Callable[[str], None] | None = None
    """Told what the model's server did not take."""
    flights: Flights = field(default_factory=Flights, repr=False)

    async def ask(self, exhibit: Exhibit, images: ImageStore) -> list[Vote]:
        """All its votes. Raises `InfrastructureError` for a server that fails or does not answer in time,
        `ModelError` for a key that is refused, and `StorageError` for a cache that cannot be used.
        """
        asked = request(exhibit)
        draws = [self.sampling.seeded(self.sampling.seed + number) for number in range(self.votes)]
        return await asyncio.gather(*(self._vote(asked, exhibit, draw, images) for draw in draws))

    async def _vote(self, asked: str, exhibit: Exhibit, draw: Sampling, images: ImageStore) -> Vote:
        seen = [image.sha256 for image in exhibit.images]
        parts = (PROMPT_VERSION, self.name, draw.model_dump_json(), self.max_tokens, seen, asked)
        key = sha256(repr(parts).encode()).hexdigest()
        return await self.flights.join(key, lambda: self._kept_or_new(key, asked, exhibit, draw, images))

    async def _kept_or_new(
        self, key: str, asked: str, exhibit: Exhibit, draw: Sampling, images: ImageStore
    ) -> Vote:
        if self.cache is not None:
            kept = await asyncio.to_thread(self.cache.get, key)
            if kept is not None:
                return kept
        clock = asyncio.timeout(self.seconds)
        try:
            async with clock:
                vote = await self._new(await self._message(asked, exhibit, images), draw)
        except TimeoutError as error:
            if not clock.expired():
                raise
            raise InfrastructureError(
                f"the judge {self.model.name} gave no verdict in {self.seconds:g} s",
                "see that its server keeps up, or allow it more seconds",
            ) from error
        if vote is not None and self.cache is not None:
            await asyncio.to_thread(self.cache.put, key, vote, model=self.model.name, prompt=PROMPT_VERSION)
        return vote

    async def _message(self, asked: str, exhibit: Exhibit, images: ImageStore) -> Message:
        def show() -> list[ImagePart]:
            return [
                ImagePart.of(f"image_{number}", images.get(ref), ref, self.model.vision)
                for number, ref in enumerate(exhibit.images, start=1)
            ]

        return Message.make("user", *(await asyncio.to_thread(show) if exhibit.images else ()), asked)

    async def _new(self, message: Message, draw: Sampling) -> Vote:
        conversation = self.model.conversation(draw)
        try:
            for _ in range(1 + _REMINDERS):
                reply = await self._send(conversation, message)
                # The last line of a reply that was cut off is not its end.
                vote = None if reply.finish_reason == "length" else read_verdict(reply.text)
                if vote is not None:
                    return vote
                message = Message.make("user", REMINDER)
        except ContextOverflow:
            pass  # there is no room for a verdict, whoever asks again
        finally:
            await conversation.close()
        return None

    async def _send(self, conversation: Conversation, message: Message) -> Completion:
        async def send() -> Completion:
            return await conversation.send([message], max_tokens=self.max_tokens)

        reply = await with_retries(send, Limits(), [])
        if self.tell is not None:
            for note in reply.notes:
                self.tell(note)
        return reply


def majority(votes: Sequence[Vote]) -> Outcome:
    """What more than half of all votes say, those that were not given included; else unsure."""
    word, count = Counter(votes).most_common(1)[0] if votes else (None, 0)
    return Outcome.unsure if word is None or 2 * count <= len(votes) else word
