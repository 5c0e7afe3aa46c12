"""Asking through a recording, whatever the kind of answer: look, claim, ask once, write.

What always holds: equal questions at the same time are asked once, in one process (they share a task) and
in many (they share a claim, which is renewed for as long as the asking takes); who stops waiting stops
nobody else, and what was paid for is written; failures are shared by those who wait and are never written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from deepeyes.core.errors import InputError
from deepeyes.search.record.cassette import Cassette, Entry, Kind, Question

Mode = Literal["live", "record", "replay", "replay-or-live"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Recording:
    """How answers are kept: the cassette, the mode, the name of the snapshot, and two patiences."""

    cassette: Cassette
    mode: Mode = "replay-or-live"
    snapshot: str = ""
    empty_seconds: float = 3600.0
    """How long "nothing found" is believed before it is asked again."""
    claim_seconds: float = 30.0
    """How long a process that died while asking keeps others waiting."""
    opened: float = field(default_factory=time.time)
    """Start of the run, for `record`."""


@dataclass
class Codec(Generic[_T]):
    """One kind of answer: to JSON, from JSON, and whether it is empty."""

    kind: Kind
    dump: Callable[[_T], Any]
    load: Callable[[Any], _T]
    is_empty: Callable[[_T], bool]


class CachedAsk(Generic[_T]):
    """Asks through a recording: one asker per question, the others share its answer or failure."""

    def __init__(
        self, recording: Recording, provider: str, params: Mapping[str, Any], codec: Codec[_T]
    ) -> None:
        self.recording = recording
        self.misses = 0
        self.asked = 0
        self._provider = provider
        self._params = params
        self._codec = codec
        self._flights: dict[tuple[int, str], asyncio.Task[_T]] = {}

    async def answer(
        self, query: str, ask: Callable[[], Awaitable[_T]], more: Mapping[str, Any] | None = None
    ) -> _T | None:
        """The answer; None for a miss in `replay`. `more` adds to what names the question."""
        if self.recording.mode == "live":
            return await ask()
        params = {**(more or {}), **self._params}
        question = Question(self._codec.kind, self._provider, query, params, self.recording.snapshot)
        if (kept := await self._kept(question)) is not None:
            return kept[0]
        if self.recording.mode == "replay":
            self.misses += 1
            return None
        # The asking runs in a task of its own: who waits for it may be cancelled, what was paid for is kept.
        flight = (id(asyncio.get_running_loop()), question.key)
        task = self._flights.get(flight)
        if task is None or task.done():
            task = self._flights[flight] = asyncio.create_task(self._fetch(question, ask))
            task.add_done_callback(lambda done: self._landed(flight, done))
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        here = id(asyncio.get_running_loop())
        tasks = [task for (loop, _), task in self._flights.items() if loop == here and not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, flight: tuple[int, str], task: asyncio.Task[_T]) -> None:
        if self._flights.get(flight) is task:
            del self._flights[flight]
        if not task.cancelled():
            task.exception()  # seen here, so that a failure nobody waited for makes no noise

    async def _fetch(self, question: Question, ask: Callable[[], Awaitable[_T]]) -> _T:
        cassette, pause = self.recording.cassette, 0.02
        while not await asyncio.to_thread(cassette.claim, question, self.recording.claim_seconds):
            await asyncio.sleep(pause)  # another process asks just now
            pause = min(0.5, pause * 1.5)
            if (kept := await self._kept(question)) is not None:
                return kept[0]
        try:
            if (
                kept := await self._kept(question)
            ) is not None:  # it was given between our look and our claim
                return kept[0]
            self.asked += 1
            holding = asyncio.create_task(self._hold(question))
            try:
                answer = await ask()
            finally:
                holding.cancel()
            await asyncio.to_thread(self._put, question, answer)
            return answer
        finally:
            await asyncio.to_thread(cassette.release, question)

    async def _hold(self, question: Question) -> None:
        """Keep the claim for as long as the asking takes: a rate limit can make it wait for minutes."""
        while True:
            await asyncio.sleep(self.recording.claim_seconds / 3)
            await asyncio.to_thread(self.recording.cassette.renew, question, self.recording.claim_seconds)

    def _put(self, question: Question, answer: _T) -> None:
        self.recording.cassette.put(question, self._codec.dump(answer), empty=self._codec.is_empty(answer))

    async def _kept(self, question: Question) -> tuple[_T] | None:
        return await asyncio.to_thread(self._look, question)

    def _look(self, question: Question) -> tuple[_T] | None:
        entry = self.recording.cassette.get(question)
        if entry is None or not self._counts(entry):
            return None
        try:
            return (self._codec.load(entry.answer),)
        except (InputError, KeyError, TypeError, ValueError):
            return None  # its images are gone, or it was written by hand: as good as not recorded

    def _counts(self, entry: Entry) -> bool:
        if self.recording.mode == "record":
            return entry.at >= self.recording.opened
        if self.recording.mode == "replay-or-live" and entry.empty:
            return time.time() - entry.at < self.recording.empty_seconds
        return True
