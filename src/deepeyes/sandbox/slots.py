"""How many cells run at once, and who goes first.

Without a bound, 32 episodes on two cores make every cell 30 times slower and time out; with one, each waits
its turn and then runs at full speed. A cell that takes long gives its slot up after a while, so that
sleepers and loops do not hold up the short cells that most are. Sessions that start go ahead of cells: a
start is short, and until it is done its episode can do nothing.

What always holds: a start keeps its precedence for `_AHEAD_SECONDS` at most, and however many starts follow
one another, they hold a cell back no longer than that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress

_HOLD_SECONDS = 2.0
_AHEAD_SECONDS = 2.0


class RunSlots:
    """First come, first served, after the sessions that start."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._starting = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self.running = 0
        """Cells in their `hold` right now, those that gave up their slot included."""

    @contextmanager
    def start(self) -> Generator[None]:
        """While a session starts: cells that run go on, no other begins."""
        self._starting += 1
        self._calm.clear()
        with _end_early(_AHEAD_SECONDS, self._started):
            yield

    @asynccontextmanager
    async def hold(self) -> AsyncGenerator[None]:
        """While a cell runs."""
        patience = asyncio.get_running_loop().time() + _AHEAD_SECONDS
        await self._free.acquire()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(patience):
                    await self._calm.wait()
        except BaseException:
            self._free.release()
            raise
        self.running += 1
        try:
            with _end_early(_HOLD_SECONDS, self._free.release):
                yield
        finally:
            self.running -= 1

    def _started(self) -> None:
        self._starting -= 1
        if not self._starting:
            self._calm.set()


@contextmanager
def _end_early(seconds: float, end: Callable[[], None]) -> Generator[None]:
    """Calls `end` once: when the block ends, or after `seconds` if that is earlier."""
    ended = False

    def end_once() -> None:
        nonlocal ended
        if not ended:
            ended = True
            end()

    timer = asyncio.get_running_loop().call_later(seconds, end_once)
    try:
        yield
    finally:
        timer.cancel()
        end_once()
