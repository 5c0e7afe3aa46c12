"""One open agent for all episodes of an event loop.

Inspect tells a solver or a model when a sample begins and not when the evaluation is over. What always holds:
the agent is opened and closed by one task of its own; it is closed when its loop ends, however that ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

T = TypeVar("T")


class Held(Generic[T]):
    """What `opens` gives, opened when it is first asked for; again after a failure, or in another loop."""

    def __init__(self, opens: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._opens = opens
        self._opened: asyncio.Future[T] | None = None
        self._holder: asyncio.Task[None] | None = None

    async def get(self) -> T:
        """The one of the running loop. Raises what opening it raises."""
        loop = asyncio.get_running_loop()
        opened = self._opened
        failed = opened is not None and opened.done() and opened.exception() is not None
        if opened is None or failed or opened.get_loop() is not loop:
            opened = self._opened = loop.create_future()
            self._holder = loop.create_task(self._hold(opened))
            self._holder.add_done_callback(lambda task: _pass_on(task, opened))
        return await asyncio.shield(opened)

    async def _hold(self, opened: asyncio.Future[T]) -> None:
        async with self._opens() as one:
            opened.set_result(one)
            await asyncio.Event().wait()  # until the loop ends and stops what it still runs


def _pass_on(task: asyncio.Task[None], opened: asyncio.Future[T]) -> None:
    """What came up while it was opened, to those who wait."""
    if task.cancelled():
        opened.cancel()
    elif (error := task.exception()) is not None and not opened.done():
        opened.set_exception(error)
