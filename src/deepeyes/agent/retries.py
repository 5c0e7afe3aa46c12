"""Trying again when something of ours failed, and finishing what must not be left half done.

Only `InfrastructureError`s that say they are `retryable` are tried again: a client that already retried, or
an error of the user, would only waste time. Every further attempt leaves a note, so that a flaky provider
is seen in traces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from deepeyes.core.errors import InfrastructureError
from deepeyes.core.limits import Limits
from deepeyes.core.retrying import RetryPolicy, TryAgain, retry

T = TypeVar("T")


async def with_retries(act: Callable[[], Awaitable[T]], limits: Limits, notes: list[str]) -> T:
    """The result of `act`, which is tried up to `limits.retries` times more. Raises its last error."""

    async def attempt() -> T:
        try:
            return await act()
        except InfrastructureError as error:
            if not error.retryable:
                raise
            raise _Failed(error) from error

    def note(problem: TryAgain) -> None:
        notes.append(f"tried again after {problem}")

    try:
        return await retry(attempt, RetryPolicy(limits.retries, limits.retry_seconds), note)
    except _Failed as problem:
        last = problem.error
    raise last


class _Failed(TryAgain):
    def __init__(self, error: InfrastructureError) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error


async def to_the_end(act: Callable[[], object]) -> None:
    """Do blocking `act` in a thread and wait for its end, even when cancelled meanwhile."""
    work = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await work
        raise
