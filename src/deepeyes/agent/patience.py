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

T = TypeVar("T")


async def patiently(act: Callable[[], Awaitable[T]], limits: Limits, notes: list[str]) -> T:
    """The result of `act`, which is tried up to `limits.retries` times more, with a doubling wait between."""
    wait = limits.retry_seconds
    attempts_left = limits.retries
    while True:
        try:
            return await act()
        except InfrastructureError as error:
            if attempts_left == 0 or not error.retryable:
                raise
            notes.append(f"tried again after {type(error).__name__}: {error}")
        await asyncio.sleep(wait)
        attempts_left -= 1
        wait *= 2


async def to_the_end(act: Callable[[], object]) -> None:
    """Do blocking `act` in a thread and wait for its end, even when cancelled meanwhile."""
    work = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await work
        raise
