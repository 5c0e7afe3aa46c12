"""When a server may be asked again: its limits, its Retry-After, and the money that it may cost.

One `Pace` holds what this process knows about a server: what is under way there, when it was last asked, how
much it has read and written. What always holds: what a model's provider allows is never exceeded by all of
the server's models in this process together, and a request waits rather than fails when it is used up;
while the server asks to wait nobody asks it; who asks too fast asks slower from then on; such waits are none
of the episode's time; once the budget is spent nothing more is sent.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from weakref import WeakKeyDictionary

from deepeyes.core.clock import clock_stopped
from deepeyes.core.errors import ModelError
from deepeyes.core.retrying import TryAgain, retry_after
from deepeyes.core.trace import Usage
from deepeyes.models.providers import Provider

LONGEST_WAIT = 3600.0
"""Seconds: a server may ask for so long a wait, and for so many waits while it answers nobody."""
BUSY = frozenset({429, 503, 529})
_LOG = logging.getLogger(__name__)
_MINUTE = 60.0
_TOLD_FROM = 5.0
"""Waits are told of from so many seconds on, once a minute."""
_FIRST_GAP, _LONGEST_GAP = 0.1, 30.0
_FASTER = 0.95
"""By which an answer shortens the gap that a refusal has doubled."""
_LOOK_AGAIN = 1.0
"""Seconds after which a request looks whether another one has ended, in case it did so on another loop."""
_SAID = re.compile(
    r"(?:try again in|retry (?:in|after)|retry.?delay\W{1,6})\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m)\b", re.I
)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": _MINUTE, "min": _MINUTE}


class BudgetSpent(ModelError):
    """The money that a provider may cost in this process is spent."""


class Busy(TryAgain):
    """The server does not refuse the request, only its moment."""


class _Gate:
    """Where the requests of one event loop stand in line."""

    def __init__(self) -> None:
        self.line = asyncio.Lock()
        self.freed = asyncio.Event()


class Pace:
    """What this process knows about one server."""

    def __init__(self) -> None:
        self.answers = 0
        self.usage = Usage()
        self.money = 0.0
        self._told_answers = 0
        self._under_way = 0
        self._waiting = 0
        self._last = -math.inf
        """When the last request was sent, on the monotonic clock; as all moments here."""
        self._gap = 0.0
        """Seconds between requests, as far as the server's refusals have taught it."""
        self._slowed = -math.inf
        self._closed_until = -math.inf
        self._told = -math.inf
        self._recent: deque[tuple[float, int]] = deque()
        """Moment and tokens of the answers of the last minute."""
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gate] = WeakKeyDictionary()

    @asynccontextmanager
    async def turn(self, provider: Provider) -> AsyncGenerator[float]:
        """Waits until `provider` allows one more request, which lasts as long as the block; gives the moment
        when it began. Raises `BudgetSpent`.
        """
        gate = self._gates.setdefault(asyncio.get_running_loop(), _Gate())
        self._waiting += 1
        try:
            with clock_stopped():
                async with gate.line:
                    while True:
                        self._check(provider)
                        now = time.monotonic()
                        if (delay := self._delay(provider, now)) <= 0:
                            break
                        gate.freed.clear()
                        with suppress(TimeoutError):
                            await asyncio.wait_for(gate.freed.wait(), delay)
        finally:
            self._waiting -= 1
        self._under_way += 1
        self._last = now
        try:
            yield now
        finally:
            self._under_way -= 1
            gate.freed.set()

    def answered(self, provider: Provider, usage: Usage) -> None:
        """Told of what a reply has cost."""
        self.answers += 1
        self.usage += usage
        self._recent.append((time.monotonic(), usage.prompt_tokens + usage.completion_tokens))
        read, written = usage.prompt_tokens, usage.completion_tokens
        self.money += (provider.price_in * read + provider.price_out * written) / 1e6
        self._gap = self._gap * _FASTER if self._gap > 0.01 else 0.0

    def refused(self, began: float) -> None:
        """Told that the request which `began` then came too soon; one that was sent before that was known
        teaches nothing more.
        """
        if began > self._slowed:
            self._gap = min(max(2 * self._gap, _FIRST_GAP), _LONGEST_GAP)
            self._slowed = time.monotonic()

    async def wait_out(self, seconds: float, *, closed: bool) -> None:
        """Wait; if the server is `closed`, because it asked for this wait, nobody asks it meanwhile."""
        until = time.monotonic() + seconds
        if closed:
            self._closed_until = max(self._closed_until, until)
        self._waiting += 1
        try:
            with clock_stopped():
                await asyncio.sleep(seconds)
        finally:
            self._waiting -= 1
        if self._closed_until <= until:
            self._closed_until = -math.inf

    def tell(self, what: str) -> None:
        """Say on the log that it is waited, unless that was said within the last minute."""
        now = time.monotonic()
        if now - self._told >= _MINUTE:
            self._told = now
            _LOG.warning("%s", what)

    def tell_spending(self, provider: Provider) -> None:
        """Say on the log what was spent, if that has a price and has grown."""
        if self.answers > self._told_answers and (provider.price_in or provider.price_out):
            self._told_answers = self.answers
            of = "" if provider.budget is None else f" of a budget of {provider.budget:g}"
            _LOG.info("%s has cost %s%s", provider.place, self._cost(), of)

    def _cost(self) -> str:
        tokens = f"{self.usage.prompt_tokens:,} tokens read, {self.usage.completion_tokens:,} written"
        replies = "1 reply" if self.answers == 1 else f"{self.answers:,} replies"
        return f"{self.money:.4g} ({replies}, {tokens})"

    def _check(self, provider: Provider) -> None:
        if provider.budget is not None and self.money >= provider.budget:
            raise BudgetSpent(
                f"the budget of {provider.budget:g} for {provider.place} is spent, on {self._cost()}",
                "raise budget; a run that keeps traces goes on where it was",
            )

    def _delay(self, provider: Provider, now: float) -> float:
        """Seconds until it is worth looking again; 0 or below: now."""
        if provider.concurrency is not None and self._under_way >= provider.concurrency:
            return _LOOK_AGAIN
        due = self._closed_until
        if provider.requests_per_minute is not None:
            due = max(due, self._last + _MINUTE / provider.requests_per_minute)
        if self._waiting > 1 or self._under_way:
            due = max(due, self._last + self._gap)
        if provider.tokens_per_minute is not None:
            due = max(due, self._tokens_due(provider.tokens_per_minute, now))
        return due - now

    def _tokens_due(self, limit: float, now: float) -> float:
        """When one more request of the mean size may be sent, beside those under way. The first goes alone:
        nothing is known of what one costs. One that is larger than the limit goes when nothing else has.
        """
        while self._recent and self._recent[0][0] <= now - _MINUTE:
            self._recent.popleft()
        if not self._recent and not self._under_way:
            return now
        if not self.answers:
            return now + _LOOK_AGAIN
        mean = (self.usage.prompt_tokens + self.usage.completion_tokens) / self.answers
        used = sum(tokens for _, tokens in self._recent) + self._under_way * mean
        if used + mean <= limit:
            return now
        return self._recent[0][0] + _MINUTE if self._recent else now + _LOOK_AGAIN


