"""One open agent for an event loop; needs no `inspect_ai`."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from deepeyes.core.errors import SandboxUnavailable
from deepeyes.eval.inspect.held import Held


class Opens:
    """Counts what is open; the first `failing` attempts fail."""

    def __init__(self, failing: int = 0) -> None:
        self.told: list[str] = []
        self.failing = failing

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[str]:
        await asyncio.sleep(0)
        if self.failing:
            self.failing -= 1
            raise SandboxUnavailable("no sandbox", "try again")
        self.told.append("open")
        try:
            yield f"agent {len(self.told)}"
        finally:
            self.told.append("closed")


def test_all_who_ask_at_once_get_the_same_and_it_closes_with_the_loop() -> None:
    opens = Opens()
    held = Held(opens)

    async def ask() -> list[str]:
        return [*await asyncio.gather(*(held.get() for _ in range(5))), await held.get()]

    assert asyncio.run(ask()) == ["agent 1"] * 6
    assert opens.told == ["open", "closed"]


def test_another_loop_gets_another() -> None:
    opens = Opens()
    held = Held(opens)
    assert [asyncio.run(held.get()), asyncio.run(held.get())] == ["agent 1", "agent 3"]
    assert opens.told == ["open", "closed"] * 2


def test_a_failure_reaches_those_who_wait_and_the_next_one_tries_again() -> None:
    held = Held(Opens(failing=1))

    async def ask() -> str:
        first = await asyncio.gather(held.get(), held.get(), return_exceptions=True)
        assert all(isinstance(one, SandboxUnavailable) for one in first)
        return await held.get()

    assert asyncio.run(ask()) == "agent 1"


def test_who_stops_waiting_stops_nobody_else() -> None:
    held = Held(Opens())

    async def ask() -> str:
        waiting = asyncio.create_task(held.get())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return await held.get()

    assert asyncio.run(ask()) == "agent 1"
