"""The clock of an episode, which stands still while we wait for our turn.

What always holds: the seconds of an episode are those in which its model, its tools or we are at work. What
is waited because a server is asked by others too, or asks to come back later, says nothing about the model
and does not end the episode as its time-out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_CLOCK: ContextVar[asyncio.Timeout | None] = ContextVar("episode_clock", default=None)


@contextmanager
def keeping(clock: asyncio.Timeout) -> Generator[None]:
    """Make `clock`, which is running, the one that `clock_stopped` stops in this block."""
    token = _CLOCK.set(clock)
    try:
        yield
    finally:
        _CLOCK.reset(token)


@contextmanager
def clock_stopped() -> Generator[None]:
    """The episode's clock does not run in this block. Does nothing outside an episode, or where it stands."""
    clock = _CLOCK.get()
    end = None if clock is None else clock.when()
    if clock is None or end is None or clock.expired():
        yield
        return
    loop = asyncio.get_running_loop()
    start = loop.time()
    clock.reschedule(None)
    try:
        yield
    finally:
        clock.reschedule(end + loop.time() - start)