class Patience:
    """What one request has waited for so far, and whether it is any use to go on."""

    def __init__(self, pace: Pace, place: str) -> None:
        self._pace = pace
        self._place = place
        self._answers = pace.answers
        self._asked = 0.0
        """Seconds that it was asked to wait since the server has answered anybody."""
        self._closed = False

    def weigh(self, busy: Busy) -> None:
        """Decides whether `busy` uses up an attempt: not if the server said how long to wait, or has answered
        others meanwhile.
        """
        others = self._pace.answers > self._answers
        self._answers, self._asked = self._pace.answers, 0.0 if others else self._asked
        self._asked += busy.wait or 0.0
        busy.counts = not (others or busy.wait) or self._asked > LONGEST_WAIT

    def before_wait(self, problem: TryAgain) -> None:
        self._closed = isinstance(problem, Busy) and bool(problem.wait)
        if self._closed and self._asked >= _TOLD_FROM:
            wait = problem.wait or 0.0
            self._pace.tell(f"the model server at {self._place} {problem} and asks to wait {wait:.0f} s")

    async def sleep(self, seconds: float) -> None:
        await self._pace.wait_out(seconds, closed=self._closed)


def asked_wait(headers: Mapping[str, str], words: str, now: float) -> float | None:
    """Seconds that an answer asks to wait, in a header or in its words; None if it asks for none. `now` is in
    seconds since 1970.
    """
    with suppress(ValueError):
        milliseconds = float(headers.get("retry-after-ms", ""))
        if 0 < milliseconds < math.inf:
            return milliseconds / 1000
    seconds = retry_after(headers.get("retry-after", ""), now)
    said = _SAID.search(words) if seconds is None else None
    return float(said[1]) * _SECONDS[said[2].lower()] if said else seconds


_paces: dict[tuple[str, str], Pace] = {}


def pace_of(provider: Provider) -> Pace:
    """The pace that all models of a provider share in this process."""
    return _paces.setdefault((provider.place, provider.key_env), Pace())
