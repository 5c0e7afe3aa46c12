"""How many cells run at once.

Without a bound, 32 episodes on two cores make every cell 30 times slower and time out; with one, each waits
its turn and then runs at full speed. A cell that takes long gives its slot up after a while, so that
sleepers and loops do not hold up the short cells that most are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

_HOLD_SECONDS = 2.0


class RunSlots:
    """First come, first served."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self.running = 0
        """Cells in their `hold` right now, those that gave up their slot included."""

    @asynccontextmanager
    async def hold(self) -> AsyncGenerator[None]:
        await self._free.acquire()
        held = True

        def give_up() -> None:
            nonlocal held
            if held:
                held = False
                self._free.release()

        timer = asyncio.get_running_loop().call_later(_HOLD_SECONDS, give_up)
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            timer.cancel()
            give_up()
