"""Trying again, the same way for all who ask something that may fail: model servers, providers, sites, tools.

What always holds: an attempt says with `TryAgain` that it failed in a way that may pass, every other
exception ends the trying at once; there are exactly `retries + 1` attempts at most, besides those that do not
count; the waits between them double, are scattered so that many who failed together do not come back
together, and are capped; a wait that the other side asked for takes the place of our own. Who may try again,
and what the last failure is called, is the caller's business.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

T = TypeVar("T")

_JITTER = 0.5
_MOST_DOUBLINGS = 60
"""Further doubling would only overflow: every wait is at its cap long before."""


class TryAgain(Exception):
    """This attempt failed in a way that may pass; `wait` are the seconds that the other side asks for."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait
        self.counts = True
        """Whether it uses up one of the attempts: not where it only says that it is not our turn yet."""
        self.attempts = 1
        """Attempts made when this one failed, itself included; set by `retry`."""

    @property
    def tried(self) -> str:
        """How often, for an error's text: "tried once", "tried 3 times"."""
        return f"tried {self.attempts} times" if self.attempts > 1 else "tried once"


@dataclass(frozen=True)
class RetryPolicy:
    """How often to try again and how long to wait before, in seconds."""

    retries: int
    """Further attempts after the first."""
    first_wait: float
    longest_wait: float = 60.0
    leave_if_longer: bool = False
    """Whether being asked to wait longer than the longest wait ends the trying; else that long is waited."""
    longest_asked: float | None = None
    """The longest wait that the other side may ask for, where it is not `longest_wait`."""

    def wait(self, failures: int, asked: float | None = None, chance: float = 0.5) -> float | None:
        """Seconds to wait after the `failures`-th failure; None if there is no further attempt.

        `asked` is the other side's wish; without one above 0 the wait doubles with each failure and is
        scattered by half to either side: `chance` from 0 to 1 says where in that range it falls.
        """
        if failures > self.retries:
            return None
        if asked is not None and asked > 0:
            longest = self.longest_wait if self.longest_asked is None else self.longest_asked
            return None if asked > longest and self.leave_if_longer else min(asked, longest)
        growing = self.first_wait * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
        return min(growing * (1 - _JITTER + 2 * _JITTER * chance), self.longest_wait)


async def retry(
    attempt: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    before_wait: Callable[[TryAgain], None] | None = None,
    sleep: Callable[[float], Awaitable[None]] | None = None,
) -> T:
    """The result of the first `attempt` that succeeds. Raises the last one's `TryAgain` when none did.

    `before_wait` is told of each failure that is followed by another attempt; what it raises ends the trying.
    `sleep` waits that many seconds, if not `asyncio.sleep`.
    """
    failures = 0
    while True:
        try:
            return await attempt()
        except TryAgain as problem:
            failures += 1
            problem.attempts = failures
            if not problem.counts:
                policy = replace(policy, retries=policy.retries + 1)
            wait = policy.wait(failures, problem.wait, random.random())
            if wait is None:
                raise
            if before_wait is not None:
                before_wait(problem)
        await (sleep or asyncio.sleep)(wait)


def retry_after(value: str, now: float) -> float | None:
    """Seconds from `now` (seconds since 1970) that the text of a Retry-After header asks for, written as a
    number or as a date.

    None if it asks for no wait: it is empty or garbage, zero or below, or its date has gone by (as may be
    where clocks differ). The caller's own wait then holds, so that such a server is not hammered.
    """
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, now)
    return seconds if 0 < seconds < math.inf else None


def _seconds_until(date: str, now: float) -> float:
    """Seconds from `now` to an HTTP date; nan if it is none."""
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return math.nan
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime.fromtimestamp(now, UTC)).total_seconds()
