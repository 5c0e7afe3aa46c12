"""How fast and how often a provider may be asked.

What always holds: over any span of `t` seconds at most `burst + rate * t` requests leave; waiting requests
leave in the order they came; a spending cap is never passed, because a call is counted before it is sent
and retries count too (what a provider bills can only be less).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from deepeyes.search.base import SearchUnavailable


class SpendingCap(SearchUnavailable):
    """The run's cap of calls to a provider is spent."""


class TokenBucket:
    """At most `burst` requests at once and `rate` a second after that."""

    def __init__(self, rate: float, burst: int = 1, *, clock: Callable[[], float] = time.monotonic) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError("rate must be above 0 and burst at least 1")
        self._gap = 1.0 / rate
        self._slack = (burst - 1) * self._gap
        self._clock = clock
        self._due = float("-inf")

    def reserve(self) -> float:
        """Take the next place; returns how many seconds to wait before using it."""
        now = self._clock()
        self._due = max(self._due + self._gap, now - self._slack)
        return max(0.0, self._due - now)

    async def wait(self) -> None:
        seconds = self.reserve()
        if seconds > 0:
            await asyncio.sleep(seconds)


class Budget:
    """Counts calls to the provider `name`; None means no cap."""

    def __init__(self, name: str, cap: int | None = None) -> None:
        self._name = name
        self.cap = cap
        self.spent = 0

    def spend(self) -> None:
        """Count one call. Raises `SpendingCap` when there is none left."""
        self.check()
        self.spent += 1

    def check(self) -> None:
        """Raises `SpendingCap` when no call is left."""
        if self.cap is not None and self.spent >= self.cap:
            raise SpendingCap(
                f"{self._name}: all {self.cap} calls of this run are spent",
                f"raise the cap ({self._name}?cap=N) or replay a recording",
            )
